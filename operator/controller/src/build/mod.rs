//! From a checked platform to every object that it needs. Pure: no client, no clock, no randomness,
//! so the same platform gives the same bytes, and `render` is free.

// `json!` borrows what it embeds; who calls has no further use for it.
#![allow(clippy::needless_pass_by_value)]

mod claim;
mod clients;
mod component;
mod config_map;
mod deployment;
mod disruption_budget;
mod ingress;
mod job;
mod meta;
mod network_policy;
mod plan;
mod pod;
mod provision;
mod secrets;
mod server;
mod service;
mod service_account;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub(crate) use clients::SECRET_KEY as CLIENT_SECRET_KEY;
pub use plan::{Opens, Part, Plan, Recipe, SecretSpec, Stage, Wanted};
pub use secrets::first_admin_secret;

use crate::validate::ValidatedPlatform;

/// Everything that is wanted for `platform`.
#[must_use]
pub fn build(platform: &ValidatedPlatform) -> Plan {
    let objects = [
        service_account::build(platform),
        config_map::build(platform),
        clients::build(platform),
        // Before any pod, so that none ever runs unprotected.
        network_policy::build(platform),
        service::build(platform),
        claim::build(platform),
        disruption_budget::build(platform),
        server::build(platform),
        provision::build(platform),
        job::build(platform),
        deployment::build(platform),
        ingress::build(platform),
    ];
    Plan { secrets: secrets::build(platform), objects: objects.into_iter().flatten().collect() }
}
