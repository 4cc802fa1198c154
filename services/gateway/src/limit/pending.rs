//! What one shard's callers have used and other replicas have not been told yet. Bounded: while Redis does not
//! answer it fills up, and then each replica keeps the limits of the others' newest callers by itself.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use platform_components::Limit;

use super::{Key, LimitKey};

/// Callers in one shard; what more ask for is not told.
const MOST: usize = 512;
/// Callers of one shard that are told about in one round; more wait for the next.
const ROUND: usize = 64;
/// Whoever has used less than this share of the burst since the last telling is not worth telling.
const WORTH: u64 = 20;
/// What is not worth telling for this many rounds is forgotten.
const PATIENCE: u32 = 50;

/// By the hash of a caller's name, which is there already: nothing is made anew for one that is known.
#[derive(Debug, Default)]
pub(super) struct Pending(HashMap<u64, (LimitKey, Used), RandomState>);

/// What one caller has used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    pub(super) requests: u64,
    pub(super) limit: Limit,
    rounds: u32,
}

impl Pending {
    /// One request was let through.
    pub(super) fn add(&mut self, hash: u64, class: &str, key: &Key<'_>, limit: &Limit) {
        if let Some((_, used)) = self.0.get_mut(&hash) {
            used.requests += 1;
        } else if self.0.len() < MOST {
            let key = (class.to_owned(), key.clone().into_owned());
            self.0.insert(hash, (key, Used { requests: 1, limit: *limit, rounds: 0 }));
        } else {
            metrics::counter!("gateway_limits_untold_total").increment(1);
        }
    }

    /// Moves to `taken` what is worth telling now.
    pub(super) fn take(&mut self, taken: &mut Vec<(LimitKey, Used)>) {
        let most = taken.len() + ROUND;
        self.0.retain(|_, (key, used)| {
            used.rounds += 1;
            if used.requests * WORTH >= u64::from(used.limit.burst) && taken.len() < most {
                taken.push((key.clone(), *used));
                return false;
            }
            used.rounds < PATIENCE
        });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
