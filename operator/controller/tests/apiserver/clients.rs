//! OAuth clients: a Secret each, one list with their hashes, and no pod that notices a change.

use std::collections::BTreeMap;

use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use platform_components::{ClientsFile, secret_sha256};
use serde_json::{Value, json};

use crate::support::{Calls, Kubelet, Namespace, eventually};

fn decoded(value: &Value) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap()).unwrap();
    String::from_utf8(bytes).unwrap()
}

async fn value(namespace: &Namespace, secret: &str, key: &str) -> String {
    decoded(&namespace.api("v1", "Secret").get(secret).await.unwrap().data["data"][key])
}

/// identity's list, as soon as it has these clients beside the seven components.
async fn list(namespace: &Namespace, platform: &str, extra: &[&str]) -> ClientsFile {
    let secrets = namespace.api("v1", "Secret");
    let name = format!("{platform}-identity-clients");
    eventually(&format!("{extra:?} in the list of {platform}"), || async {
        let list = secrets.get_opt(&name).await.unwrap()?;
        let file: ClientsFile = serde_json::from_str(&decoded(&list.data["data"]["clients.json"])).unwrap();
        let has = |id: &&str| file.clients.iter().any(|client| client.id == **id);
        (file.clients.len() == 7 + extra.len() && extra.iter().all(has)).then_some(file)
    })
    .await
}

fn hashes(file: &ClientsFile, id: &str) -> Vec<String> {
    file.clients.iter().find(|client| client.id == id).unwrap().secret_sha256.clone()
}

/// The pod templates of all Deployments.
async fn templates(namespace: &Namespace) -> BTreeMap<String, Value> {
    let all = namespace.api("apps/v1", "Deployment").list(&ListParams::default()).await.unwrap();
    all.iter().map(|each| (each.name_any(), each.data["spec"]["template"].clone())).collect()
}

fn clients(ids: &[&str]) -> Value {
    let clients: Vec<Value> = ids
        .iter()
        .map(|id| {
            json!({"id": id, "type": "confidential", "grants": ["client_credentials"],
                "scopes": ["catalog.read"]})
        })
        .collect();
    json!({"identity": {"clients": clients}})
}

#[tokio::test]
async fn every_component_that_calls_others_is_a_client_with_a_secret_of_its_own() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    let uid = namespace.platform(json!({})).await.uid().unwrap();
    namespace.condition("Ready", "True", "AllComponentsReady").await;
    let file = list(&namespace, "demo", &[]).await;
    file.check().unwrap();
    let mut seen = Vec::new();
    for client in &file.clients {
        let name = format!("demo-client-{}", client.id);
        let secret = value(&namespace, &name, "client_secret").await;
        assert_eq!(value(&namespace, &name, "client_id").await, client.id);
        assert_eq!(client.secret_sha256, [secret_sha256(&secret)], "{name}");
        let object = namespace.api("v1", "Secret").get(&name).await.unwrap();
        assert!(object.owner_references().iter().any(|owner| owner.uid == uid), "{name} would stay");
        seen.push(secret);
    }
    let list = namespace.api("v1", "Secret").get("demo-identity-clients").await.unwrap();
    let text = decoded(&list.data["data"]["clients.json"]);
    assert!(seen.iter().all(|secret| !text.contains(secret)), "the list holds a secret");
}

#[tokio::test]
async fn the_list_never_lacks_a_component_from_its_birth_on() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let calls = Calls::default();
    let _operator = namespace.operator_through(&calls).await;
    namespace.platform(json!({})).await;
    namespace.condition("Ready", "True", "AllComponentsReady").await;
    assert_eq!(list(&namespace, "demo", &[]).await.clients.len(), 7);
    let writes = calls.writes();
    let of_the_list: Vec<_> = writes.iter().filter(|write| write.contains("demo-identity-clients")).collect();
    assert_eq!(of_the_list.len(), 1, "it was written again: {of_the_list:#?}");
}

