//! A platform that is as it should be is left alone, and one that isn't is brought back.

use std::time::Duration;

use kube::api::{ListParams, Patch, PatchParams};
use kube::core::ObjectMeta;
use serde_json::json;

use crate::support::{Calls, Kubelet, Namespace, eventually};

/// Makes the operator look again without wanting anything else: an annotation of no meaning.
async fn touch(namespace: &Namespace, value: &str) {
    namespace.change(json!({"metadata": {"annotations": {"example.com/touched": value}}})).await;
}

async fn ready(namespace: &Namespace) {
    namespace.condition("Ready", "True", "AllComponentsReady").await;
    namespace.condition("Reconciled", "True", "Applied").await;
}

/// Waits until no write has come for two seconds, which is far longer than passes are apart.
async fn quiet(calls: &Calls) {
    let mut before = calls.writes().len();
    let mut since = std::time::Instant::now();
    eventually("the operator is quiet", || {
        let now = calls.writes().len();
        if now != before {
            before = now;
            since = std::time::Instant::now();
        }
        let quiet = since.elapsed() > Duration::from_secs(2);
        async move { quiet.then_some(()) }
    })
    .await;
}

#[tokio::test]
async fn a_ready_platform_causes_no_write() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let calls = Calls::default();
    let _operator = namespace.operator_through(&calls).await;
    namespace.platform(json!({})).await;
    ready(&namespace).await;
    quiet(&calls).await;
    let before = calls.writes().len();
    for round in 0..5 {
        touch(&namespace, &round.to_string()).await;
    }
    quiet(&calls).await;
    let writes = calls.writes().split_off(before);
    assert!(writes.is_empty(), "{writes:#?}");
}

#[tokio::test]
async fn an_operator_that_starts_anew_writes_nothing() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let calls = Calls::default();
    let operator = namespace.operator_through(&calls).await;
    namespace.platform(json!({})).await;
    ready(&namespace).await;
    quiet(&calls).await;
    operator.stop().await;

    let calls = Calls::default();
    let _operator = namespace.operator_through(&calls).await;
    touch(&namespace, "after the start").await;
    quiet(&calls).await;
    assert!(calls.writes().is_empty(), "{:#?}", calls.writes());
}

#[tokio::test]
async fn a_changed_object_is_brought_back() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    namespace.platform(json!({})).await;
    ready(&namespace).await;
    let deployments = namespace.api("apps/v1", "Deployment");
    let scale = json!({"spec": {"replicas": 5}});
    deployments.patch("demo-web", &PatchParams::default(), &Patch::Merge(&scale)).await.unwrap();
    eventually("one replica again", || async {
        (deployments.get("demo-web").await.unwrap().data["spec"]["replicas"] == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_deleted_object_comes_back() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    namespace.platform(json!({})).await;
    ready(&namespace).await;
    let services = namespace.api("v1", "Service");
    let before = services.get("demo-web").await.unwrap().metadata.uid;
    namespace.delete("v1", "Service", "demo-web").await;
    eventually("another Service", || async {
        let found = services.get_opt("demo-web").await.unwrap()?;
        (found.metadata.uid != before).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_no_longer_wanted_goes_and_what_others_made_stays() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    namespace.platform(json!({"plan": "medium"})).await;
    ready(&namespace).await;
    let budgets = namespace.names("policy/v1", "PodDisruptionBudget").await;
    assert!(!budgets.is_empty());
    // One with our labels and without our owner: found by label, spared by owner.
    let ours = namespace.api("v1", "Service").get("demo-web").await.unwrap();
    let mut stranger = ours.clone();
    stranger.metadata = ObjectMeta {
        name: Some("stranger".to_owned()),
        labels: ours.metadata.labels.clone(),
        ..ObjectMeta::default()
    };
    stranger.data = json!({"spec": {"ports": [{"port": 80}]}});
    namespace.api("v1", "Service").create(&Default::default(), &stranger).await.unwrap();

    namespace.change(json!({"spec": {"plan": "small"}})).await;
    eventually("no budgets for single pods", || async {
        namespace.names("policy/v1", "PodDisruptionBudget").await.is_empty().then_some(())
    })
    .await;
    assert!(namespace.names("v1", "Service").await.contains(&"stranger".to_owned()));
    let claims = namespace.api("v1", "PersistentVolumeClaim").list(&ListParams::default()).await.unwrap();
    assert!(!claims.items.is_empty());
}
