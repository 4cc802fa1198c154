//! `spec.services`: what single components are given beside what follows from the plan.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of single components, each optional.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(crate::rules::no_engine(&["catalog", "basket", "discount", "payment", "photostock", "gateway", "web"]))
    .message("only identity and order can choose an engine"))]
pub struct ServicesSpec {
    /// Accounts, sign-in and tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<ServiceSpec>,
    /// Categories, courses, learning and reviews.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog: Option<ServiceSpec>,
    /// Baskets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basket: Option<ServiceSpec>,
    /// Coupons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount: Option<ServiceSpec>,
    /// Orders and checkout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<ServiceSpec>,
    /// Payments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<ServiceSpec>,
    /// Photos.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub photostock: Option<ServiceSpec>,
    /// The only door.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<ServiceSpec>,
    /// The shop's pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web: Option<ServiceSpec>,
}

/// Settings of one component.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSpec {
    /// How many pods. Follows from the plan when absent.
    #[schemars(range(min = 1, max = 100))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// The engine of its database: identity and order only. Immutable. postgres when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// What it may use. Follows from the plan when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourcesSpec>,
    /// An image in place of the version's own.
    #[schemars(length(min = 1, max = 500))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// More environment variables. Those that the operator sets itself are refused.
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVarSpec>,
}

/// The engine of a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
#[serde(rename_all = "camelCase")]
pub enum Engine {
    /// PostgreSQL.
    #[default]
    Postgres,
    /// SQL Server.
    SqlServer,
}

/// An environment variable.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvVarSpec {
    /// Its name.
    #[schemars(length(min = 1, max = 100), regex(pattern = r"^[A-Z][A-Z0-9_]*$"))]
    pub name: String,
    /// Its value. Secrets don't belong here.
    #[schemars(length(max = 2000))]
    pub value: String,
}

/// What a container may use, in Kubernetes' own terms.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourcesSpec {
    /// What it is given: cpu, memory, ephemeral-storage.
    #[schemars(extend("maxProperties" = 8))]
    #[x_kube(validation = Rule::new("self.all(key, isQuantity(self[key]))").message("values are quantities such as 100m or 64Mi"))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, String>,
    /// What it can't exceed.
    #[schemars(extend("maxProperties" = 8))]
    #[x_kube(validation = Rule::new("self.all(key, isQuantity(self[key]))").message("values are quantities such as 100m or 64Mi"))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
}
