//! The generic cell rate algorithm: for each caller one number, the time at which everything it has asked
//! for would be done at the allowed rate. All threads share one table, so the count is exact.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use platform_components::Limit;

use super::arrivals::Arrivals;
use super::pending::{Pending, Used};
use super::{Key, LimitKey};
use crate::clock::now_nanos;

const SHARDS: usize = 16;

/// The table.
#[derive(Debug)]
pub(crate) struct Limits {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    /// Whether there are other replicas that have to be told what was used.
    shared: bool,
}

#[derive(Debug, Default)]
struct Shard {
    arrivals: Arrivals,
    pending: Pending,
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
        Self { shards: Default::default(), hasher: RandomState::new(), shared }
    }

    /// What is worth telling other replicas now.
    pub(super) fn untold(&self) -> Vec<(LimitKey, Used)> {
        let mut untold = Vec::new();
        for shard in &self.shards {
            lock(shard).pending.take(&mut untold);
        }
        untold
    }

    /// Takes over what all replicas together have used: `ahead` of now.
    pub(super) fn move_on(&self, (class, key): &LimitKey, ahead: Duration) {
        let common = now_nanos().saturating_add(u64::try_from(ahead.as_nanos()).unwrap_or(u64::MAX));
        let hash = self.hash(class, key);
        let mut shard = self.shard(hash);
        if let Some(arrival) = shard.arrivals.get(hash) {
            *arrival = common.max(*arrival);
        }
    }

    fn hash(&self, class: &str, key: &Key<'_>) -> u64 {
        // 64 bits of a keyed hash: two callers share a number once in billions of pairs.
        self.hasher.hash_one((class, key))
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        let place = usize::try_from(hash >> 32).unwrap_or_default() % SHARDS;
        #[allow(clippy::indexing_slicing, reason = "a remainder is less than what it was divided by")]
        lock(&self.shards[place])
    }

    /// Counts one request of `key` in `class`.
    pub(crate) fn take(&self, class: &str, limit: &Limit, key: &Key<'_>) -> Decision {
        self.take_at(now_nanos(), class, limit, key)
    }

    /// Whether `key` has used up what there is, so that one more request would be refused. Counts nothing.
    pub(crate) fn is_spent(&self, class: &str, limit: &Limit, key: &Key<'_>) -> Option<Decision> {
        let (hash, now) = (self.hash(class, key), now_nanos());
        let arrival = *self.shard(hash).arrivals.get(hash)?;
        Some(decide(now, arrival, limit).0).filter(|decision| !decision.allowed)
    }

    fn take_at(&self, now: u64, class: &str, limit: &Limit, key: &Key<'_>) -> Decision {
        let hash = self.hash(class, key);
        let mut shard = self.shard(hash);
        let arrival = shard.arrivals.entry(hash, now);
        let (decision, next) = decide(now, *arrival, limit);
        *arrival = next;
        if self.shared && decision.allowed {
            shard.pending.add(hash, class, key, limit);
        }
        decision
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
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
    use std::net::IpAddr;

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
    fn who_asks_whether_it_has_used_up_everything_uses_nothing() {
        let limits = Limits::new(false);
        let limit = Limit { requests: 1, per_seconds: 3600, burst: 2, by: LimitBy::Subject };
        let spent = || limits.is_spent("api", &limit, &key("a")).map(|it| it.retry_after.as_secs() > 3500);
        for _ in 0..2 {
            assert_eq!((spent(), spent()), (None, None));
            assert!(limits.take("api", &limit, &key("a")).allowed);
        }
        assert_eq!(spent(), Some(true));
        assert!(limits.is_spent("api", &limit, &key("b")).is_none());
    }

    #[test]
    fn replicas_are_told_what_was_used_and_memory_is_bounded_while_nobody_listens() {
        let limits = Limits::new(true);
        let take = |address: u32| limits.take_at(0, "api", &LIMIT, &Key::Address(IpAddr::V4(address.into())));
        for _ in 0..3 {
            assert!(take(1).allowed);
        }
        let untold = limits.untold();
        assert_eq!((untold.len(), untold[0].1.requests), (1, 3));
        assert_eq!(untold[0].0, ("api".to_owned(), Key::Address("0.0.0.1".parse().unwrap())));
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            for address in 0..1_000_000 {
                assert!(take(address).allowed, "an attacker with many addresses stops nobody else");
            }
        });
        let (pending, arrivals) =
            limits.shards.iter().map(lock).fold((0, 0), |(pending, arrivals), shard| {
                (pending + shard.pending.len(), arrivals + shard.arrivals.len())
            });
        assert_eq!(pending, 16 * 512);
        let counted = recorder.handle().render();
        assert!(
            counted.contains(&format!("gateway_limits_untold_total {}", 1_000_000 - pending)),
            "{counted}"
        );
        assert!((400_000..=800_000).contains(&arrivals), "{arrivals}");
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
