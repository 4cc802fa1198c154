//! How often may be tried again: at most a fifth of what succeeds, so that retries can't make an overload
//! worse.

use std::sync::atomic::{AtomicU32, Ordering};

/// A retry costs as much as so many successes bring.
const PRICE: u32 = 5;
/// What can be saved up: enough for a restart of the upstream under load.
const LARGEST: u32 = 100 * PRICE;

#[derive(Debug)]
pub(crate) struct Budget(AtomicU32);

impl Budget {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(LARGEST))
    }

    pub(super) fn deposit(&self) {
        if self.0.load(Ordering::Relaxed) < LARGEST {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether one more retry is allowed.
    pub(crate) fn withdraw(&self) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |balance| balance.checked_sub(PRICE))
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_end_until_requests_succeed_again() {
        let budget = Budget::new();
        let allowed = (0..1000).filter(|_| budget.withdraw()).count();
        assert_eq!(allowed, 100);
        for _ in 0..5 {
            budget.deposit();
        }
        assert!(budget.withdraw());
        assert!(!budget.withdraw());
    }
}
