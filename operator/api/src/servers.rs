//! `spec.servers`: the servers that keep the data, each managed by the operator or somebody else's.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{LabelsSpec, ResourcesSpec};

/// The servers that keep the data. Each is managed when absent; the chosen member can't change.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServersSpec {
    /// PostgreSQL 15 or newer: identity, discount, order and payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgres: Option<ServerSpec>,
    /// SQL Server 2019 or newer: identity and order, where services.*.engine says so. Never managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql_server: Option<SqlServerSpec>,
    /// MongoDB 7 or newer, or a server that speaks its protocol: catalog.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mongodb: Option<ServerSpec>,
    /// Redis 7.0 or newer, or Valkey: basket, gateway and web.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<ServerSpec>,
    /// RabbitMQ 3.10 or newer: messages between the services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rabbitmq: Option<ServerSpec>,
}

/// One server: exactly one of managed and external.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.managed) != has(self.external)")
    .message("exactly one of managed and external must be set"))]
pub struct ServerSpec {
    /// A single-node server that the operator runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedServerSpec>,
    /// Somebody else's server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalServerSpec>,
}

/// SQL Server, which is always somebody else's.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SqlServerSpec {
    /// The server.
    pub external: ExternalServerSpec,
}

/// A single-node server that the operator runs as a StatefulSet.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedServerSpec {
    /// Its image. The operator's own setting when absent, by default the official image.
    #[schemars(length(min = 1, max = 500))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Its volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageSpec>,
    /// What it may use. Follows from the plan when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourcesSpec>,
    /// Lines for the server's own configuration, by key; changing them restarts it.
    // A value may not break out of its line.
    #[schemars(extend("maxProperties" = 50))]
    #[x_kube(validation = Rule::new("self.all(key, key.matches('^[a-z][a-z0-9_.-]{0,99}$') && self[key].matches('^[ -~]*$'))")
        .message("keys are the server's own settings in lower case, values one line of ASCII"))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
}

/// The volume of a managed server.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageSpec {
    /// Its size. When absent 10Gi for PostgreSQL and MongoDB, 5Gi for RabbitMQ, 1Gi for Redis.
    #[schemars(length(max = 20), regex(pattern = r"^[1-9][0-9]*(Ki|Mi|Gi|Ti)$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Its StorageClass. The cluster's default when absent.
    #[schemars(length(min = 1, max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_name: Option<String>,
}

/// Somebody else's server.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.?provisioning.orValue('Admin') == 'Admin' ? has(self.secretRef) : has(self.serviceSecrets)")
    .message("provisioning Admin needs secretRef, provisioning None needs serviceSecrets"))]
pub struct ExternalServerSpec {
    /// The Secret, in the same namespace, with an administrator's connection: keys host, port,
    /// username and password, or one key uri; for RabbitMQ also management-uri. Without username the
    /// server is used without accounts.
    #[schemars(length(min = 1, max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<String>,
    /// Who makes databases and users; for SQL Server None in this release. Admin when absent: the operator, with the account of secretRef.
    /// None: somebody has made them, and serviceSecrets names them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioning: Option<Provisioning>,
    /// For provisioning None: by component, the Secret whose key uri holds the finished connection.
    #[schemars(extend("maxProperties" = 9))]
    #[x_kube(validation = Rule::new("self.all(name, name in ['identity', 'catalog', 'basket', 'discount', 'order', 'payment', 'photostock', 'gateway', 'web'])")
        .message("serviceSecrets is keyed by the names of components"))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub service_secrets: BTreeMap<String, String>,
    /// Where the server's addresses are, for the NetworkPolicies. Any address when absent.
    #[schemars(length(max = 20))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<EgressSpec>,
}

/// Who makes databases and users on an external server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
pub enum Provisioning {
    /// The operator, as the administrator of secretRef.
    #[default]
    Admin,
    /// Somebody else; serviceSecrets names the accounts.
    None,
}

/// A destination outside the platform: a range of addresses, or pods by labels.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.cidr) != (has(self.namespaceSelector) || has(self.podSelector))")
    .message("exactly one of cidr and selectors must be set"))]
pub struct EgressSpec {
    /// A range of addresses, for example 10.1.0.0/16.
    #[schemars(length(max = 43), regex(pattern = r"^[0-9a-fA-F:.]+/[0-9]{1,3}$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cidr: Option<String>,
    /// The namespaces of the pods; the platform's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelsSpec>,
    /// The pods; all of the namespaces when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<LabelsSpec>,
    /// The port. The server's when absent.
    #[schemars(range(min = 1, max = 65535))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
}