#[tokio::test]
async fn a_client_comes_and_goes_and_no_pod_is_touched() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    namespace.platform(json!({})).await;
    namespace.condition("Ready", "True", "AllComponentsReady").await;
    let before = templates(&namespace).await;
    let web = hashes(&list(&namespace, "demo", &[]).await, "web");

    namespace.change(json!({"spec": clients(&["reports", "robot"])})).await;
    let file = list(&namespace, "demo", &["reports", "robot"]).await;
    let secret = value(&namespace, "demo-client-reports", "client_secret").await;
    assert_eq!(hashes(&file, "reports"), [secret_sha256(&secret)]);

    namespace.change(json!({"spec": clients(&["robot"])})).await;
    let file = list(&namespace, "demo", &["robot"]).await;
    eventually("its Secret is gone", || async {
        (!namespace.names("v1", "Secret").await.contains(&"demo-client-reports".to_owned())).then_some(())
    })
    .await;
    assert!(namespace.names("v1", "Secret").await.contains(&"demo-client-robot".to_owned()));
    assert_eq!(hashes(&file, "web"), web);
    assert_eq!(templates(&namespace).await, before);
}

#[tokio::test]
async fn a_deleted_secret_is_made_anew_and_one_that_a_person_writes_counts() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    namespace.platform(clients(&["reports"])).await;
    namespace.condition("Ready", "True", "AllComponentsReady").await;
    let before = hashes(&list(&namespace, "demo", &["reports"]).await, "reports");
    namespace.delete("v1", "Secret", "demo-client-reports").await;
    eventually("another hash", || async {
        let now = hashes(&list(&namespace, "demo", &["reports"]).await, "reports");
        (now != before).then_some(())
    })
    .await;

    let theirs = json!({"stringData": {"client_secret": "theirs", "client_secret_before": "older"}});
    let secrets = namespace.api("v1", "Secret");
    secrets.patch("demo-client-reports", &PatchParams::default(), &Patch::Merge(&theirs)).await.unwrap();
    eventually("both hashes", || async {
        let now = hashes(&list(&namespace, "demo", &["reports"]).await, "reports");
        (now == [secret_sha256("theirs"), secret_sha256("older")]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn clients_of_two_platforms_do_not_mix() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    let spec = |host: &str, ids: &[&str]| {
        let mut spec = clients(ids);
        spec["host"] = json!(host);
        spec
    };
    namespace.named_platform("a", spec("a.example.com", &["reports"])).await;
    namespace.named_platform("b", spec("b.example.com", &["robot"])).await;
    let a = list(&namespace, "a", &["reports"]).await;
    let b = list(&namespace, "b", &["robot"]).await;
    for component in ["web", "order", "gateway"] {
        assert_ne!(hashes(&a, component), hashes(&b, component), "{component}");
    }
}

#[tokio::test]
async fn the_secret_of_somebody_else_lets_nobody_in() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let stranger = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "demo-client-reports", "labels": {
            "app.kubernetes.io/managed-by": "courseplatform-operator", "app.kubernetes.io/instance": "demo",
            "courseplatform.dev/oauth-client": "reports"}},
        "stringData": {"client_secret": "known"},
    }))
    .unwrap();
    namespace.api("v1", "Secret").create(&Default::default(), &stranger).await.unwrap();
    let _operator = namespace.operator().await;
    namespace.platform(clients(&["reports"])).await;
    let message = namespace.condition("Reconciled", "False", "NameConflict").await;
    assert!(message.contains("Secret demo-client-reports"), "{message}");
    // The components are let in all the same.
    let file = list(&namespace, "demo", &[]).await;
    assert!(file.clients.iter().all(|client| client.id != "reports"));
}

#[tokio::test]
async fn the_first_administrator_has_the_password_that_the_spec_names() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let secret = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "head"},
        "stringData": {"password": "correct \"horse\"\n"},
    }))
    .unwrap();
    namespace.api("v1", "Secret").create(&Default::default(), &secret).await.unwrap();
    let _operator = namespace.operator().await;
    let first = json!({"email": "head@example.com", "passwordSecretRef": "head"});
    namespace.platform(json!({"identity": {"firstAdmin": first}})).await;
    namespace.condition("Ready", "True", "AllComponentsReady").await;
    let secret = namespace.status("demo").await.admin_secret.unwrap();
    let file: Value = serde_json::from_str(&value(&namespace, &secret, "first-admin.json").await).unwrap();
    assert_eq!(file, json!({"email": "head@example.com", "password": "correct \"horse\""}));
    assert_eq!(value(&namespace, &secret, "password").await, "correct \"horse\"");
}
