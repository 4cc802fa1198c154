//! `status`: what the operator found and did. Written by it alone, through the status subresource.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator found and did.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CoursePlatformStatus {
    /// The generation of the spec that was evaluated last, whether or not it was valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Versions of the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionStatus>,
    /// Where the shop is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The Secret with the first administrator's email and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_secret: Option<String>,
    /// How many of the components are ready, for example 9/9.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_services: Option<String>,
    /// Each component.
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<ComponentStatus>,
    /// Each server.
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<ServerStatus>,
    /// Pods that can't run, and why.
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// The conditions: Ready, Available, Reconciled, ServersReady, Migrated, Exposed, CredentialsCurrent,
    /// HighlyAvailable, Paused.
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// Versions of the platform.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionStatus {
    /// The version that all components run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// The version that they are brought to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The version that ran before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
}

/// The state of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
pub enum ComponentState {
    /// It waits for a server, its database or another component.
    Waiting,
    /// Its database is being migrated.
    Migrating,
    /// Its migration failed; nothing else happens to it until that is solved.
    MigrationFailed,
    /// New pods come up while the old ones serve.
    RollingOut,
    /// Every pod that is wanted is ready.
    Ready,
    /// Fewer pods than wanted are ready, and no rollout is the reason.
    Unavailable,
    /// It is stopped on request.
    Stopped,
}

/// One component.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentStatus {
    /// Its name.
    pub name: String,
    /// The version that it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How many of its pods are ready.
    pub ready: i32,
    /// How many there should be.
    pub desired: i32,
    /// Its state.
    pub state: ComponentState,
    /// What it waits for or suffers from, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The version whose migrations its database has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migrated_to: Option<String>,
}

/// Who runs a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
#[serde(rename_all = "lowercase")]
pub enum ServerMode {
    /// The operator.
    Managed,
    /// Somebody else.
    External,
}

/// The state of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
pub enum ServerState {
    /// It is coming up.
    Starting,
    /// It runs, and what the platform needs on it is there.
    Ready,
    /// Databases, users or topology could not be made on it.
    ProvisioningFailed,
    /// Its pod does not run.
    Unavailable,
    /// Its volume is there and the Secret that opens it is gone.
    CredentialsLost,
}

/// One server.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerStatus {
    /// Its kind.
    pub name: String,
    /// Who runs it.
    pub mode: ServerMode,
    /// Its state.
    pub state: ServerState,
    /// Its version, as far as its image tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it waits for or suffers from, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A pod that can't run.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The component or server.
    pub component: String,
    /// The pod.
    pub pod: String,
    /// Kubernetes' reason, for example ImagePullBackOff.
    pub reason: String,
    /// What Kubernetes or the container said, shortened.
    pub message: String,
}

/// A condition, as Kubernetes' own objects have them.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What it is about.
    #[serde(rename = "type")]
    #[schemars(length(max = 316))]
    pub type_: String,
    /// True, False or Unknown.
    #[schemars(regex(pattern = "^(True|False|Unknown)$"))]
    pub status: String,
    /// The generation of the spec that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the status changed last (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// Why, in one word for programs.
    pub reason: String,
    /// Why, in words for people.
    #[schemars(length(max = 32768))]
    pub message: String,
}
