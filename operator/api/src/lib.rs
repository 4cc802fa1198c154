//! The `CoursePlatform` resource: its types, the documentation that `kubectl explain` shows, and the
//! rules that the API server checks. The crate describes and never acts: what a field means for
//! Kubernetes objects is decided in the operator.
//!
//! Three habits run through all types. Nothing has a default in the schema, since a default would be
//! frozen into stored objects: the operator fills in what is absent, and null means absent. A union
//! is a struct of options of which a rule allows exactly one. Every list, map and string is bounded.

// KubeSchema copies each public type into a function body.
#![allow(unreachable_pub)]

mod crd;
mod exposure;
mod identity;
mod rules;
mod servers;
mod services;
mod spec;
mod status;

pub use crd::{CRD_VERSION_ANNOTATION, crd, crd_yaml};
pub use exposure::{
    ExposeSpec, IngressSpec, LabelsSpec, NetworkPolicySpec, NodePortSpec, PeerSpec, TlsMode, TlsSpec,
};
pub use identity::{
    ClientGrant, ClientSpec, ClientType, FirstAdminSpec, IdentitySpec, JwkSpec, JwksSpec, KeyAlgorithm,
    KeyType, KeyUse, MailSpec, SignUp, SmtpSpec, SmtpTls,
};
pub use servers::{
    EgressSpec, ExternalServerSpec, ManagedServerSpec, Provisioning, ServerSpec, ServersSpec, SqlServerSpec,
    StorageSpec,
};
pub use services::{Engine, EnvVarSpec, ResourcesSpec, ServiceSpec, ServicesSpec};
pub use spec::{
    AccessMode, CoursePlatform, CoursePlatformSpec, DeletionPolicy, ImageSpec, LogLevel, PhotosSpec, Plan,
    PullPolicy, SchedulingSpec, TelemetrySpec, TolerationEffect, TolerationOperator, TolerationSpec,
    VolumeSpec,
};
pub use status::{
    ComponentState, ComponentStatus, Condition, CoursePlatformStatus, Problem, ServerMode, ServerState,
    ServerStatus, VersionStatus,
};

/// API group of the resource, and prefix of our own labels and annotations.
pub const GROUP: &str = "courseplatform.dev";
