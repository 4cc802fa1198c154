//! Exposed: requests from outside can come in the way that the spec asks for.

use super::{Findings, Verdict};
use crate::children::{Facts, Kind};
use crate::validate::Exposure;

pub(super) fn verdict(found: &Findings<'_>) -> Verdict {
    match &found.platform.exposure {
        Exposure::ClusterIp => {
            Verdict::yes("Accepted", "reachable inside the cluster only, as no exposure is asked for")
        }
        Exposure::NodePort(_) if has(found, Kind::Service) => {
            Verdict::yes("Accepted", "a port of every node leads to the gateway")
        }
        Exposure::NodePort(_) => Verdict::no("NotAccepted", "the gateway's Service is not there yet"),
        Exposure::Ingress { .. } => {
            let address = found.family.iter().any(|(key, seen)| {
                key.kind == Kind::Ingress && matches!(seen.facts, Facts::Address { given: true })
            });
            if address {
                Verdict::yes("Accepted", "the Ingress has an address")
            } else if has(found, Kind::Ingress) {
                Verdict::no("NoAddress", "no controller has given the Ingress an address")
            } else {
                Verdict::no("NotAccepted", "the Ingress is not there yet")
            }
        }
    }
}

fn has(found: &Findings<'_>, kind: Kind) -> bool {
    found.family.keys().any(|key| key.kind == kind)
}
