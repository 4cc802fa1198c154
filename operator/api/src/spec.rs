//! `spec`: what somebody wants. The parts that are big enough have files of their own.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{unchanged, volume_unchanged};
use crate::{
    CoursePlatformStatus, ExposeSpec, IdentitySpec, MailSpec, NetworkPolicySpec, ServersSpec, ServicesSpec,
    TlsSpec,
};

/// What the platform should be. Only `host` is required.
// Rules that compare with the old object stand here and not beside their fields: a field's own rule
// is not evaluated when the field appears or disappears, and absent counts as the default.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "courseplatform.dev",
    version = "v1alpha1",
    kind = "CoursePlatform",
    namespaced,
    shortname = "cp",
    category = "all",
    status = "CoursePlatformStatus",
    derive = "PartialEq",
    doc = "A whole online-course marketplace: nine components, their servers and all that connects them.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "Whether everything that is wanted runs"
    ),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        description = "Why it is ready or not"
    ),
    printcolumn(
        name = "Services",
        type_ = "string",
        json_path = ".status.readyServices",
        description = "How many of the components are ready"
    ),
    printcolumn(
        name = "Version",
        type_ = "string",
        json_path = ".status.version.current",
        description = "The version that runs"
    ),
    printcolumn(
        name = "URL",
        type_ = "string",
        json_path = ".status.url",
        description = "Where the shop is"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Plan",
        type_ = "string",
        json_path = ".spec.plan",
        description = "The size, small when empty",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        description = "What is going on, in words",
        priority = 1
    ),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]{0,28}[a-z0-9])?$')")
        .message("metadata.name must start with a letter and have at most 30 characters, so that the names of all objects fit"),
)]
#[x_kube(
    validation = Rule::new("self.?tls.?mode.orValue('Upstream') != 'Disabled' || self.host == 'localhost' || self.host.endsWith('.localhost') || self.host == '127.0.0.1'")
        .message("tls.mode Disabled is only for localhost: anywhere else tokens and passwords would travel in the clear"),
    validation = Rule::new(unchanged("currency", "TRY"))
        .message("currency can't change: prices and ledgers are kept in it (absent means TRY)"),
    validation = Rule::new("self.?servers.?postgres.?external.hasValue() == oldSelf.?servers.?postgres.?external.hasValue()")
        .message("servers.postgres can't change between managed and external: the data would stay behind (absent means managed)"),
    validation = Rule::new("self.?servers.?mongodb.?external.hasValue() == oldSelf.?servers.?mongodb.?external.hasValue()")
        .message("servers.mongodb can't change between managed and external: the data would stay behind (absent means managed)"),
    validation = Rule::new("self.?servers.?redis.?external.hasValue() == oldSelf.?servers.?redis.?external.hasValue()")
        .message("servers.redis can't change between managed and external: the data would stay behind (absent means managed)"),
    validation = Rule::new("self.?servers.?rabbitmq.?external.hasValue() == oldSelf.?servers.?rabbitmq.?external.hasValue()")
        .message("servers.rabbitmq can't change between managed and external: messages would stay behind (absent means managed)"),
    validation = Rule::new(volume_unchanged("servers.postgres.managed.storage", "10Gi"))
        .message("servers.postgres.managed.storage can't change in this release (absent means 10Gi of the default class)"),
    validation = Rule::new(volume_unchanged("servers.mongodb.managed.storage", "10Gi"))
        .message("servers.mongodb.managed.storage can't change in this release (absent means 10Gi of the default class)"),
    validation = Rule::new(volume_unchanged("servers.redis.managed.storage", "1Gi"))
        .message("servers.redis.managed.storage can't change in this release (absent means 1Gi of the default class)"),
    validation = Rule::new(volume_unchanged("servers.rabbitmq.managed.storage", "5Gi"))
        .message("servers.rabbitmq.managed.storage can't change in this release (absent means 5Gi of the default class)"),
    validation = Rule::new(format!("{} && {}", volume_unchanged("photos.volume", "20Gi"), unchanged("photos.volume.accessMode", "ReadWriteOnce")))
        .message("photos.volume can't change in this release (absent means 20Gi, ReadWriteOnce, of the default class)"),
    validation = Rule::new(unchanged("services.identity.engine", "postgres"))
        .message("services.identity.engine can't change: the data would stay behind (absent means postgres)"),
    validation = Rule::new(unchanged("services.order.engine", "postgres"))
        .message("services.order.engine can't change: the data would stay behind (absent means postgres)"),
    validation = Rule::new("self.?servers.?sqlServer.hasValue() || (self.?services.?identity.?engine.orValue('postgres') != 'sqlServer' && self.?services.?order.?engine.orValue('postgres') != 'sqlServer')")
        .message("engine sqlServer needs servers.sqlServer"),
    validation = Rule::new("self.?services.?photostock.?replicas.orValue(1) <= 1 || self.?photos.?volume.?accessMode.orValue('ReadWriteOnce') == 'ReadWriteMany'")
        .message("services.photostock.replicas above 1 needs photos.volume.accessMode ReadWriteMany"),
)]
#[serde(rename_all = "camelCase")]
pub struct CoursePlatformSpec {
    /// The DNS name under which people reach the shop, without scheme and port.
    #[schemars(length(min = 1, max = 253))]
    #[schemars(regex(
        pattern = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$"
    ))]
    pub host: String,

    /// The size: requests, limits, replicas and disruption budgets follow from it. small when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,

    /// The version of the platform. When absent, the operator's own version at the first reconcile,
    /// which then stays until this field says otherwise (see status.version).
    #[schemars(length(max = 64), regex(pattern = r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,

    /// Where the images of our components come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageSpec>,

    /// While true only the status is written; nothing else is touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,

    /// While true the components run with 0 replicas; servers and data stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<bool>,

    /// Whether demo data (courses, categories) is brought in once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demo_data: Option<bool>,

    /// The ISO 4217 code of the one currency of this platform. Immutable. TRY when absent.
    #[schemars(length(min = 3, max = 3), regex(pattern = r"^[A-Z]{3}$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,

    /// What happens to the data when this object is deleted. Retain when absent: volumes and the
    /// Secrets that open them stay, and a later platform of the same name adopts them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// The servers that keep the data. Each is managed when absent, except SQL Server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub servers: Option<ServersSpec>,

    /// Settings of single components.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<ServicesSpec>,

    /// Where pods may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduling: Option<SchedulingSpec>,

    /// Where photos are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub photos: Option<PhotosSpec>,

    /// How requests from outside reach the gateway. When absent they don't: its Service is ClusterIP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expose: Option<ExposeSpec>,

    /// Who ends TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSpec>,

    /// Who may talk to whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<NetworkPolicySpec>,

    /// Logs and traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<TelemetrySpec>,

    /// Accounts, and the OAuth clients that people sign in to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentitySpec>,

    /// How people are written to: confirmations of addresses, new passwords.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailSpec>,
}

