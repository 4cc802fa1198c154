//! The generic cell rate algorithm: for each caller one number, the time at which everything it has asked
//! for would be done at the allowed rate. All threads share one table, so the count is exact.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use platform_components::Limit;

use super::shared::Pending;
use super::{Key, LimitKey};
use crate::clock::now_nanos;

const SHARDS: usize = 16;
/// Callers in one shard. Beyond it those whose time is over are forgotten, and if none is, new ones pass
/// uncounted: an attacker with a million addresses must not stop everybody else.
const LARGEST_SHARD: usize = 50_000;

/// The table.
#[derive(Debug)]
pub(crate) struct Limits {
    shards: Vec<Mutex<HashMap<u64, u64>>>,
    hasher: RandomState,
    /// What other replicas have to be told; none when there are no others.
    pending: Option<Pending>,
}

/// What the table says to one request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) allowed: bool,
    /// How many more may come now.
    pub(crate) remaining: u64,
    /// Until nothing is used up any more.
    pub(crate) reset: Duration,
    /// Until the next request may come; zero when this one was allowed.
    pub(crate) retry_after: Duration,
}

impl Limits {
    /// `shared` when there are other replicas that have to be told what was used.
    pub(crate) fn new(shared: bool) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            pending: shared.then(Pending::default),
        }
    }

    pub(super) fn pending(&self) -> Option<&Pending> {
        self.pending.as_ref()
    }

    /// Takes over what all replicas together have used: `ahead` of now.
    pub(super) fn move_on(&self, (class, key): &LimitKey, ahead: Duration) {
        let common = now_nanos().saturating_add(u64::try_from(ahead.as_nanos()).unwrap_or(u64::MAX));
        let (hash, Some(shard)) = self.shard(class, key) else { return };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(arrival) = shard.get_mut(&hash) {
            *arrival = common.max(*arrival);
        }
    }

    fn shard(&self, class: &str, key: &Key<'_>) -> (u64, Option<&Mutex<HashMap<u64, u64>>>) {
        // 64 bits of a keyed hash: two callers share a number once in billions of pairs.
        let hash = self.hasher.hash_one((class, key));
        (hash, self.shards.get(usize::try_from(hash).unwrap_or_default() % SHARDS))
    }

    /// Counts one request of `key` in `class`.
    pub(crate) fn take(&self, class: &str, limit: &Limit, key: &Key<'_>) -> Decision {
        let decision = self.take_at(now_nanos(), class, limit, key);
        if let Some(pending) = self.pending.as_ref().filter(|_| decision.allowed) {
            pending.add(class, key, limit);
        }
        decision
    }

    fn take_at(&self, now: u64, class: &str, limit: &Limit, key: &Key<'_>) -> Decision {
        let (hash, Some(shard)) = self.shard(class, key) else { return decide(now, now, limit).0 };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(arrival) = shard.get_mut(&hash) {
            let (decision, next) = decide(now, *arrival, limit);
            *arrival = next;
            return decision;
        }
        if shard.len() >= LARGEST_SHARD {
            shard.retain(|_, arrival| *arrival > now);
        }
        let (decision, next) = decide(now, now, limit);
        if shard.len() < LARGEST_SHARD {
            shard.insert(hash, next);
        }
        decision
    }
}

/// What one request takes.
pub(super) fn interval_nanos(limit: &Limit) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    (u64::from(limit.per_seconds) * SECOND / u64::from(limit.requests).max(1)).max(1)
}

/// Whether one more request fits, and the caller's new number.
fn decide(now: u64, arrival: u64, limit: &Limit) -> (Decision, u64) {
    let interval = interval_nanos(limit);
    let tolerance = interval * u64::from(limit.burst);
    let arrival = arrival.max(now);
    let next = arrival + interval;
    let allowed = next - now <= tolerance;
    let stays = if allowed { next } else { arrival };
    let decision = Decision {
        allowed,
        remaining: tolerance.saturating_sub(stays - now) / interval,
        reset: Duration::from_nanos(stays - now),
        retry_after: Duration::from_nanos((next - now).saturating_sub(tolerance)),
    };
    (decision, stays)
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform_components::LimitBy;

    const LIMIT: Limit = Limit { requests: 10, per_seconds: 1, burst: 5, by: LimitBy::Subject };
    const TENTH: u64 = 100_000_000;

    fn key(name: &str) -> Key<'_> {
        Key::Subject(name.into())
    }

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let limits = Limits::new(false);
        let take = |now: u64| limits.take_at(now, "api", &LIMIT, &key("a"));
        let allowed: Vec<bool> = (0..7).map(|_| take(0).allowed).collect();
        assert_eq!(allowed, [true, true, true, true, true, false, false]);
        let refused = take(0);
        assert_eq!((refused.remaining, refused.retry_after), (0, Duration::from_millis(100)));
        assert!(take(TENTH).allowed);
        assert!(!take(TENTH).allowed);
        assert_eq!(take(100 * TENTH).remaining, 4);
    }

    #[test]
    fn callers_and_classes_are_counted_apart() {
        let limits = Limits::new(false);
        for _ in 0..5 {
            assert!(limits.take_at(0, "api", &LIMIT, &key("a")).allowed);
        }
        assert!(!limits.take_at(0, "api", &LIMIT, &key("a")).allowed);
        assert!(limits.take_at(0, "api", &LIMIT, &key("b")).allowed);
        assert!(limits.take_at(0, "pages", &LIMIT, &key("a")).allowed);
    }

    #[test]
    fn threads_together_get_exactly_what_is_allowed() {
        let limits = Limits::new(false);
        let limit = Limit { requests: 1, per_seconds: 3600, burst: 500, by: LimitBy::Subject };
        let allowed: usize = std::thread::scope(|scope| {
            let takes = || (0..400).filter(|_| limits.take("api", &limit, &key("a")).allowed).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(takes)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(allowed, 500);
    }
}
