//! Secrets that are generated once. A Secret that exists is used as it is, whatever the recipe says by
//! now; one that is missing is made, unless something is there that only the lost one could open.

use std::collections::HashMap;

use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Map, Value, json};

use super::error::is_conflict;
use super::{ATTEMPTS, Applier, ApplyError, Change, belonging_patch, post_params};
use crate::build::{Opens, Recipe, SecretSpec};
use crate::children::{ChildKey, FIELD_MANAGER, Kind, RETAINED_ANNOTATION, Seen, seen};

impl Applier<'_> {
    /// Makes a Secret, or makes sure whose it is.
    ///
    /// # Errors
    /// See [`ApplyError`]. What it opens must not be made after an error.
    pub async fn secret(&mut self, spec: &SecretSpec) -> Result<Change, ApplyError> {
        let key = ChildKey { kind: Kind::Secret, name: spec.name.clone() };
        if self.family.get(&key).is_some_and(|seen| self.belongs(seen, spec.keep) && !seen.deleting) {
            return Ok(Change::None);
        }
        let api = self.api(Kind::Secret);
        let failed = |error| ApplyError::from_kube(&key, error);
        for _ in 0..ATTEMPTS {
            let outcome = match api.get_opt(&key.name).await.map_err(failed)? {
                None => {
                    self.refuse_to_hide_a_loss(spec).await?;
                    let copied = self.copied(spec).await?;
                    let object =
                        serde_json::from_value(self.secret_object(spec, &copied)).map_err(|error| {
                            ApplyError::Refused { child: key.clone(), message: error.to_string() }
                        })?;
                    api.create(&post_params(), &object).await.map(|_| Change::Created)
                }
                Some(live) if live.metadata.deletion_timestamp.is_some() => return Ok(Change::Awaited),
                Some(live) => {
                    self.claimable(&key, &live)?;
                    let seen = seen(Kind::Secret, &live);
                    if self.belongs(&seen, spec.keep) {
                        return Ok(Change::None);
                    }
                    let adopted =
                        seen.controller.is_none() && seen.retained_by.as_ref() != Some(&self.owner.uid);
                    let patch = belonging_patch(self.owner, spec.keep, &live);
                    let params = PatchParams {
                        field_manager: Some(FIELD_MANAGER.to_owned()),
                        ..PatchParams::default()
                    };
                    api.patch(&key.name, &params, &Patch::Merge(&patch))
                        .await
                        .map(|_| if adopted { Change::Adopted } else { Change::Updated })
                }
            };
            match outcome {
                Ok(change) => return Ok(change),
                Err(error) if is_conflict(&error) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(ApplyError::Busy { child: key })
    }

    /// Whether a Secret says whose it is in the way that its fate demands.
    fn belongs(&self, seen: &Seen, keep: bool) -> bool {
        if keep {
            seen.controller.is_none() && seen.retained_by.as_ref() == Some(&self.owner.uid)
        } else {
            self.is_ours(seen) && seen.retained_by.is_none()
        }
    }

    /// A new password for what knows the old one would only look like a solution.
    async fn refuse_to_hide_a_loss(&self, spec: &SecretSpec) -> Result<(), ApplyError> {
        let Some(opens) = &spec.opens else { return Ok(()) };
        let key = opens.key();
        let found = self.api(key.kind).get_opt(&key.name).await;
        match found.map_err(|error| ApplyError::from_kube(&key, error))? {
            Some(_) => Err(ApplyError::CredentialsLost { secret: spec.name.clone(), opens: opens.clone() }),
            None => Ok(()),
        }
    }

    /// What the recipes take from Secrets of the user, by Secret and key.
    async fn copied(&self, spec: &SecretSpec) -> Result<HashMap<(String, String), String>, ApplyError> {
        let mut values = HashMap::new();
        for recipe in spec.values.values() {
            let Recipe::Copied { secret, key } = recipe else { continue };
            let child = ChildKey { kind: Kind::Secret, name: secret.clone() };
            let live = self.api(Kind::Secret).get_opt(secret).await;
            let live = live.map_err(|error| ApplyError::from_kube(&child, error))?;
            let value = live.and_then(|live| text_of(&live, key));
            let value = value.ok_or_else(|| ApplyError::Refused {
                child: ChildKey { kind: Kind::Secret, name: spec.name.clone() },
                message: format!("the Secret {secret} has no text under the key {key}"),
            })?;
            values.insert((secret.clone(), key.clone()), value);
        }
        Ok(values)
    }

    fn secret_object(&self, spec: &SecretSpec, copied: &HashMap<(String, String), String>) -> Value {
        let copied = |secret: &str, key: &str| {
            copied.get(&(secret.to_owned(), key.to_owned())).cloned().unwrap_or_default()
        };
        let values: Map<String, Value> = spec
            .generate(|buffer| rand::fill(buffer), copied)
            .into_iter()
            .map(|(key, value)| (key, Value::from(base64(&value))))
            .collect();
        let (references, retained) = self.owner.belonging(spec.keep);
        let mut metadata = json!({
            "name": spec.name, "namespace": self.owner.key.namespace, "labels": spec.labels,
        });
        if !references.is_null() {
            metadata["ownerReferences"] = references;
        }
        if !retained.is_null() {
            metadata["annotations"] = json!({RETAINED_ANNOTATION: retained});
        }
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            // A pod never sees another value of an immutable Secret, not even of one that was deleted and
            // made anew; and that is how a client gets another secret.
            "immutable": spec.client.is_none(),
            "metadata": metadata, "data": values,
        })
    }
}

impl Opens {
    /// The object whose existence says that a password is in use.
    #[must_use]
    pub fn key(&self) -> ChildKey {
        match self {
            Self::Volume(claim) => ChildKey { kind: Kind::PersistentVolumeClaim, name: claim.clone() },
            Self::Account(job) => ChildKey { kind: Kind::Job, name: job.clone() },
        }
    }
}

/// The text under a key of a Secret, without the line break that editors put at the end of a file.
fn text_of(secret: &DynamicObject, key: &str) -> Option<String> {
    use base64::Engine as _;
    let encoded = secret.data.get("data")?.get(key)?.as_str()?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    Some(text.trim_end_matches(['\r', '\n']).to_owned()).filter(|text| !text.is_empty())
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