/// A size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// One replica of everything: for trying out and small schools.
    #[default]
    Small,
    /// Two replicas: survives the loss of a node where the servers do.
    Medium,
    /// Three replicas and more room.
    Large,
}

/// What happens to the data when the platform is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
pub enum DeletionPolicy {
    /// Volumes and the Secrets that open them stay.
    #[default]
    Retain,
    /// Nothing stays.
    Delete,
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
#[allow(missing_docs)] // Kubernetes' own terms
pub enum PullPolicy {
    Always,
    #[default]
    IfNotPresent,
    Never,
}

/// Where the images of our components come from: `<registry>/<component>:<version>`.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageSpec {
    /// Registry and path, without a trailing slash. The operator's own setting when absent.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[a-zA-Z0-9]([-a-zA-Z0-9._:/]*[a-zA-Z0-9])?$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// When images are pulled. IfNotPresent when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<PullPolicy>,
    /// Names of Secrets in the same namespace that hold the registry's credentials.
    #[schemars(length(max = 10), inner(length(min = 1, max = 253)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pull_secrets: Vec<String>,
}

/// Where pods may run.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchedulingSpec {
    /// Labels that a node must have.
    #[schemars(extend("maxProperties" = 20))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that the pods tolerate.
    #[schemars(length(max = 20))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<TolerationSpec>,
    /// The PriorityClass of every pod.
    #[schemars(length(min = 1, max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
    /// Whether the replicas of a component prefer different nodes. true when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<bool>,
}

/// A taint that the pods tolerate, in Kubernetes' own terms.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.key) || self.?operator.orValue('Equal') == 'Exists'")
    .message("a toleration without key needs operator Exists"))]
pub struct TolerationSpec {
    /// The taint's key; every key when absent.
    #[schemars(length(max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How key and value are compared. Equal when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<TolerationOperator>,
    /// The taint's value.
    #[schemars(length(max = 63))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The taint's effect; every effect when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<TolerationEffect>,
    /// How long a NoExecute taint is tolerated, in seconds; for ever when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i64>,
}

/// How a toleration is compared with a taint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
#[allow(missing_docs)] // Kubernetes' own terms
pub enum TolerationOperator {
    Exists,
    Equal,
}

/// What a taint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
#[allow(missing_docs)] // Kubernetes' own terms
pub enum TolerationEffect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
}

/// Where photos are kept.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhotosSpec {
    /// A volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<VolumeSpec>,
}

/// A volume that pods share.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeSpec {
    /// Its size. 20Gi when absent.
    #[schemars(length(max = 20), regex(pattern = r"^[1-9][0-9]*(Ki|Mi|Gi|Ti)$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Its StorageClass. The cluster's default when absent.
    #[schemars(length(min = 1, max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_name: Option<String>,
    /// How it can be mounted. ReadWriteOnce when absent: one replica of photostock, which is replaced
    /// with a gap at every change; ReadWriteMany lifts both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_mode: Option<AccessMode>,
}

/// How a volume can be mounted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
#[allow(missing_docs)] // Kubernetes' own terms
pub enum AccessMode {
    #[default]
    ReadWriteOnce,
    ReadWriteMany,
}

/// Logs and traces.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TelemetrySpec {
    /// Where traces go, as OTLP over HTTP, for example http://collector.observability:4318.
    /// Nowhere when absent.
    #[schemars(length(max = 500), regex(pattern = r"^https?://[^\s]+$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
    /// How much is logged. info when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<LogLevel>,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the usual terms
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// The level as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
