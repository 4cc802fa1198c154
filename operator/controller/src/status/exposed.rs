//! Exposed: requests from outside can come in the way that the spec asks for.

use super::{Findings, Verdict};
use crate::children::{Facts, Kind};
use crate::validate::Exposure;

/// Requests come in, and all look as if one visitor sent them. Told as a warning, too.
pub(crate) const NO_TRUSTED_PROXIES: &str = "NoTrustedProxies";

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
                through_ingress(&found.platform.trusted_proxies)
            } else if has(found, Kind::Ingress) {
                Verdict::no("NoAddress", "no controller has given the Ingress an address")
            } else {
                Verdict::no("NotAccepted", "the Ingress is not there yet")
            }
        }
    }
}

/// An Ingress with an address; whose controller the gateway must believe to tell visitors apart.
fn through_ingress(trusted: &[String]) -> Verdict {
    if !trusted.is_empty() {
        return Verdict::yes("Accepted", "the Ingress has an address");
    }
    let message = "the Ingress has an address; as spec.expose.trustedProxies is empty, all visitors count as one \
        for limits: name the network of the ingress controller's pods there";
    Verdict::yes(NO_TRUSTED_PROXIES, message)
}

fn has(found: &Findings<'_>, kind: Kind) -> bool {
    found.family.keys().any(|key| key.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Truth;

    #[test]
    fn an_ingress_that_nobody_trusts_serves_and_says_what_is_missing() {
        let told = through_ingress(&[]);
        assert_eq!((told.truth, told.reason), (Truth::True, "NoTrustedProxies"));
        assert!(told.message.contains("spec.expose.trustedProxies is empty"), "{}", told.message);
        let told = through_ingress(&["10.0.0.0/8".to_owned()]);
        assert_eq!((told.truth, told.reason), (Truth::True, "Accepted"));
    }
}
