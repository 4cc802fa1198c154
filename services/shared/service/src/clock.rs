//! The current time.

use time::OffsetDateTime;

/// The current time in UTC, cut to the microseconds that PostgreSQL keeps, so that what was answered when a
/// thing was made is what is answered when it is read.
#[must_use]
pub fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    // A number of microseconds is always a valid fraction of a second.
    now.replace_nanosecond(now.microsecond() * 1_000).unwrap_or(now)
}
