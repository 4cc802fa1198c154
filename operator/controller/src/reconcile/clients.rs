//! The hashes of the clients' secrets from pass to pass. They are read from the server, and again whenever the watches
//! have told something new of these Secrets; so a pass without news asks the server nothing.

use std::collections::BTreeMap;

use crate::children::{ChildKey, Facts, Family};

/// By client, the hashes of its secrets.
type Hashes = BTreeMap<String, Vec<String>>;

/// What the watches tell of the Secrets of clients: the name, the uid and a hash of the values of each.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told(Vec<(ChildKey, String, u64)>);

impl Told {
    pub(super) fn of(family: &Family) -> Self {
        let clients = family.iter().filter_map(|(key, seen)| match seen.facts {
            Facts::Client { values } => Some((key.clone(), seen.uid.clone(), values)),
            _ => None,
        });
        Self(clients.collect())
    }
}

/// What was read last, and what the watches had told before that.
#[derive(Debug, Default)]
pub(super) struct Clients {
    told: Told,
    hashes: Hashes,
}

impl Clients {
    /// What was read, if the watches have told nothing else since. Where they have told of no Secret, one may just
    /// have been made.
    pub(super) fn known(&self, told: &Told) -> Option<Hashes> {
        (!told.0.is_empty() && self.told == *told).then(|| self.hashes.clone())
    }

    /// Takes note of what was read after the watches had told this much.
    pub(super) fn learn(&mut self, told: Told, hashes: &Hashes) {
        *self = Self { told, hashes: hashes.clone() };
    }
}

#[cfg(test)]
mod tests {
    use kube::core::DynamicObject;
    use serde_json::json;

    use super::*;
    use crate::children::{Kind, seen};
    use crate::labels;

    fn family(secrets: &[(&str, &str)]) -> Family {
        let secret = |(name, value): &(&str, &str)| {
            let object: DynamicObject = serde_json::from_value(json!({
                "metadata": {"name": name, "uid": format!("uid-{name}"), "labels": {labels::CLIENT: name}},
                "data": {"client_secret": value},
            }))
            .unwrap();
            let key = ChildKey { kind: Kind::Secret, name: (*name).to_owned() };
            (key, seen(Kind::Secret, &object))
        };
        secrets.iter().map(secret).collect()
    }

    #[test]
    fn what_was_read_serves_until_a_watch_tells_something_else() {
        let hashes = Hashes::from([("web".to_owned(), vec!["0".repeat(64)])]);
        let before = family(&[("web", "YWJj")]);
        let mut clients = Clients::default();
        assert_eq!(clients.known(&Told::of(&before)), None, "nothing was read yet");
        clients.learn(Told::of(&before), &hashes);
        assert_eq!(clients.known(&Told::of(&before)), Some(hashes));
        for after in [family(&[]), family(&[("web", "eHl6")]), family(&[("web", "YWJj"), ("order", "YWJj")])]
        {
            assert_eq!(clients.known(&Told::of(&after)), None);
        }
        clients.learn(Told::default(), &Hashes::new());
        assert_eq!(
            clients.known(&Told::of(&family(&[]))),
            None,
            "one may be there that no watch has told of"
        );
    }
}
