//! What is in a namespace, without what differs from one run to the next.

use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};

use super::Namespace;

const KINDS: [(&str, &str); 11] = [
    ("v1", "ServiceAccount"),
    ("v1", "Secret"),
    ("v1", "ConfigMap"),
    ("v1", "Service"),
    ("v1", "PersistentVolumeClaim"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("networking.k8s.io/v1", "Ingress"),
    ("policy/v1", "PodDisruptionBudget"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "Deployment"),
    ("batch/v1", "Job"),
];

/// Every object of a namespace, and the platform's conditions.
pub(crate) async fn snapshot(namespace: &Namespace) -> Vec<Value> {
    let mut found = Vec::new();
    for (api_version, kind) in KINDS {
        for object in namespace.api(api_version, kind).list(&ListParams::default()).await.unwrap() {
            found.push(normalised(kind, &object, &namespace.name));
        }
    }
    let status = namespace.status("demo").await;
    for condition in &status.conditions {
        found.push(json!([condition.type_, condition.status, condition.reason]));
    }
    found.push(json!({"version": status.version, "ready": status.ready_services}));
    found
}

/// Random values, names of the namespace (which is part of database names) and what the server adds are
/// taken out; the fields that we own stay in, since losing one is a fault.
fn normalised(kind: &str, object: &DynamicObject, namespace: &str) -> Value {
    let prefix = platform_components::names::platform_prefix(namespace, "demo");
    let owners: Vec<&str> = object.owner_references().iter().map(|owner| owner.name.as_str()).collect();
    let data = match kind {
        "Secret" => {
            json!(object.data["data"].as_object().map(|data| data.keys().cloned().collect::<Vec<_>>()))
        }
        "Service" => json!([object.data["spec"]["ports"], object.data["spec"]["selector"]]),
        "Job" => json!(object.data["spec"]["template"]["spec"]["containers"][0]["args"]),
        _ => object.data["spec"].clone(),
    };
    let mut labels = object.labels().clone();
    labels.retain(|name, _| !name.contains("controller-uid"));
    let text = json!({
        "kind": kind, "name": object.name_any(), "labels": labels, "owners": owners, "data": data,
    })
    .to_string();
    // The provisioning Job and what depends on database names carry hashes of the namespace.
    let text = text.replace(&prefix, "PREFIX").replace(namespace, "NAMESPACE");
    serde_json::from_str(&hashes_out(&text)).unwrap()
}

/// Takes out hashes of 8 to 16 hexadecimal digits after a hyphen.
pub(super) fn hashes_out(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('-') {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        let digits = after.chars().take_while(char::is_ascii_hexdigit).count();
        let ends = after[digits..].chars().next().is_none_or(|next| !next.is_alphanumeric());
        if (8..=16).contains(&digits) && ends {
            out.push_str("HASH");
            rest = &after[digits..];
        } else {
            rest = after;
        }
    }
    out.push_str(rest);
    out
}
