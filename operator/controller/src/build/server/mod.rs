//! Managed servers: a StatefulSet of one pod and its configuration, one file a kind of server. The
//! images are the official ones or behave like them: they start as user 999 and keep their entrypoints.

mod mongodb;
mod postgres;
mod rabbitmq;
mod redis;

use platform_components::ServerKind;
use serde_json::{Value, json};

use super::config_map::ConfigFile;
use super::meta::{Role, labels, metadata, owned, selector, server_name};
use super::plan::{Part, Stage, Wanted};
use super::pod::{self, Pod, SERVER_USER};
use super::secrets;
use crate::validate::{ManagedServer, Server, ValidatedPlatform};

/// The claim template; the claim is `data-<platform>-<server>-0`.
const DATA: &str = "data";

/// What is particular to a kind of server.
struct Recipe {
    /// Where its data goes.
    data_path: &'static str,
    /// Fields of its container: command or args, env, ports, probes.
    container: Value,
    /// Mounts beside data and /tmp.
    mounts: Vec<Value>,
    /// Volumes beside the data and /tmp.
    volumes: Vec<Value>,
    /// Its configuration, when it reads a file.
    config: Option<ConfigFile>,
    /// How long it may take to stop.
    grace_seconds: i64,
}

pub(super) fn build(platform: &ValidatedPlatform) -> Vec<Wanted> {
    let mut objects = Vec::new();
    for (&kind, server) in &platform.servers {
        if let Server::Managed(server) = server {
            objects.extend(one(platform, kind, server));
        }
    }
    objects
}

fn one(platform: &ValidatedPlatform, kind: ServerKind, server: &ManagedServer) -> Vec<Wanted> {
    let part = Part::Server(kind);
    let recipe = match kind {
        ServerKind::Postgres => postgres::recipe(server),
        ServerKind::MongoDb => mongodb::recipe(server),
        ServerKind::Redis => redis::recipe(platform, server),
        ServerKind::RabbitMq => rabbitmq::recipe(platform, server),
        // Validate lets it be external only.
        ServerKind::SqlServer => return Vec::new(),
    };
    let config = recipe.config.as_ref().map(|config| config.wanted(platform, part));
    let set = owned(part, Stage::Server, stateful_set(platform, kind, server, recipe));
    config.into_iter().chain([set]).collect()
}

fn stateful_set(
    platform: &ValidatedPlatform,
    kind: ServerKind,
    server: &ManagedServer,
    recipe: Recipe,
) -> Value {
    let part = Part::Server(kind);
    let name = server_name(platform, kind);
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata(platform, part, &name),
        "spec": {
            "replicas": 1,
            "serviceName": name,
            // Of no consequence with one pod, and it can't be changed later.
            "podManagementPolicy": "Parallel",
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": selector(platform, part, Role::Server)},
            // With Delete the claim is owned by the StatefulSet, so it goes with the platform.
            "persistentVolumeClaimRetentionPolicy": {
                "whenDeleted": if platform.keeps_data() { "Retain" } else { "Delete" },
                "whenScaled": "Retain",
            },
            "volumeClaimTemplates": [claim(platform, part, server)],
            "template": template(platform, kind, server, recipe),
        },
    })
}

fn claim(platform: &ValidatedPlatform, part: Part, server: &ManagedServer) -> Value {
    let mut claim = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": DATA, "labels": labels(platform, part)},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": server.storage_size}},
        },
    });
    if let Some(class) = &server.storage_class {
        claim["spec"]["storageClassName"] = json!(class);
    }
    claim
}

fn template(platform: &ValidatedPlatform, kind: ServerKind, server: &ManagedServer, recipe: Recipe) -> Value {
    let Recipe { data_path, container: mut fields, mounts, mut volumes, config, grace_seconds } = recipe;
    let mut all_mounts = vec![
        json!({"name": DATA, "mountPath": data_path}),
        json!({"name": "admin", "mountPath": ADMIN, "readOnly": true}),
    ];
    all_mounts.extend(mounts);
    fields["volumeMounts"] = Value::from(all_mounts);
    volumes.push(json!({
        "name": "admin",
        "secret": {"secretName": secrets::admin_secret(platform, kind), "defaultMode": pod::SECRET_MODE},
    }));
    if let Some(config) = &config {
        volumes.push(json!({"name": "config", "configMap": {"name": config.name}}));
    }
    Pod {
        platform,
        part: Part::Server(kind),
        role: Role::Server,
        service_account: server_name(platform, kind),
        user: SERVER_USER,
        container: pod::container(platform, kind.as_str(), &server.image, &server.resources, fields),
        volumes,
        grace_seconds,
        config_hash: config.map(|config| config.hash),
        restart_policy: None,
    }
    .template()
}

/// Where the administrator's Secret is mounted in a server's own pod.
const ADMIN: &str = "/secrets/admin";

/// A port that is named like the server.
fn port(kind: ServerKind) -> Value {
    json!({"name": kind.as_str(), "containerPort": kind.default_port(), "protocol": "TCP"})
}

/// Probes for a server that listens only when it can serve. The first start makes the data directory,
/// and a start after a crash may have to replay much: ten minutes.
fn tcp_probes(kind: ServerKind) -> [(&'static str, Value); 3] {
    let probe = |period: u32, failures: u32| {
        json!({
            "tcpSocket": {"port": kind.as_str()},
            "periodSeconds": period,
            "timeoutSeconds": 3,
            "failureThreshold": failures,
        })
    };
    [("startupProbe", probe(2, 300)), ("livenessProbe", probe(10, 6)), ("readinessProbe", probe(3, 2))]
}

/// Puts fields into a container.
fn with(mut container: Value, fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    for (key, value) in fields {
        container[key] = value;
    }
    container
}

#[cfg(test)]
mod tests {
    use crate::build::testing;

    #[test]
    fn managed_servers() {
        insta::assert_yaml_snapshot!(testing::objects(&super::build(&testing::small())));
    }
}
