//! NetworkPolicies: deny everything, then one policy for each kind of pod with exactly the connections
//! that the table of components knows. They select our labels only (OPERATOR rule 10).

use courseplatform_api::{EgressSpec, LabelsSpec, PeerSpec};
use platform_components::{ADMIN_PORT, API_PORT, Name, ServerKind, Source, component, components};
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
        .filter(|entry| entry.connects_to().any(|to| to == name))
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
    let called: Vec<Value> =
        component(name).connects_to().map(|to| pods(platform, Part::Component(to), Role::Service)).collect();
    if !called.is_empty() {
        egress.push(json!({"to": called, "ports": [tcp(API_PORT)]}));
    }
    egress.extend(to_servers(platform, name));
    egress.extend(platform.otlp_endpoint.as_deref().and_then(to_collector));
    if component(name).settings().iter().any(|setting| setting.source == Source::SmtpHost) {
        // Any address, since a policy can't name a host.
        egress.extend(platform.smtp.as_ref().map(|smtp| json!({"ports": [tcp(smtp.port)]})));
    }
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
            // An empty map would not be stored; the empty selector is, and matches everything.
            let empty = labels.match_labels.is_empty();
            let selector = if empty { json!({}) } else { json!({"matchLabels": labels.match_labels}) };
            selectors.insert(key.to_owned(), selector);
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
    let mut object = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(platform, part, name),
        "spec": {"podSelector": selector, "policyTypes": ["Ingress", "Egress"]},
    });
    // The API server drops empty lists; what isn't stored must not be wanted.
    for (direction, rules) in [("ingress", ingress), ("egress", egress)] {
        if !rules.is_empty() {
            object["spec"][direction] = Value::from(rules);
        }
    }
    owned(part, Stage::Base, object)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::build::testing;

    #[test]
    fn policies_of_a_small_platform() {
        insta::assert_yaml_snapshot!(testing::objects(&build(&testing::small())));
    }

    /// A pod of the plan: its name for people and its labels.
    type PodOf = (String, Value);

    /// Who may connect to whom on which port, decided as the NetworkPolicy API says: a pod that some
    /// policy selects may only do what some policy allows, and both ends must allow.
    fn connections(platform: &ValidatedPlatform) -> BTreeSet<String> {
        let plan = crate::build::build(platform);
        let pods: Vec<PodOf> = plan
            .objects
            .iter()
            .filter_map(|wanted| {
                let labels = testing::pod_template(&wanted.object)?["metadata"]["labels"].clone();
                let role = labels[ROLE].as_str().unwrap();
                Some((format!("{}/{role}", wanted.part.label()), labels))
            })
            .collect();
        let policies: Vec<&Value> = plan
            .objects
            .iter()
            .filter(|wanted| wanted.kind() == "NetworkPolicy")
            .map(|wanted| &wanted.object["spec"])
            .collect();
        for (name, labels) in &pods {
            let selecting = policies.iter().filter(|policy| selects(&policy["podSelector"], labels)).count();
            assert_eq!(selecting, 2, "{name} is selected by the denial and one policy of its own");
        }
        let ports = [API_PORT, ADMIN_PORT, MANAGEMENT_PORT, 5432, 27017, 6379, 5672];
        let mut allowed = BTreeSet::new();
        for (from, from_labels) in &pods {
            for (to, to_labels) in &pods {
                for port in ports {
                    if allows(&policies, "egress", "to", from_labels, to_labels, port)
                        && allows(&policies, "ingress", "from", to_labels, from_labels, port)
                    {
                        allowed.insert(format!("{from} -> {to}:{port}"));
                    }
                }
            }
        }
        allowed
    }

    fn allows(
        policies: &[&Value],
        direction: &str,
        peers: &str,
        own: &Value,
        other: &Value,
        port: u16,
    ) -> bool {
        policies
            .iter()
            .filter(|policy| selects(&policy["podSelector"], own))
            .flat_map(|policy| policy[direction].as_array().into_iter().flatten())
            .any(|rule| {
                let port_matches =
                    rule["ports"].as_array().is_none_or(|ports| ports.iter().any(|p| p["port"] == port));
                let peer_matches = rule[peers].as_array().is_none_or(|peers| {
                    peers.iter().any(|peer| {
                        peer["ipBlock"].is_null()
                            && peer["namespaceSelector"].is_null()
                            && selects(&peer["podSelector"], other)
                    })
                });
                port_matches && peer_matches
            })
    }

    fn selects(selector: &Value, labels: &Value) -> bool {
        let by_label = selector["matchLabels"]
            .as_object()
            .is_none_or(|wanted| wanted.iter().all(|(key, value)| labels[key] == *value));
        let by_expression = selector["matchExpressions"].as_array().is_none_or(|expressions| {
            expressions.iter().all(|expression| {
                assert_eq!(expression["operator"], "In", "the only one in use");
                let key = expression["key"].as_str().unwrap();
                expression["values"].as_array().unwrap().contains(&labels[key])
            })
        });
        by_label && by_expression
    }

    #[test]
    fn pods_may_connect_exactly_as_the_table_says() {
        let mut platform = testing::small();
        platform.demo_data = true;
        let mut expected = BTreeSet::new();
        for entry in components() {
            for edge in entry.calls {
                expected.insert(format!("{}/service -> {}/service:{API_PORT}", entry.name, edge.to));
            }
            // Keys to check tokens with, and tokens of one's own, come from identity.
            if entry.settings().iter().any(|setting| ["JWKS_URI", "TOKEN_URL"].contains(&setting.key)) {
                expected.insert(format!("{}/service -> identity/service:{API_PORT}", entry.name));
            }
            // Anybody may reach the gateway, but only who calls it from inside may go there.
            let roles = [Some("service"), entry.migrates.then_some("migrate"), entry.seeds.then_some("seed")];
            for role in roles.into_iter().flatten() {
                for kind in &platform.components[&entry.name].servers {
                    expected.insert(format!(
                        "{}/{role} -> {kind}/server:{}",
                        entry.name,
                        kind.default_port()
                    ));
                }
            }
        }
        for kind in platform.servers.keys() {
            expected.insert(format!("provision/provision -> {kind}/server:{}", kind.default_port()));
        }
        expected.insert(format!("provision/provision -> rabbitmq/server:{MANAGEMENT_PORT}"));
        assert_eq!(connections(&platform), expected);
    }

    #[test]
    fn nothing_is_restricted_when_no_policies_are_wanted() {
        let mut platform = testing::small();
        platform.network_policy = None;
        assert!(build(&platform).is_empty());
    }

    #[test]
    fn only_identity_reaches_the_mail_server() {
        let policies = build(&testing::full());
        let mail = json!({"ports": [tcp(465)]});
        let reaching: Vec<&str> = policies
            .iter()
            .filter(|policy| policy.object["spec"]["egress"].as_array().is_some_and(|to| to.contains(&mail)))
            .map(Wanted::name)
            .collect();
        assert_eq!(reaching, ["school-identity"]);
    }

    #[test]
    fn whoever_is_named_may_read_metrics_and_reach_the_gateway() {
        let policies = build(&testing::full());
        let ingress = |name: &str| {
            let policy = policies.iter().find(|policy| policy.name() == name).unwrap();
            policy.object["spec"]["ingress"].clone()
        };
        let monitoring =
            json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}});
        let metrics = json!({"from": [monitoring], "ports": [tcp(ADMIN_PORT)]});
        assert!(ingress("school-order").as_array().unwrap().contains(&metrics));
        assert_eq!(ingress("school-gateway")[0]["from"][0], json!({"ipBlock": {"cidr": "10.2.0.0/16"}}));
    }
}
