//! Reconciled: everything that is wanted has been said to Kubernetes.

use super::{Failure, Verdict};
use crate::validate::{Fault, Invalid};

/// How many failures are told in words.
const TOLD: usize = 3;

pub(super) fn verdict(failures: &[Failure]) -> Verdict {
    // What waits for a person goes before what may pass by itself.
    let first = failures.iter().min_by_key(|failure| failure.error.is_transient());
    match first {
        None => Verdict::yes("Applied", "every object is as it should be"),
        Some(first) => {
            let reason = match first.error.reason() {
                // It has a condition of its own; here it is one object that couldn't be made.
                "CredentialsLost" => "ApplyFailed",
                reason => reason,
            };
            let messages: Vec<String> = failures.iter().map(|failure| failure.error.to_string()).collect();
            Verdict::no(reason, joined(&messages))
        }
    }
}

pub(super) fn refused(faults: &[Invalid]) -> Verdict {
    let missing = faults.iter().all(|fault| fault.fault == Fault::Reference);
    Verdict::no(if missing { "ReferenceMissing" } else { "InvalidSpec" }, told(faults))
}

/// The faults in words, each with its field.
pub(super) fn told(faults: &[Invalid]) -> String {
    let messages: Vec<String> = faults.iter().map(ToString::to_string).collect();
    joined(&messages)
}

fn joined(messages: &[String]) -> String {
    let mut text = messages.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; ");
    if let Some(more) = messages.len().checked_sub(TOLD).filter(|more| *more > 0) {
        text.push_str(&format!("; and {more} more"));
    }
    text
}
