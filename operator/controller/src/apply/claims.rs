//! The claims of servers' volumes. A StatefulSet's controller makes them, and takes whatever claim has the
//! right name for its own. So whose a claim is is looked at before the StatefulSet is made, and said on it
//! afterwards, like on everything else that outlives its platform (OPERATOR rules 2 and 3).

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::error::is_conflict;
use super::{Applier, ApplyError, Change, Complete};
use crate::children::{ChildKey, FIELD_MANAGER, Kind, RETAINED_ANNOTATION, Seen, seen};

/// The claims of a StatefulSet's first pods.
#[must_use]
pub fn claims_of(set: &Complete) -> Vec<ChildKey> {
    set.object
        .pointer("/spec/volumeClaimTemplates")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|template| template.pointer("/metadata/name").and_then(Value::as_str))
        .map(|template| ChildKey {
            kind: Kind::PersistentVolumeClaim,
            name: format!("{template}-{}-0", set.key.name),
        })
        .collect()
}

impl Applier<'_> {
    /// Whether the claims that a new StatefulSet would use are absent or left by an earlier platform of this
    /// name. Data of somebody else would otherwise be opened by our server.
    pub(super) async fn may_use_claims(&self, set: &Complete) -> Result<(), ApplyError> {
        for key in claims_of(set) {
            let found = self.api(key.kind).get_opt(&key.name).await;
            if let Some(live) = found.map_err(|error| ApplyError::from_kube(&key, error))? {
                self.claimable(&key, &live)?;
            }
        }
        Ok(())
    }

    /// Says on the claims of a StatefulSet of ours whose they are, or, when they go with it, that nobody
    /// retains them. Returns what was changed.
    ///
    /// # Errors
    /// See [`ApplyError`].
    pub async fn claims(&mut self, set: &Complete) -> Result<Vec<(ChildKey, Change)>, ApplyError> {
        let policy = set.object.pointer("/spec/persistentVolumeClaimRetentionPolicy/whenDeleted");
        let wanted = (policy.and_then(Value::as_str) == Some("Retain")).then(|| self.owner.uid.clone());
        let mut changes = Vec::new();
        for key in claims_of(set) {
            let differs = |claim: &Seen| !claim.deleting && claim.retained_by != wanted;
            if !self.family.get(&key).is_some_and(differs) {
                continue;
            }
            let api = self.api(key.kind);
            let failed = |error| ApplyError::from_kube(&key, error);
            let Some(live) = api.get_opt(&key.name).await.map_err(failed)? else { continue };
            let claim = seen(key.kind, &live);
            if !differs(&claim) {
                continue;
            }
            // The very version that was looked at.
            let patch = json!({"metadata": {
                "uid": live.metadata.uid,
                "resourceVersion": live.metadata.resource_version,
                "annotations": {RETAINED_ANNOTATION: wanted},
            }});
            let params =
                PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
            match api.patch(&key.name, &params, &Patch::Merge(&patch)).await {
                Ok(_) if claim.retained_by.is_some() && wanted.is_some() => {
                    changes.push((key, Change::Adopted));
                }
                Ok(_) => changes.push((key, Change::Updated)),
                Err(error) if is_conflict(&error) => return Err(ApplyError::Busy { child: key }),
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(changes)
    }
}
