//! Times that fit into an atomic, and the time of a request, which is read once.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// When a request came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) instant: tokio::time::Instant,
    /// Since 1970.
    pub(crate) unix: Duration,
}

/// Tells the date from an [`Instant`]: asking the system for both costs twice as much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calendar {
    instant: tokio::time::Instant,
    unix: Duration,
}

impl Calendar {
    /// To be made anew every few seconds, as the system's date may be set.
    pub(crate) fn new() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { instant: tokio::time::Instant::now(), unix }
    }

    pub(crate) fn now(&self) -> Moment {
        let instant = tokio::time::Instant::now();
        Moment { instant, unix: self.unix + instant.duration_since(self.instant) }
    }
}

static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

pub(crate) fn now_millis() -> u64 {
    u64::try_from(BEGUN.elapsed().as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn now_nanos() -> u64 {
    u64::try_from(BEGUN.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
