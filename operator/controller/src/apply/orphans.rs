//! Objects that the platform controls and no longer wants. Found by label (that is how the watches
//! select) *and* owner; volumes and Secrets are never among them (OPERATOR rule 3), but for the Secrets of
//! OAuth clients, which open nothing once identity doesn't know the client any more.

use std::collections::BTreeSet;

use super::{Applier, ApplyError};
use crate::children::{ChildKey, Facts, JobState, Kind};
use crate::metrics;

/// Something that was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan(pub ChildKey);

impl Applier<'_> {
    /// Deletes what the platform controls and `wanted` doesn't name. Errors come beside what worked.
    pub async fn orphans(&mut self, wanted: &BTreeSet<ChildKey>) -> (Vec<Orphan>, Vec<ApplyError>) {
        let mut deleted = Vec::new();
        let mut errors = Vec::new();
        for (key, seen) in self.family {
            // A Job that runs may be halfway through a migration; it goes when it has ended.
            let busy = key.kind == Kind::Job && matches!(seen.facts, Facts::Job(JobState::Running));
            let orphan = (key.kind.may_be_orphaned() || matches!(seen.facts, Facts::Client { .. }))
                && self.is_ours(seen)
                && !seen.deleting
                && !busy
                && !wanted.contains(key);
            if !orphan {
                continue;
            }
            match self.delete(key, &seen.uid).await {
                Ok(()) => {
                    metrics::orphan_deleted();
                    deleted.push(Orphan(key.clone()));
                }
                Err(error) => errors.push(error),
            }
        }
        self.memory.keep_only(|key| wanted.contains(key));
        (deleted, errors)
    }
}
