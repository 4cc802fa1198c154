//! Brings children to what is wanted, and touches nothing else (OPERATOR rules 2, 3 and 11).
//!
//! An object that isn't there is made; one that belongs to the platform is applied by server-side apply
//! with its uid, so that a stranger who took its name in between answers 409; anything else is a conflict
//! of names and stays as it is. Whether to write is decided by the live object, never by the cache alone:
//! the cache only saves the look when everything is as it was left.

mod claims;
mod compare;
mod error;
mod orphans;
mod secrets;
mod wanted;

use std::collections::HashMap;

use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::DynamicObject;
use kube::{Api, Client};
use serde_json::{Value, json};

pub use claims::claims_of;
pub use error::ApplyError;
pub use orphans::Orphan;
pub use wanted::{Complete, Owner, complete};

use crate::children::{ChildKey, FIELD_MANAGER, Family, Kind, RETAINED_ANNOTATION, Seen, seen};
use crate::children::{Facts, JobState};
use crate::labels;
use error::is_conflict;

/// How often an object is looked at again when it changes between look and write.
const ATTEMPTS: usize = 3;

/// What a pass did to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing: it is as it should be.
    None,
    /// It was made.
    Created,
    /// It was brought to a new wish.
    Updated,
    /// Somebody had changed it; it was brought back.
    Corrected,
    /// It was left by an earlier platform of this name and belongs to this one now.
    Adopted,
    /// A failed Job was taken away, to be made again.
    Restarted,
    /// It is being deleted; it is made again when it is gone.
    Awaited,
}

/// What is remembered of a child since it was looked at last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Remembered {
    uid: String,
    wanted: String,
    owned_fields: u64,
    generation: i64,
}

/// What is remembered of a platform's children; lost with the process, and then found out again by
/// reading (OPERATOR rule 11).
#[derive(Clone, Debug, Default)]
pub struct Memory {
    children: HashMap<ChildKey, Remembered>,
}

impl Memory {
    /// Whether what was seen of a child is older than what we wrote.
    #[must_use]
    pub fn is_stale(&self, key: &ChildKey, seen: &Seen) -> bool {
        self.children
            .get(key)
            .is_some_and(|known| known.uid != seen.uid || known.generation > seen.generation)
    }

    /// Forgets children that are no longer wanted.
    pub fn keep_only(&mut self, wanted: impl Fn(&ChildKey) -> bool) {
        self.children.retain(|key, _| wanted(key));
    }

    fn is_as_left(&self, complete: &Complete, seen: &Seen) -> bool {
        self.children.get(&complete.key).is_some_and(|known| {
            known.uid == seen.uid && known.wanted == complete.hash && known.owned_fields == seen.owned_fields
        })
    }

    /// Whether this very object was left with this very wish.
    fn knows(&self, complete: &Complete, seen: &Seen) -> bool {
        let known = self.children.get(&complete.key);
        known.is_some_and(|known| known.uid == seen.uid && known.wanted == complete.hash)
    }

    fn remember(&mut self, complete: &Complete, seen: &Seen) {
        let known = Remembered {
            uid: seen.uid.clone(),
            wanted: complete.hash.clone(),
            owned_fields: seen.owned_fields,
            generation: seen.generation,
        };
        self.children.insert(complete.key.clone(), known);
    }
}

/// Applies the children of one platform.
pub struct Applier<'a> {
    /// The connection.
    pub client: &'a Client,
    /// The platform.
    pub owner: &'a Owner,
    /// Its children as they were seen last.
    pub family: &'a Family,
    /// What is remembered of them.
    pub memory: &'a mut Memory,
}

