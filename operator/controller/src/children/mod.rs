//! Every object of every platform as it was seen last, kept up to date by watches. The passes decide
//! by it what needs a closer look; nothing is ever written because of it alone, since it may be late.

mod facts;
mod kind;
mod pods;
mod watch;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use facts::{
    APPLIED_ANNOTATION, FIELD_MANAGER, Facts, JobState, RETAINED_ANNOTATION, Seen, Workload, controller_uid,
    job_state, owned_fields, seen,
};
pub use kind::Kind;
pub use pods::{PodFacts, PodProblem};
pub(crate) use watch::paged;
pub use watch::{Scope, Watches};

/// A platform by its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlatformKey {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for PlatformKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A child by its place within the platform's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChildKey {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for ChildKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

/// The children of one platform.
pub type Family = BTreeMap<ChildKey, Seen>;

/// All children, by platform. Cheap to clone; clones share.
#[derive(Clone, Debug, Default)]
pub struct Children {
    families: Arc<Mutex<HashMap<PlatformKey, Family>>>,
}

impl Children {
    /// What is known of a platform's children now.
    #[must_use]
    pub fn family(&self, platform: &PlatformKey) -> Family {
        self.lock().get(platform).cloned().unwrap_or_default()
    }

    /// Takes over what a watch or a write of ours has told. True when it changes what is known;
    /// a mere new version doesn't.
    pub fn put(&self, platform: &PlatformKey, child: &ChildKey, seen: Seen) -> bool {
        let mut families = self.lock();
        let family = families.entry(platform.clone()).or_default();
        if family.get(child) == Some(&seen) {
            return false;
        }
        family.insert(child.clone(), seen);
        true
    }

    /// Forgets a child that is gone. True when it was known.
    pub fn remove(&self, platform: &PlatformKey, child: &ChildKey) -> bool {
        let mut families = self.lock();
        let Some(family) = families.get_mut(platform) else { return false };
        let known = family.remove(child).is_some();
        if family.is_empty() {
            families.remove(platform);
        }
        known
    }

    /// Forgets the children of a kind that a complete list no longer has; returns their platforms.
    pub fn keep_only(&self, kind: Kind, listed: &HashSet<(PlatformKey, String)>) -> Vec<PlatformKey> {
        let mut touched = Vec::new();
        let mut families = self.lock();
        families.retain(|platform, family| {
            let before = family.len();
            family.retain(|child, _| {
                child.kind != kind || listed.contains(&(platform.clone(), child.name.clone()))
            });
            if family.len() != before {
                touched.push(platform.clone());
            }
            !family.is_empty()
        });
        touched
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PlatformKey, Family>> {
        // Every update is one insert or removal, so a panic elsewhere can't leave half of one behind.
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
