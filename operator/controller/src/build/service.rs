//! Services. Those of components and servers are headless: callers see every pod and balance
//! themselves, and nothing needs to change when they start to.

use platform_components::{ADMIN_PORT, API_PORT, Name, ServerKind, components};
use serde_json::{Value, json};

use super::meta::{Role, component_name, metadata, owned, platform_object, selector, server_name};
use super::plan::{Part, Stage, Wanted};
use crate::validate::{Exposure, Server, ValidatedPlatform};

/// The port of the Service through which requests from outside come.
pub(super) const PUBLIC_PORT: u16 = 80;

pub(super) fn build(platform: &ValidatedPlatform) -> Vec<Wanted> {
    let mut services: Vec<Wanted> =
        components().iter().map(|entry| component(platform, entry.name)).collect();
    for (&kind, server) in &platform.servers {
        if matches!(server, Server::Managed(_)) {
            services.push(self::server(platform, kind));
        }
    }
    services.push(public(platform));
    services
}

/// The name of the Service through which requests from outside come.
pub(super) fn public_name(platform: &ValidatedPlatform) -> String {
    platform_object(platform, "gateway-public")
}

fn component(platform: &ValidatedPlatform, name: Name) -> Wanted {
    let ports = json!([port("http", API_PORT, "http"), port("admin", ADMIN_PORT, "admin"),]);
    headless(platform, Part::Component(name), Role::Service, &component_name(platform, name), ports)
}

fn server(platform: &ValidatedPlatform, kind: ServerKind) -> Wanted {
    let mut ports = vec![port(kind.as_str(), kind.default_port(), kind.as_str())];
    if kind == ServerKind::RabbitMq {
        ports.push(port("management", 15672, "management"));
    }
    headless(platform, Part::Server(kind), Role::Server, &server_name(platform, kind), Value::from(ports))
}

fn port(name: &str, port: u16, target: &str) -> Value {
    json!({"name": name, "port": port, "targetPort": target, "protocol": "TCP"})
}

fn headless(platform: &ValidatedPlatform, part: Part, role: Role, name: &str, ports: Value) -> Wanted {
    let object = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(platform, part, name),
        "spec": {"clusterIP": "None", "selector": selector(platform, part, role), "ports": ports},
    });
    owned(part, Stage::Base, object)
}

/// An Ingress needs a Service with an address, and a node port too.
fn public(platform: &ValidatedPlatform) -> Wanted {
    let part = Part::Component(Name::Gateway);
    let mut http = port("http", PUBLIC_PORT, "http");
    let kind = match platform.exposure {
        Exposure::NodePort(node_port) => {
            if let Some(node_port) = node_port {
                http["nodePort"] = json!(node_port);
            }
            "NodePort"
        }
        Exposure::ClusterIp | Exposure::Ingress { .. } => "ClusterIP",
    };
    let object = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(platform, part, &public_name(platform)),
        "spec": {"type": kind, "selector": selector(platform, part, Role::Service), "ports": [http]},
    });
    owned(part, Stage::Base, object)
}

#[cfg(test)]
mod tests {
    use crate::build::testing;

    #[test]
    fn services_of_a_small_platform() {
        insta::assert_yaml_snapshot!(testing::objects(&super::build(&testing::small())));
    }
}
