//! What is wrong is said, at the resource that is wrong; other platforms don't notice.

use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::support::{Corrupt, Kubelet, Namespace, eventually};

async fn refused(namespace: &Namespace, name: &str, spec: Value) -> String {
    let object: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "courseplatform.dev/v1alpha1", "kind": "CoursePlatform",
        "metadata": {"name": name}, "spec": spec,
    }))
    .unwrap();
    let api = namespace.api("courseplatform.dev/v1alpha1", "CoursePlatform");
    match api.create(&PostParams::default(), &object).await {
        Ok(_) => panic!("{spec} was taken"),
        Err(kube::Error::Api(status)) => status.message.clone(),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_api_server_refuses_what_it_can_judge() {
    let namespace = Namespace::new().await;
    let host = "a.example.com";
    for (what, spec, word) in [
        ("no host", json!({}), "host"),
        ("a host that is none", json!({"host": "no host"}), "host"),
        ("an unknown plan", json!({"host": host, "plan": "huge"}), "plan"),
        ("-1 replicas", json!({"host": host, "services": {"web": {"replicas": -1}}}), "replicas"),
        ("10,000 replicas", json!({"host": host, "services": {"web": {"replicas": 10_000}}}), "replicas"),
        (
            "two kinds of server at once",
            json!({"host": host, "servers": {"postgres": {"managed": {}, "external": {"secretRef": "x"}}}}),
            "postgres",
        ),
        (
            "an engine where none can be chosen",
            json!({"host": host, "services": {"web": {"engine": "postgres"}}}),
            "engine",
        ),
    ] {
        let message = refused(&namespace, "demo", spec).await;
        assert!(message.contains(word), "{what}: {message}");
    }
    let long = "a".repeat(63);
    let message = refused(&namespace, &long, json!({"host": host})).await;
    assert!(message.contains("metadata.name"), "{message}");
}

#[tokio::test]
async fn what_is_immutable_is_refused_also_when_absent_counts_as_a_value() {
    let namespace = Namespace::new().await;
    namespace.platform(json!({})).await;
    let api = namespace.platforms();
    let params = PatchParams::default();
    for (patch, word) in [
        (json!({"spec": {"currency": "EUR"}}), "currency"),
        (json!({"spec": {"services": {"order": {"engine": "sqlServer"}}}}), "engine"),
        (json!({"spec": {"servers": {"postgres": {"managed": {"storage": {"size": "99Gi"}}}}}}), "storage"),
    ] {
        let error = api.patch("demo", &params, &Patch::Merge(&patch)).await.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    // The value that absent stands for may be written out.
    for patch in [json!({"spec": {"currency": "TRY"}}), json!({"spec": {"currency": null}})] {
        api.patch("demo", &params, &Patch::Merge(&patch)).await.unwrap();
    }
}

#[tokio::test]
async fn a_missing_secret_is_named_while_another_platform_comes_up() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    let external =
        json!({"host": "bad.example.com", "servers": {"mongodb": {"external": {"secretRef": "nowhere"}}}});
    namespace.named_platform("bad", external).await;
    namespace.named_platform("good", json!({"host": "good.example.com"})).await;
    let message = namespace.condition_of("bad", "Reconciled", "False", "ReferenceMissing").await;
    assert!(
        message.contains("spec.servers.mongodb.external.secretRef") && message.contains("nowhere"),
        "{message}"
    );
    namespace.condition_of("good", "Ready", "True", "AllComponentsReady").await;
    let status = namespace.status("bad").await;
    assert_eq!(status.observed_generation, Some(1));
    assert!(!namespace.names("apps/v1", "Deployment").await.iter().any(|name| name.starts_with("bad-")));
}

#[tokio::test]
async fn a_spec_that_becomes_wrong_leaves_what_runs_alone() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    namespace.platform(json!({})).await;
    namespace.condition("Ready", "True", "AllComponentsReady").await;
    let before = namespace.names("apps/v1", "Deployment").await;
    namespace.change(json!({"spec": {"version": "9.9.9"}})).await;
    let message = namespace.condition("Reconciled", "False", "InvalidSpec").await;
    assert!(message.contains("spec.version"), "{message}");
    namespace.condition("Available", "True", "Serving").await;
    assert_eq!(namespace.names("apps/v1", "Deployment").await, before);
    namespace.change(json!({"spec": {"version": null}})).await;
    namespace.condition("Ready", "True", "AllComponentsReady").await;
}

#[tokio::test]
async fn an_object_that_cannot_be_read_does_not_stop_the_watch() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    namespace.named_platform("broken", json!({"host": "broken.example.com"})).await;
    let raw = namespace.api("courseplatform.dev/v1alpha1", "CoursePlatform");
    let corrupt = Corrupt { text: r#""host":"broken.example.com""#, instead: r#""host":["broken"]"# };
    let readable = namespace.operator().await;
    namespace.condition_of("broken", "Ready", "True", "AllComponentsReady").await;
    let before = namespace.status("broken").await.version.unwrap();
    readable.stop().await;
    let _operator = namespace.operator_through(&corrupt).await;
    namespace.named_platform("good", json!({"host": "good.example.com"})).await;
    namespace.condition_of("good", "Ready", "True", "AllComponentsReady").await;
    // And it is told.
    let told = eventually("the broken one is told about", || async {
        let object = raw.get("broken").await.unwrap();
        let conditions = object.data["status"]["conditions"].as_array()?.clone();
        conditions
            .into_iter()
            .find(|condition| condition["type"] == "Ready" && condition["reason"] == "InvalidSpec")
    })
    .await;
    assert!(told["message"].as_str().unwrap().contains("can't be read"), "{told}");
    // What it runs is not forgotten, nor what else was told.
    let status = namespace.status("broken").await;
    assert_eq!(status.version.as_ref(), Some(&before));
    assert!(status.conditions.iter().any(|condition| condition.type_ == "ServersReady"), "{status:?}");
}
