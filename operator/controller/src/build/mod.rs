//! From a checked platform to every object that it needs. Pure: no client, no clock, no randomness,
//! so the same platform gives the same bytes, and `render` is free.

mod plan;

pub use plan::{Part, Plan, Recipe, SecretSpec, Stage, Wanted};

/// Everything that is wanted for `platform`.
#[must_use]
pub fn build(platform: &crate::validate::ValidatedPlatform) -> Plan {
    let _ = platform;
    Plan::default()
}
