//! Platforms to build from in tests, and ways to look at what was built.

use std::collections::BTreeMap;

use platform_components::{Name, confidential_clients, secret_sha256};
use serde_json::{Value, json};

use super::{Plan, Wanted};
use crate::dereference::{Dereferenced, SecretFacts, UriFacts};
use crate::validate::{Defaults, ValidatedPlatform, validate};

/// Secrets that the spec of [`full`] names.
pub(super) const NAMED_SECRETS: [&str; 4] = ["mssql", "redis-admin", "mongo-catalog", "smtp"];

/// The shortest spec there is.
pub(crate) fn small() -> ValidatedPlatform {
    let found = Dereferenced { client_secrets: client_secrets(), ..Dereferenced::default() };
    checked("demo", "courses", &json!({"host": "courses.example.com"}), &found)
}

/// A hash for every confidential client, as if all Secrets were there.
fn client_secrets() -> BTreeMap<String, Vec<String>> {
    confidential_clients()
        .map(Name::as_str)
        .chain(["reports"])
        .map(|id| (id.to_owned(), vec![secret_sha256(id)]))
        .collect()
}

/// A spec that uses what there is: external servers of every sort, an engine, an Ingress, scheduling.
pub(crate) fn full() -> ValidatedPlatform {
    let uri = |scheme: &str, hosts: &str, port: Option<u16>, parameters: &str| SecretFacts {
        keys: ["uri".to_owned()].into(),
        uri: Some(Ok(UriFacts {
            scheme: scheme.into(),
            hosts: hosts.into(),
            port,
            has_user: true,
            parameters: parameters.into(),
        })),
        ..SecretFacts::default()
    };
    let keys = |keys: &[&str]| SecretFacts {
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        ..SecretFacts::default()
    };
    let found = Dereferenced {
        secrets: [
            ("mssql".to_owned(), Some(uri("sqlserver", "mssql.db", None, "encrypt=true"))),
            ("redis-admin".to_owned(), Some(uri("rediss", "redis.db", None, "protocol=resp3"))),
            ("mongo-catalog".to_owned(), Some(uri("mongodb", "mongo.db:27018", Some(27018), ""))),
            ("regcred".to_owned(), Some(SecretFacts::default())),
            ("smtp".to_owned(), Some(keys(&["username", "password"]))),
            ("principal".to_owned(), Some(keys(&["password"]))),
        ]
        .into(),
        live_version: None,
        client_secrets: client_secrets(),
    };
    let spec = json!({
        "host": "school.example.com",
        "plan": "medium",
        "demoData": true,
        "deletionPolicy": "Delete",
        "image": {"registry": "registry.example.com/school", "pullPolicy": "Always", "pullSecrets": ["regcred"]},
        "servers": {
            "postgres": {"managed": {
                "storage": {"size": "50Gi", "className": "fast"},
                "config": {"max_connections": "200"}
            }},
            "sqlServer": {"external": {
                "provisioning": "None",
                "serviceSecrets": {"order": "mssql"},
                "egress": [{"cidr": "10.1.0.0/16", "port": 1433}]
            }},
            "mongodb": {"external": {"provisioning": "None", "serviceSecrets": {"catalog": "mongo-catalog"}}},
            "redis": {"external": {
                "secretRef": "redis-admin",
                "egress": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "db"}}}]
            }}
        },
        "services": {
            "order": {"engine": "sqlServer", "env": [{"name": "LOG_LEVEL", "value": "debug"}]},
            "gateway": {"replicas": 3, "resources": {"limits": {"memory": "1Gi"}}}
        },
        "scheduling": {
            "nodeSelector": {"pool": "shop"},
            "tolerations": [{"key": "shop", "operator": "Exists", "effect": "NoSchedule"}],
            "priorityClassName": "shop"
        },
        "photos": {"volume": {"accessMode": "ReadWriteMany"}},
        "expose": {"ingress": {"className": "nginx", "annotations": {"example.com/size": "10m"}},
                   "trustedProxies": ["10.2.0.0/16", "fd00:2::/64"]},
        "networkPolicy": {
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
            "gatewayFrom": [{"cidr": "10.2.0.0/16"}]
        },
        "telemetry": {"otlpEndpoint": "http://collector.monitoring:4318", "logLevel": "warn"},
        "identity": {
            "signUp": "Closed",
            "firstAdmin": {"email": "principal@school.example.com", "passwordSecretRef": "principal"},
            "passwordGrant": true,
            "clients": [
                {"id": "mobile", "type": "public", "grants": ["authorization_code", "refresh_token"],
                 "redirectUris": ["app://cb"], "scopes": ["openid", "order.read"]},
                {"id": "reports", "type": "confidential", "grants": ["client_credentials"],
                 "scopes": ["catalog.read"]}
            ]
        },
        "mail": {"smtp": {
            "host": "smtp.example.com", "tls": "Tls", "from": "shop@school.example.com", "secretRef": "smtp"
        }}
    });
    checked("school", "academy", &spec, &found)
}

/// A platform of that name and spec, as validate makes it.
pub(super) fn checked(name: &str, namespace: &str, spec: &Value, found: &Dereferenced) -> ValidatedPlatform {
    let platform = serde_json::from_value(json!({
        "apiVersion": "courseplatform.dev/v1alpha1",
        "kind": "CoursePlatform",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }))
    .unwrap();
    validate(&platform, found, &Defaults::default()).unwrap()
}

/// The objects alone, as `kubectl` would show them.
pub(super) fn objects(wanted: &[Wanted]) -> Vec<&Value> {
    wanted.iter().map(|wanted| &wanted.object).collect()
}

/// The pod template of an object that has one.
pub(super) fn pod_template(object: &Value) -> Option<&Value> {
    object["spec"].get("template").filter(|template| template.is_object())
}

/// The names of all Secrets that pods of the plan mount.
pub(super) fn mounted_secrets(plan: &Plan) -> Vec<String> {
    let mut names = Vec::new();
    for template in plan.objects.iter().filter_map(|wanted| pod_template(&wanted.object)) {
        for volume in template["spec"]["volumes"].as_array().unwrap() {
            names.extend(volume["secret"]["secretName"].as_str().map(str::to_owned));
            for source in volume["projected"]["sources"].as_array().into_iter().flatten() {
                names.extend(source["secret"]["name"].as_str().map(str::to_owned));
            }
        }
    }
    names
}
