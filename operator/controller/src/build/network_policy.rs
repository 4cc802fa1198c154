//! NetworkPolicies: deny everything, then one policy for each kind of pod with exactly the connections
//! that the table of components knows. They select our labels only (OPERATOR rule 10).

use courseplatform_api::{EgressSpec, LabelsSpec, PeerSpec};
use platform_components::{ADMIN_PORT, API_PORT, Name, ServerKind, component, components};
use serde_json::{Map, Value, json};

use super::meta::{
    ROLE, Role, component_name, everything, metadata, owned, platform_object, selector, server_name,
};
use super::plan::{Part, Stage, Wanted};
use super::provision;
use crate::validate::{ExternalAccounts, NetworkPolicy, Server, ValidatedPlatform};

const MANAGEMENT_PORT: u16 = 15672;

pub(super) fn build(platform: &ValidatedPlatform) -> Vec<Wanted> {
    let Some(policy) = &platform.network_policy else { return Vec::new() };
    let mut policies = vec![deny(platform)];
    for entry in components() {
        policies.push(serving(platform, policy, entry.name));
        if entry.migrates || (entry.seeds && platform.demo_data) {
            policies.push(jobs(platform, entry.name));
        }
    }
    for (&kind, server) in &platform.servers {
        if matches!(server, Server::Managed(_)) {
            policies.push(self::server(platform, kind));
        }
    }
    policies.push(provisioning(platform));
    policies
}

/// Nothing may come in or go out of any pod of the platform but by another policy.
fn deny(platform: &ValidatedPlatform) -> Wanted {
    let name = platform_object(platform, "default-deny");
    let selector = json!({"matchLabels": everything(platform)});
    policy(platform, Part::Platform, &name, selector, Vec::new(), Vec::new())
}

fn serving(platform: &ValidatedPlatform, policy_spec: &NetworkPolicy, name: Name) -> Wanted {
    let mut ingress = Vec::new();
    let callers: Vec<Value> = components()
        .iter()
        .filter(|entry| entry.calls.iter().any(|edge| edge.to == name))
        .map(|entry| pods(platform, Part::Component(entry.name), Role::Service))
        .collect();
    if name == Name::Gateway {
        ingress.push(from_outside(&policy_spec.gateway_from, callers));
    } else if !callers.is_empty() {
        ingress.push(json!({"from": callers, "ports": [tcp(API_PORT)]}));
    }
    if !policy_spec.metrics_from.is_empty() {
        let scrapers: Vec<Value> = policy_spec.metrics_from.iter().map(peer).collect();
        ingress.push(json!({"from": scrapers, "ports": [tcp(ADMIN_PORT)]}));
    }
    let mut egress = vec![dns()];
    let called: Vec<Value> = component(name)
        .calls
        .iter()
        .map(|edge| pods(platform, Part::Component(edge.to), Role::Service))
        .collect();
    if !called.is_empty() {
        egress.push(json!({"to": called, "ports": [tcp(API_PORT)]}));
    }
    egress.extend(to_servers(platform, name));
    egress.extend(platform.otlp_endpoint.as_deref().and_then(to_collector));
    let selector = json!({"matchLabels": selector(platform, Part::Component(name), Role::Service)});
    policy(platform, Part::Component(name), &component_name(platform, name), selector, ingress, egress)
}

/// Who may reach the gateway: whoever the spec names and whoever calls it from inside, or anybody.
fn from_outside(gateway_from: &[PeerSpec], callers: Vec<Value>) -> Value {
    if gateway_from.is_empty() {
        return json!({"ports": [tcp(API_PORT)]});
    }
    let from: Vec<Value> = gateway_from.iter().map(peer).chain(callers).collect();
    json!({"from": from, "ports": [tcp(API_PORT)]})
}

/// Migrations and demo data: the component's own servers.
fn jobs(platform: &ValidatedPlatform, name: Name) -> Wanted {
    let mut selector = json!({"matchLabels": selector(platform, Part::Component(name), Role::Migrate)});
    if let Some(labels) = selector["matchLabels"].as_object_mut() {
        labels.remove(ROLE);
    }
    selector["matchExpressions"] = json!([one_of(&[Role::Migrate, Role::Seed])]);
    let egress = [dns()].into_iter().chain(to_servers(platform, name)).collect();
    let object_name = format!("{}-jobs", component_name(platform, name));
    policy(platform, Part::Component(name), &object_name, selector, Vec::new(), egress)
}

