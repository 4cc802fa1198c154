//! How the platform is reached: the public address, the gateway's Service and who may connect.

use std::net::IpAddr;

use courseplatform_api::{CoursePlatformSpec, PeerSpec, TlsMode};

use super::Faults;
use super::platform::{Exposure, NetworkPolicy};

fn tls_mode(spec: &CoursePlatformSpec) -> TlsMode {
    spec.tls.as_ref().and_then(|tls| tls.mode).unwrap_or_default()
}

/// Scheme, host and port as people see them; the port only where it isn't the scheme's own.
pub(super) fn public_url(spec: &CoursePlatformSpec) -> String {
    let (scheme, usual) = match tls_mode(spec) {
        TlsMode::Upstream => ("https", 443),
        TlsMode::Disabled => ("http", 80),
    };
    let expose = spec.expose.clone().unwrap_or_default();
    let port = expose
        .external_port
        .or_else(|| expose.node_port.as_ref().and_then(|node_port| node_port.port))
        .unwrap_or(usual);
    if port == usual {
        format!("{scheme}://{}", spec.host)
    } else {
        format!("{scheme}://{}:{port}", spec.host)
    }
}

pub(super) fn validate(spec: &CoursePlatformSpec, faults: &mut Faults) -> Exposure {
    let local = spec.host == "localhost" || spec.host == "127.0.0.1" || spec.host.ends_with(".localhost");
    if tls_mode(spec) == TlsMode::Disabled && !local {
        faults.spec("spec.tls.mode", "Disabled is only for localhost: tokens would travel in the clear");
    }
    let expose = spec.expose.clone().unwrap_or_default();
    match (expose.node_port, expose.ingress) {
        (None, None) => Exposure::ClusterIp,
        (Some(node_port), None) => {
            Exposure::NodePort(node_port.port.and_then(|port| u16::try_from(port).ok()))
        }
        (None, Some(ingress)) => {
            Exposure::Ingress { class: ingress.class_name, annotations: ingress.annotations }
        }
        (Some(_), Some(_)) => {
            faults.spec("spec.expose", "at most one of nodePort and ingress may be set");
            Exposure::ClusterIp
        }
    }
}

/// Networks whose word is taken about whom a request comes from. Everywhere is none: every client could then
/// choose its own address.
pub(super) fn trusted_proxies(spec: &CoursePlatformSpec, faults: &mut Faults) -> Vec<String> {
    let networks = spec.expose.clone().unwrap_or_default().trusted_proxies;
    for (index, network) in networks.iter().enumerate() {
        let field = format!("spec.expose.trustedProxies[{index}]");
        check_cidr(Some(network), &field, faults);
        if network.split_once('/').is_some_and(|(_, prefix)| prefix.parse() == Ok(0)) {
            faults.spec(field, format!("{network} is everywhere: any client could choose its own address"));
        }
    }
    networks
}

pub(super) fn network_policy(spec: &CoursePlatformSpec, faults: &mut Faults) -> Option<NetworkPolicy> {
    let given = spec.network_policy.clone().unwrap_or_default();
    let check = |field: &str, peers: &[PeerSpec], faults: &mut Faults| {
        for (index, peer) in peers.iter().enumerate() {
            let field = format!("spec.networkPolicy.{field}[{index}].cidr");
            check_cidr(peer.cidr.as_deref(), &field, faults);
        }
    };
    check("metricsFrom", &given.metrics_from, faults);
    check("gatewayFrom", &given.gateway_from, faults);
    given
        .enabled
        .unwrap_or(true)
        .then_some(NetworkPolicy { metrics_from: given.metrics_from, gateway_from: given.gateway_from })
}

/// The pattern in the schema lets `999.0.0.0/99` through.
pub(super) fn check_cidr(cidr: Option<&str>, field: &str, faults: &mut Faults) {
    let Some(cidr) = cidr else { return };
    let valid = cidr.split_once('/').is_some_and(|(address, prefix)| {
        let bits = match address.parse() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        prefix.parse::<u8>().is_ok_and(|prefix| prefix <= bits)
    });
    if !valid {
        faults.spec(field, format!("{cidr} is no range of addresses such as 10.1.0.0/16"));
    }
}
