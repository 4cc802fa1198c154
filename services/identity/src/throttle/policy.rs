//! How long whoever failed has to wait. No I/O.

use time::Duration;

/// A rule for one kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    /// As many failures cost nothing.
    pub(crate) free: i32,
    /// The wait after the next one, in seconds; it doubles with each further one.
    pub(crate) first_seconds: i32,
    /// It never gets longer, in seconds: nobody is locked out for ever.
    pub(crate) longest_seconds: i32,
    /// Failures are forgotten this long after the last one.
    pub(crate) forget: Duration,
}

impl Policy {
    /// The wait after this many failures. The stores compute the same.
    #[cfg(test)]
    pub(crate) fn wait(&self, failures: i32) -> Duration {
        if failures <= self.free {
            return Duration::ZERO;
        }
        let doubled = (failures - self.free - 1).min(20);
        let seconds = (i64::from(self.first_seconds) << doubled).min(i64::from(self.longest_seconds));
        Duration::seconds(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_and_has_an_end() {
        let policy = Policy { free: 3, first_seconds: 2, longest_seconds: 60, forget: Duration::DAY };
        let waits: Vec<_> = (0..10).map(|failures| policy.wait(failures).whole_seconds()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 2, 4, 8, 16, 32, 60]);
        assert_eq!(policy.wait(i32::MAX).whole_seconds(), 60);
    }
}
