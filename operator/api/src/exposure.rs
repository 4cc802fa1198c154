//! `spec.expose`, `spec.tls` and `spec.networkPolicy`: who can reach what.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How requests from outside reach the gateway: at most one of nodePort and ingress. With neither,
/// something of your own must bring them to the Service <name>-gateway-public.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.nodePort) && has(self.ingress))")
    .message("at most one of nodePort and ingress may be set"))]
pub struct ExposeSpec {
    /// A port on every node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_port: Option<NodePortSpec>,
    /// An Ingress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<IngressSpec>,
    /// The port that people see in the address. When absent nodePort.port, else the scheme's own.
    #[schemars(range(min = 1, max = 65535))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_port: Option<i32>,
    /// Networks of the proxies before the gateway, such as 10.0.0.0/8: whoever connects from there is
    /// believed when it says in X-Forwarded-For whom it speaks for. Behind an Ingress or a load balancer
    /// that speaks HTTP, name the network of its pods or machines and none that visitors come from; while
    /// the list is empty all visitors there count as one, for limits and for what slows down guessed passwords.
    #[schemars(length(max = 20), inner(length(max = 43), regex(pattern = r"^[0-9a-fA-F:.]+/[0-9]{1,3}$")))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted_proxies: Vec<String>,
}

/// A port on every node.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodePortSpec {
    /// The port. One that Kubernetes chooses when absent.
    #[schemars(range(min = 1, max = 65535))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
}

/// An Ingress.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressSpec {
    /// Its IngressClass. The cluster's default when absent.
    #[schemars(length(min = 1, max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_name: Option<String>,
    /// Its annotations, for the controller that serves it.
    #[schemars(extend("maxProperties" = 30))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Who ends TLS.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsSpec {
    /// Upstream when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<TlsMode>,
}

/// Who ends TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::crd::undescribed)]
pub enum TlsMode {
    /// Something before the gateway: the Ingress controller, a load balancer. The address is https.
    #[default]
    Upstream,
    /// Nobody. The address is http; only for localhost.
    Disabled,
}

/// Who may talk to whom.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicySpec {
    /// Whether NetworkPolicies are made: one for each connection, and deny for the rest. true when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Who may read metrics. Nobody when absent.
    #[schemars(length(max = 20))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics_from: Vec<PeerSpec>,
    /// Who may reach the gateway. Anybody when absent.
    #[schemars(length(max = 20))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateway_from: Vec<PeerSpec>,
}

/// Somebody who may connect: a range of addresses, or pods by labels.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.cidr) != (has(self.namespaceSelector) || has(self.podSelector))")
    .message("exactly one of cidr and selectors must be set"))]
pub struct PeerSpec {
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
}

/// Labels that must all be there.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelsSpec {
    /// Labels and their values. Everything matches when absent.
    #[schemars(extend("maxProperties" = 20))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
}
