//! Milliseconds since the process began: what fits into an atomic.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

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
