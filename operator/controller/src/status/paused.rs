//! Paused: only the status is written.

use super::Verdict;

pub(super) fn verdict(paused: bool) -> Verdict {
    if paused {
        Verdict::yes("Paused", "paused by spec.paused: nothing but this status is written")
    } else {
        Verdict::no("Active", "changes are carried out")
    }
}
