//! Labels, names and metadata that all objects share.

use std::collections::BTreeMap;

use platform_components::{Name, ServerKind, names};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::plan::{Part, Stage, Wanted};
use crate::validate::ValidatedPlatform;

/// What a pod of ours is for. It tells pods of one component apart: a Service must not select the pod
/// of a migration, and a policy may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Service,
    Server,
    Migrate,
    Seed,
    Provision,
}

impl Role {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Server => "server",
            Self::Migrate => "migrate",
            Self::Seed => "seed",
            Self::Provision => "provision",
        }
    }
}

/// The label of a pod's role.
pub(super) const ROLE: &str = "courseplatform.dev/role";
const INSTANCE: &str = "app.kubernetes.io/instance";
const COMPONENT: &str = "app.kubernetes.io/component";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
const OPERATOR: &str = "courseplatform-operator";
const VERSION: &str = "app.kubernetes.io/version";
/// Annotation of a pod with the hash of the configuration it reads at start, so that a change rolls it.
pub(super) const CONFIG_HASH: &str = "courseplatform.dev/config-hash";

impl Part {
    /// The part's name in labels and object names.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Server(kind) => kind.as_str(),
            Self::Provision => "provision",
            Self::Component(name) => name.as_str(),
        }
    }
}

/// The labels of every object of a part. They never hold a version: selectors and claim templates,
/// which can't change, are made of them.
pub(super) fn labels(platform: &ValidatedPlatform, part: Part) -> BTreeMap<String, String> {
    [
        ("app.kubernetes.io/name", part.label()),
        (INSTANCE, &platform.name),
        (COMPONENT, part.label()),
        ("app.kubernetes.io/part-of", "courseplatform"),
        (MANAGED_BY, OPERATOR),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}

/// The labels of a pod.
pub(super) fn pod_labels(platform: &ValidatedPlatform, part: Part, role: Role) -> BTreeMap<String, String> {
    let mut labels = labels(platform, part);
    labels.insert(ROLE.to_owned(), role.as_str().to_owned());
    if role != Role::Server {
        labels.insert(VERSION.to_owned(), platform.version.clone());
    }
    labels
}

/// What selects the pods of a part in one role, and nothing of another platform.
pub(super) fn selector(platform: &ValidatedPlatform, part: Part, role: Role) -> Value {
    json!({INSTANCE: platform.name, COMPONENT: part.label(), ROLE: role.as_str()})
}

/// What selects every pod of the platform.
pub(super) fn everything(platform: &ValidatedPlatform) -> Value {
    json!({INSTANCE: platform.name, MANAGED_BY: OPERATOR})
}

/// `metadata` of an object of a part.
pub(super) fn metadata(platform: &ValidatedPlatform, part: Part, name: &str) -> Value {
    let mut labels = labels(platform, part);
    if !matches!(part, Part::Server(_)) {
        labels.insert(VERSION.to_owned(), platform.version.clone());
    }
    json!({"name": name, "namespace": platform.namespace, "labels": labels})
}

/// The name of a component's objects.
pub(super) fn component_name(platform: &ValidatedPlatform, name: Name) -> String {
    names::object(&platform.name, name)
}

/// The name of a server's objects.
pub(super) fn server_name(platform: &ValidatedPlatform, kind: ServerKind) -> String {
    names::server_object(&platform.name, kind)
}

/// The name of an object that belongs to the platform as a whole.
pub(super) fn platform_object(platform: &ValidatedPlatform, what: &str) -> String {
    format!("{}-{what}", platform.name)
}

/// The first 8 hexadecimal digits of a SHA-256: enough to tell a handful of objects apart.
pub(super) fn short_hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..4])
}

/// An object that goes with the platform.
pub(super) fn owned(part: Part, stage: Stage, object: Value) -> Wanted {
    Wanted { part, stage, keep: false, object }
}
