//! When a failed message is tried again.

use platform_components::{RETRIES, retry_exchange};

/// A message that failed this often is dead.
const ATTEMPTS: u32 = 10;

/// The exchange that brings a message back after the delay that fits its `failures` so far (at least 1); `None`
/// when it has failed often enough. Three times after the shortest delay, for a store that restarts; three
/// after the middle one; then the longest.
pub(super) fn exchange_after(failures: u32) -> Option<String> {
    let delay = match failures {
        0..=3 => 0,
        4..=6 => 1,
        7..ATTEMPTS => 2,
        _ => return None,
    };
    RETRIES.get(delay).map(|(name, _)| retry_exchange(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_the_tenth_failure_is_the_last() {
        let exchanges: Vec<_> = (1..=10).map(exchange_after).collect();
        let of = |delay: &str| Some(format!("courseplatform.retry.{delay}"));
        let expected = [
            of("5s"),
            of("5s"),
            of("5s"),
            of("1m"),
            of("1m"),
            of("1m"),
            of("10m"),
            of("10m"),
            of("10m"),
            None,
        ];
        assert_eq!(exchanges, expected);
    }
}