/// A managed server: who uses it, and the Job that provisions it. It calls nobody.
fn server(platform: &ValidatedPlatform, kind: ServerKind) -> Wanted {
    let provisioner = pods(platform, Part::Provision, Role::Provision);
    let mut users: Vec<Value> = components()
        .iter()
        .filter(|entry| platform.components[&entry.name].servers.contains(&kind))
        .map(|entry| {
            let part = Part::Component(entry.name);
            let mut labels = selector(platform, part, Role::Service);
            if let Some(labels) = labels.as_object_mut() {
                labels.remove(ROLE);
            }
            let roles = one_of(&[Role::Service, Role::Migrate, Role::Seed]);
            json!({"podSelector": {"matchLabels": labels, "matchExpressions": [roles]}})
        })
        .collect();
    users.push(provisioner.clone());
    let mut ingress = vec![json!({"from": users, "ports": [tcp(kind.default_port())]})];
    if kind == ServerKind::RabbitMq {
        ingress.push(json!({"from": [provisioner], "ports": [tcp(MANAGEMENT_PORT)]}));
    }
    let part = Part::Server(kind);
    let selector = json!({"matchLabels": selector(platform, part, Role::Server)});
    policy(platform, part, &server_name(platform, kind), selector, ingress, Vec::new())
}

/// The provisioning Job: every server on which it has something to make.
fn provisioning(platform: &ValidatedPlatform) -> Wanted {
    let mut egress = vec![dns()];
    for kind in ServerKind::ALL {
        if provision::administrator(platform, kind).is_some() {
            let management = match platform.servers.get(&kind) {
                Some(Server::External(server)) => match &server.accounts {
                    ExternalAccounts::Provisioned { management_port, .. } => *management_port,
                    _ => None,
                },
                _ => (kind == ServerKind::RabbitMq).then_some(MANAGEMENT_PORT),
            };
            egress.extend(to_server(platform, kind, management));
        }
    }
    let selector = json!({"matchLabels": selector(platform, Part::Provision, Role::Provision)});
    policy(platform, Part::Provision, &provision::account_name(platform), selector, Vec::new(), egress)
}

fn to_servers(platform: &ValidatedPlatform, name: Name) -> Vec<Value> {
    platform.components[&name].servers.iter().flat_map(|&kind| to_server(platform, kind, None)).collect()
}

/// Rules that lead to a server: our pod, or where the spec says that an external one is.
fn to_server(platform: &ValidatedPlatform, kind: ServerKind, another_port: Option<u16>) -> Vec<Value> {
    match platform.servers.get(&kind) {
        Some(Server::Managed(_)) => {
            let ports: Vec<Value> = [kind.default_port()].into_iter().chain(another_port).map(tcp).collect();
            vec![json!({"to": [pods(platform, Part::Server(kind), Role::Server)], "ports": ports})]
        }
        Some(Server::External(server)) => {
            let ports: Vec<Value> = [server.port].into_iter().chain(another_port).map(tcp).collect();
            if server.egress.is_empty() {
                return vec![json!({"ports": ports})];
            }
            server
                .egress
                .iter()
                .map(|egress| {
                    let ports = egress
                        .port
                        .map_or_else(|| ports.clone(), |port| vec![json!({"port": port, "protocol": "TCP"})]);
                    json!({"to": [destination(egress)], "ports": ports})
                })
                .collect()
        }
        None => Vec::new(),
    }
}

/// The collector of traces: any address, since a policy can't name a host.
fn to_collector(endpoint: &str) -> Option<Value> {
    let port = url::Url::parse(endpoint).ok()?.port_or_known_default()?;
    Some(json!({"ports": [tcp(port)]}))
}

/// Name resolution, wherever the cluster does it.
fn dns() -> Value {
    json!({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]})
}

fn tcp(port: u16) -> Value {
    json!({"port": port, "protocol": "TCP"})
}

fn pods(platform: &ValidatedPlatform, part: Part, role: Role) -> Value {
    json!({"podSelector": {"matchLabels": selector(platform, part, role)}})
}

fn one_of(roles: &[Role]) -> Value {
    let values: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    json!({"key": ROLE, "operator": "In", "values": values})
}

fn peer(peer: &PeerSpec) -> Value {
    address(peer.cidr.as_deref(), peer.namespace_selector.as_ref(), peer.pod_selector.as_ref())
}

fn destination(egress: &EgressSpec) -> Value {
    address(egress.cidr.as_deref(), egress.namespace_selector.as_ref(), egress.pod_selector.as_ref())
}

fn address(cidr: Option<&str>, namespaces: Option<&LabelsSpec>, pods: Option<&LabelsSpec>) -> Value {
    if let Some(cidr) = cidr {
        return json!({"ipBlock": {"cidr": cidr}});
    }
    let mut selectors = Map::new();
    for (key, labels) in [("namespaceSelector", namespaces), ("podSelector", pods)] {
        if let Some(labels) = labels {
            selectors.insert(key.to_owned(), json!({"matchLabels": labels.match_labels}));
        }
    }
    Value::Object(selectors)
}

fn policy(
    platform: &ValidatedPlatform,
    part: Part,
    name: &str,
    selector: Value,
    ingress: Vec<Value>,
    egress: Vec<Value>,
) -> Wanted {
    let object = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(platform, part, name),
        "spec": {
            "podSelector": selector,
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": egress,
        },
    });
    owned(part, Stage::Base, object)
}

#[cfg(test)]
mod tests {
    use crate::build::testing;

    #[test]
    fn policies_of_a_small_platform() {
        insta::assert_yaml_snapshot!(testing::objects(&super::build(&testing::small())));
    }
}