impl Applier<'_> {
    fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.owner.key.namespace, &kind.resource())
    }

    /// Brings one object to what is wanted.
    ///
    /// # Errors
    /// See [`ApplyError`]; other objects are not affected.
    pub async fn object(&mut self, complete: &Complete) -> Result<Change, ApplyError> {
        if complete.key.kind == Kind::Job {
            return self.job(complete).await;
        }
        if let Some(seen) = self.family.get(&complete.key)
            && !seen.deleting
            && self.memory.is_as_left(complete, seen)
        {
            return Ok(Change::None);
        }
        let api = self.api(complete.key.kind);
        let failed = |error| ApplyError::from_kube(&complete.key, error);
        for _ in 0..ATTEMPTS {
            let live = api.get_opt(&complete.key.name).await.map_err(failed)?;
            let (outcome, change) = match live {
                None => {
                    self.may_use_claims(complete).await?;
                    (self.create(&api, complete).await, Change::Created)
                }
                Some(live) if live.metadata.deletion_timestamp.is_some() => return Ok(Change::Awaited),
                Some(live) => {
                    self.claimable(&complete.key, &live)?;
                    let seen = seen(complete.key.kind, &live);
                    // What is remembered and yet owned differently was changed by somebody, perhaps only
                    // by an addition, which a comparison with what is wanted would let pass.
                    let settled = if self.memory.knows(complete, &seen) {
                        self.memory.is_as_left(complete, &seen)
                    } else {
                        says_it_all(complete, &seen, &live)
                    };
                    if settled {
                        self.memory.remember(complete, &seen);
                        return Ok(Change::None);
                    }
                    (self.patch(&api, complete, &seen.uid).await, self.change(complete, &seen))
                }
            };
            match outcome {
                Ok(object) => {
                    self.memory.remember(complete, &seen(complete.key.kind, &object));
                    return Ok(change);
                }
                Err(error) if is_conflict(&error) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(ApplyError::Busy { child: complete.key.clone() })
    }

    /// Makes an object that isn't there, as a server-side apply so that its fields are ours from birth.
    ///
    /// Server-side apply has no "only if absent", but a `resourceVersion` is compared with that of an
    /// object that exists and ignored for one that doesn't. No object has version 1: etcd's first
    /// revision is taken before anything is stored. So a stranger of this name answers 409.
    async fn create(
        &self,
        api: &Api<DynamicObject>,
        complete: &Complete,
    ) -> Result<DynamicObject, kube::Error> {
        let mut object = complete.object.clone();
        object["metadata"]["resourceVersion"] = Value::from("1");
        api.patch(&complete.key.name, &apply_params(), &Patch::Apply(&object)).await
    }

    /// Applies onto the very object that was looked at.
    async fn patch(
        &self,
        api: &Api<DynamicObject>,
        complete: &Complete,
        uid: &str,
    ) -> Result<DynamicObject, kube::Error> {
        let mut object = complete.object.clone();
        object["metadata"]["uid"] = Value::from(uid);
        api.patch(&complete.key.name, &apply_params(), &Patch::Apply(&object)).await
    }

    fn change(&self, complete: &Complete, seen: &Seen) -> Change {
        if seen.controller.is_none() && seen.retained_by.as_ref() != Some(&self.owner.uid) {
            Change::Adopted
        } else if seen.applied.as_ref() == Some(&complete.hash) {
            Change::Corrected
        } else {
            Change::Updated
        }
    }

    /// A Job is made once: its template can't be changed, and it isn't to run twice.
    async fn job(&mut self, complete: &Complete) -> Result<Change, ApplyError> {
        let api = self.api(Kind::Job);
        let failed = |error| ApplyError::from_kube(&complete.key, error);
        for _ in 0..ATTEMPTS {
            let cached = self.family.get(&complete.key).filter(|seen| self.is_ours(seen)).cloned();
            let known = match cached {
                Some(seen) => seen,
                None => match api.get_opt(&complete.key.name).await.map_err(failed)? {
                    Some(live) => {
                        self.claimable(&complete.key, &live)?;
                        seen(Kind::Job, &live)
                    }
                    None => match api.create(&post_params(), &dynamic(complete)?).await {
                        Ok(_) => return Ok(Change::Created),
                        Err(error) if is_conflict(&error) => continue,
                        Err(error) => return Err(failed(error)),
                    },
                },
            };
            if known.deleting {
                return Ok(Change::Awaited);
            }
            let failed_before = matches!(known.facts, Facts::Job(JobState::Failed { .. }));
            if failed_before && self.owner.retry.is_some() && known.retry != self.owner.retry {
                self.delete(&complete.key, &known.uid).await?;
                return Ok(Change::Restarted);
            }
            return Ok(Change::None);
        }
        Err(ApplyError::Busy { child: complete.key.clone() })
    }

    fn is_ours(&self, seen: &Seen) -> bool {
        seen.controller.as_ref() == Some(&self.owner.uid)
    }

    /// Whether a live object may be written: it is controlled by the platform, or it is what an earlier
    /// platform of this name retained.
    fn claimable(&self, key: &ChildKey, live: &DynamicObject) -> Result<(), ApplyError> {
        let of = seen(key.kind, live);
        if self.is_ours(&of) {
            return Ok(());
        }
        let label = |name: &str| live.metadata.labels.as_ref().and_then(|labels| labels.get(name));
        let left_behind = of.controller.is_none()
            && of.retained_by.is_some()
            && matches!(key.kind, Kind::Secret | Kind::PersistentVolumeClaim)
            && label(labels::INSTANCE) == Some(&self.owner.key.name)
            && label(labels::MANAGED_BY).is_some_and(|by| by == labels::OPERATOR);
        if left_behind {
            return Ok(());
        }
        let whose = match live
            .metadata
            .owner_references
            .iter()
            .flatten()
            .find(|owner| owner.controller == Some(true))
        {
            Some(owner) => format!("controlled by {} {}", owner.kind, owner.name),
            None => "without a controller".to_owned(),
        };
        Err(ApplyError::NameConflict { child: key.clone(), whose })
    }

    /// Deletes exactly the object that was looked at.
    async fn delete(&self, key: &ChildKey, uid: &str) -> Result<(), ApplyError> {
        let params = DeleteParams {
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            ..DeleteParams::background()
        };
        match self.api(key.kind).delete(&key.name, &params).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(ApplyError::from_kube(key, error)),
        }
    }
}

/// Whether a live object that nothing is remembered of is what is wanted.
fn says_it_all(complete: &Complete, seen: &Seen, live: &DynamicObject) -> bool {
    seen.applied.as_ref() == Some(&complete.hash)
        && serde_json::to_value(live).is_ok_and(|live| compare::holds(&live, &complete.object))
}

fn dynamic(complete: &Complete) -> Result<DynamicObject, ApplyError> {
    serde_json::from_value(complete.object.clone())
        .map_err(|error| ApplyError::Refused { child: complete.key.clone(), message: error.to_string() })
}

fn apply_params() -> PatchParams {
    PatchParams::apply(FIELD_MANAGER).force()
}

fn post_params() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

/// What of an object's metadata says whose it is, as a merge patch onto the very version that was read.
fn belonging_patch(owner: &Owner, keep: bool, live: &DynamicObject) -> Value {
    let (references, retained) = owner.belonging(keep);
    json!({"metadata": {
        "uid": live.metadata.uid,
        "resourceVersion": live.metadata.resource_version,
        "ownerReferences": references,
        "annotations": {RETAINED_ANNOTATION: retained},
    }})
}
