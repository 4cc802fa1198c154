//! Names for what a test makes: unique, and with the time in them, so that what an aborted test left behind
//! is known as such later.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// What older runs left is removed after this time; no test runs so long.
const STALE_AFTER: Duration = Duration::from_secs(2 * 60 * 60);

/// `test_<seconds since 1970>_<12 hex digits>`: valid as a database, user and virtual host everywhere.
pub(crate) fn unique() -> String {
    let random = Uuid::new_v4().simple().to_string();
    format!("test_{}_{}", now().as_secs(), &random[..12])
}

/// Whether this is one of our names and old enough to be nobody's.
pub(crate) fn is_stale(name: &str) -> bool {
    let made = name.strip_prefix("test_").and_then(|rest| rest.split_once('_')?.0.parse().ok());
    made.is_some_and(|made| now().saturating_sub(Duration::from_secs(made)) > STALE_AFTER)
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_names_of_our_own_are_stale() {
        assert!(!is_stale(&unique()));
        assert!(is_stale("test_1000000000_0123456789ab"));
        assert!(!is_stale("test_production_data"));
        assert!(!is_stale("postgres"));
    }
}
