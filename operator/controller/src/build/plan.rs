//! What *build* hands to *apply*: objects in full, and Secrets as recipes. A plan holds no secret,
//! so it can be printed, compared and kept in snapshots.

use std::collections::BTreeMap;

use platform_components::{Name, ServerKind};
use serde_json::Value;

/// Everything that is wanted for one platform.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Secrets to make once, before anything that mounts them.
    pub secrets: Vec<SecretSpec>,
    /// Objects, in the order in which they are applied within their stage.
    pub objects: Vec<Wanted>,
}

/// What part of the platform an object belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The platform as a whole.
    Platform,
    /// A managed server.
    Server(ServerKind),
    /// Databases, users and topology on the servers.
    Provision,
    /// A component.
    Component(Name),
}

/// When an object of a part may be applied. Edges between parts are in the table of components
/// (`servers`, `after`); the stages order the objects of one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// At once: it starts no pod.
    Base,
    /// At once: the StatefulSet of a server.
    Server,
    /// When the managed servers run: the Job that makes databases, users and topology.
    Provision,
    /// When provisioning is done: a component's migration Job.
    Migrate,
    /// When the migration is done: a component's demo data. Nothing waits for it.
    Seed,
    /// When the migration is done and the components in `after` are ready: the Deployment.
    Serve,
}

/// An object that is wanted, without owner reference: *apply* adds it, unless `keep`.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// What it belongs to.
    pub part: Part,
    /// When it may be applied.
    pub stage: Stage,
    /// Whether it outlives the platform: it gets no owner reference, and is adopted by the next
    /// platform of the same name.
    pub keep: bool,
    /// The object in full, as JSON: partial applies need exactly the fields that are ours.
    pub object: Value,
}

impl Wanted {
    /// The object's `apiVersion`.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.object["apiVersion"].as_str().unwrap_or_default()
    }

    /// The object's `kind`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.object["kind"].as_str().unwrap_or_default()
    }

    /// The object's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().unwrap_or_default()
    }
}

/// A Secret that is generated once and never changed: when it exists, it is used as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSpec {
    /// What it belongs to.
    pub part: Part,
    /// Its name, which ends in its generation.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it outlives the platform.
    pub keep: bool,
    /// What can't be used without it. When that exists and the Secret doesn't, the credentials are lost,
    /// and making new ones would only hide that.
    pub opens: Option<Opens>,
    /// How each value is made.
    pub values: BTreeMap<String, Recipe>,
    /// The OAuth client whose secret it holds. identity's list of clients, which is one of the plan's
    /// objects, has the hash of it.
    pub client: Option<String>,
}

/// What a Secret opens, which so must not come into being before it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Opens {
    /// A volume whose data knows the password: its claim.
    Volume(String),
    /// A server to which a Job has told the password: the Job of today's wish. Another wish is another
    /// Job, which tells the server the new one.
    Account(String),
}

/// How one value of a Secret is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// As it stands.
    Literal(String),
    /// So many random bytes, in lower-case hexadecimal: safe in every URL and every configuration.
    RandomHex(usize),
    /// So many random bytes, in base64url without padding.
    RandomBase64Url(usize),
    /// The value of a key of another Secret, which the spec names: read when the Secret is made, and
    /// never part of a plan.
    Copied {
        /// That Secret.
        secret: String,
        /// Its key.
        key: String,
    },
    /// A text in which `{{key}}` stands for the value of another key that is no template.
    Template(String),
    /// A JSON object of the values of these other keys.
    Json(Vec<String>),
}

impl SecretSpec {
    /// Makes the values, with `random` filling a slice with random bytes and `copied` giving the value of
    /// a key of another Secret.
    #[must_use]
    pub fn generate(
        &self,
        mut random: impl FnMut(&mut [u8]),
        copied: impl Fn(&str, &str) -> String,
    ) -> BTreeMap<String, String> {
        use base64::Engine as _;

        let mut bytes = |length: usize| {
            let mut buffer = vec![0; length];
            random(&mut buffer);
            buffer
        };
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        for (key, recipe) in &self.values {
            let value = match recipe {
                Recipe::Literal(text) => text.clone(),
                Recipe::RandomHex(length) => hex::encode(bytes(*length)),
                Recipe::RandomBase64Url(length) => {
                    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes(*length))
                }
                Recipe::Copied { secret, key } => copied(secret, key),
                Recipe::Template(_) | Recipe::Json(_) => continue,
            };
            values.insert(key.clone(), value);
        }
        let plain = values.clone();
        for (key, recipe) in &self.values {
            let text = match recipe {
                Recipe::Template(template) => plain.iter().fold(template.clone(), |text, (name, value)| {
                    text.replace(&format!("{{{{{name}}}}}"), value)
                }),
                Recipe::Json(keys) => keys
                    .iter()
                    .map(|key| (key.as_str(), plain.get(key).cloned()))
                    .collect::<Value>()
                    .to_string(),
                _ => continue,
            };
            values.insert(key.clone(), text);
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_with_the_other_values() {
        let values = [
            ("username", Recipe::Literal("u".into())),
            ("password", Recipe::RandomHex(2)),
            ("uri", Recipe::Template("redis://{{username}}:{{password}}@h:6379".into())),
            ("key", Recipe::RandomBase64Url(4)),
            ("theirs", Recipe::Copied { secret: "a".into(), key: "b".into() }),
            ("both.json", Recipe::Json(vec!["theirs".into(), "username".into()])),
        ];
        let spec = SecretSpec {
            part: Part::Platform,
            name: "s".into(),
            labels: BTreeMap::new(),
            keep: true,
            opens: None,
            values: values.into_iter().map(|(key, recipe)| (key.to_owned(), recipe)).collect(),
            client: None,
        };
        let made = spec.generate(|buffer| buffer.fill(0xab), |secret, key| format!("{secret}\"{key}"));
        assert_eq!(made["uri"], "redis://u:abab@h:6379");
        assert_eq!(made["key"], "q6urqw");
        assert_eq!(made["both.json"], r#"{"theirs":"a\"b","username":"u"}"#);
        assert_eq!(made.len(), 6);
    }
}
