//! CredentialsCurrent: every generated Secret is there and is the one that is wanted.

use super::{Failure, Verdict};
use crate::apply::ApplyError;

pub(super) fn verdict(failures: &[Failure]) -> Verdict {
    let lost = failures.iter().find(|failure| matches!(failure.error, ApplyError::CredentialsLost { .. }));
    match lost {
        Some(failure) => Verdict::no("CredentialsLost", failure.error.to_string()),
        None => Verdict::yes("Current", "every component has the newest credentials"),
    }
}
