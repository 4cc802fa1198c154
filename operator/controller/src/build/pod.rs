//! What every pod of ours has in common: Pod Security `restricted`, a read-only root, no token and no
//! variables about Services (OPERATOR rule 13).

use std::collections::BTreeMap;

use courseplatform_api::{PullPolicy, ResourcesSpec};
use serde_json::{Map, Value, json};

use super::meta::{Role, pod_labels};
use super::plan::Part;
use crate::validate::ValidatedPlatform;

/// The user of our own images.
pub(super) const OUR_USER: i64 = 65532;
/// The user of the official images of PostgreSQL, Redis, RabbitMQ and MongoDB (Debian variants).
pub(super) const SERVER_USER: i64 = 999;
/// Where secrets are mounted.
pub(super) const SECRETS: &str = "/secrets";
/// Where configuration is mounted.
pub(super) const CONFIG: &str = "/config";

/// A pod in the making.
pub(super) struct Pod<'a> {
    pub(super) platform: &'a ValidatedPlatform,
    pub(super) part: Part,
    pub(super) role: Role,
    pub(super) service_account: String,
    pub(super) user: i64,
    pub(super) container: Value,
    pub(super) volumes: Vec<Value>,
    pub(super) grace_seconds: i64,
    /// The hash of configuration that is read at start.
    pub(super) config_hash: Option<String>,
    /// `Never` for Jobs.
    pub(super) restart_policy: Option<&'static str>,
}

impl Pod<'_> {
    /// The pod template.
    pub(super) fn template(self) -> Value {
        let platform = self.platform;
        let scheduling = &platform.scheduling;
        let mut volumes = self.volumes;
        volumes.push(json!({"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}));
        let mut spec = json!({
            "serviceAccountName": self.service_account,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": self.grace_seconds,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": self.user,
                "runAsGroup": self.user,
                "fsGroup": self.user,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [self.container],
            "volumes": volumes,
        });
        let mut optional = Map::new();
        if let Some(policy) = self.restart_policy {
            optional.insert("restartPolicy".into(), json!(policy));
        }
        if !platform.pull_secrets.is_empty() {
            let names: Vec<Value> = platform.pull_secrets.iter().map(|name| json!({"name": name})).collect();
            optional.insert("imagePullSecrets".into(), Value::from(names));
        }
        if !scheduling.node_selector.is_empty() {
            optional.insert("nodeSelector".into(), json!(scheduling.node_selector));
        }
        if !scheduling.tolerations.is_empty() {
            optional.insert("tolerations".into(), json!(scheduling.tolerations));
        }
        if let Some(class) = &scheduling.priority_class {
            optional.insert("priorityClassName".into(), json!(class));
        }
        if scheduling.spread && self.role == Role::Service {
            optional.insert("topologySpreadConstraints".into(), spread(platform, self.part));
        }
        merge(&mut spec, optional);
        let mut metadata = json!({"labels": pod_labels(platform, self.part, self.role)});
        if let Some(hash) = self.config_hash {
            metadata["annotations"] = json!({super::meta::CONFIG_HASH: hash});
        }
        json!({"metadata": metadata, "spec": spec})
    }
}

/// Replicas prefer different nodes and still run when there is only one.
fn spread(platform: &ValidatedPlatform, part: Part) -> Value {
    json!([{
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": super::meta::selector(platform, part, Role::Service)},
        // Without it, the pods of a version that is going away count too.
        "matchLabelKeys": ["pod-template-hash"],
    }])
}

/// A container, with `fields` beside what all have.
pub(super) fn container(
    platform: &ValidatedPlatform,
    name: &str,
    image: &str,
    resources: &ResourcesSpec,
    fields: Value,
) -> Value {
    let mut container = json!({
        "name": name,
        "image": image,
        "imagePullPolicy": pull_policy(platform.pull_policy),
        "resources": resources,
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    });
    if let Value::Object(fields) = fields {
        merge(&mut container, fields);
    }
    if let Some(mounts) = container["volumeMounts"].as_array_mut() {
        mounts.push(json!({"name": "tmp", "mountPath": "/tmp"}));
    }
    container
}

fn pull_policy(policy: PullPolicy) -> &'static str {
    match policy {
        PullPolicy::Always => "Always",
        PullPolicy::IfNotPresent => "IfNotPresent",
        PullPolicy::Never => "Never",
    }
}

/// One key of a Secret, and the path below [`SECRETS`] at which it is mounted.
pub(super) struct SecretFile {
    pub(super) secret: String,
    pub(super) key: &'static str,
    pub(super) path: String,
}

/// The volume that brings single keys of several Secrets together under [`SECRETS`].
pub(super) fn secrets_volume(files: &[SecretFile]) -> Value {
    let mut by_secret: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for file in files {
        by_secret.entry(&file.secret).or_default().push(json!({"key": file.key, "path": file.path}));
    }
    let sources: Vec<Value> = by_secret
        .into_iter()
        .map(|(name, items)| json!({"secret": {"name": name, "items": items}}))
        .collect();
    json!({"name": "secrets", "projected": {"defaultMode": SECRET_MODE, "sources": sources}})
}

/// Readable by the pod's own group (`fsGroup`), which is 0440.
pub(super) const SECRET_MODE: u32 = 0o440;

/// Mounts the volume of [`secrets_volume`].
pub(super) fn secrets_mount() -> Value {
    json!({"name": "secrets", "mountPath": SECRETS, "readOnly": true})
}

/// Environment variables as a container takes them.
pub(super) fn environment<'a>(variables: impl IntoIterator<Item = (&'a str, String)>) -> Value {
    variables.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

fn merge(into: &mut Value, fields: Map<String, Value>) {
    if let Value::Object(object) = into {
        object.extend(fields);
    }
}
