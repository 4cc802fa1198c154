//! Migrated: every database has the schema of the version that is wanted.

use super::{Findings, Verdict};
use crate::validate::{Fault, Invalid};

pub(super) fn verdict(found: &Findings<'_>) -> Verdict {
    let components = &found.progress.components;
    let failed: Vec<String> = components
        .iter()
        .filter_map(|(name, one)| Some(format!("{name}: {}", one.migration.failure()?)))
        .collect();
    if !failed.is_empty() {
        return Verdict::no("Failed", failed.join("; "));
    }
    let open: Vec<&str> =
        components.iter().filter(|(_, one)| !one.migration.done()).map(|(name, _)| name.as_str()).collect();
    if open.is_empty() {
        Verdict::yes("UpToDate", format!("every database is at {}", found.platform.version))
    } else {
        Verdict::no("Running", format!("to be migrated: {}", open.join(", ")))
    }
}

/// A version that can't be gone back to.
pub(super) fn refused(faults: &[Invalid]) -> Option<Verdict> {
    let fault = faults.iter().find(|fault| fault.fault == Fault::Downgrade)?;
    Some(Verdict::no("DowngradeRefused", fault.to_string()))
}
