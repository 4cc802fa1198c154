//! A circuit breaker: when nearly everything fails, requests are refused at once for a short while instead
//! of waiting, and one at a time tries whether it works again.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{millis, now_millis};

/// So many failures, more than successes, within a window open the circuit.
const FAILURES: u32 = 20;
const WINDOW: Duration = Duration::from_secs(5);
/// How long nothing is tried.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Breaker {
    window: AtomicU64,
    failures: AtomicU32,
    successes: AtomicU32,
    /// When the next try may be made; 0 when the circuit is closed.
    open_until: AtomicU64,
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self {
            window: AtomicU64::new(0),
            failures: AtomicU32::new(0),
            successes: AtomicU32::new(0),
            open_until: AtomicU64::new(0),
        }
    }

    /// Whether a request may be tried. While the circuit is open, one may after each pause.
    pub(crate) fn lets_through(&self) -> bool {
        let until = self.open_until.load(Ordering::Relaxed);
        if until == 0 {
            return true;
        }
        let now = now_millis();
        now >= until
            && self
                .open_until
                .compare_exchange(until, now + millis(PAUSE), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    pub(super) fn succeeded(&self) {
        if self.open_until.load(Ordering::Relaxed) != 0 {
            self.open_until.store(0, Ordering::Relaxed);
            self.begin_window();
        }
        // Only in a window with failures does it matter how many succeed.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.successes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a failure; true when this one opens the circuit.
    pub(super) fn failed(&self) -> bool {
        if now_millis().saturating_sub(self.window.load(Ordering::Relaxed)) > millis(WINDOW) {
            self.begin_window();
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures < FAILURES || failures <= self.successes.load(Ordering::Relaxed) {
            return false;
        }
        let was = self.open_until.swap(now_millis() + millis(PAUSE), Ordering::Relaxed);
        was == 0
    }

    fn begin_window(&self) {
        self.window.store(now_millis(), Ordering::Relaxed);
        self.failures.store(0, Ordering::Relaxed);
        self.successes.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_when_most_fails_and_closes_when_a_try_succeeds() {
        let breaker = Breaker::new();
        let opened = (0..100).filter(|_| breaker.failed()).count();
        assert_eq!(opened, 1);
        assert!(!breaker.lets_through());
        breaker.succeeded();
        assert!(breaker.lets_through());
    }

    #[test]
    fn a_few_failures_among_successes_change_nothing() {
        let breaker = Breaker::new();
        for _ in 0..100 {
            assert!(!breaker.failed());
            breaker.succeeded();
            breaker.succeeded();
        }
        assert!(breaker.lets_through());
    }
}
