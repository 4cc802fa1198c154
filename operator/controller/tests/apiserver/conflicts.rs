//! What belongs to others is not touched.

use kube::api::PostParams;
use serde_json::json;

use crate::support::{Kubelet, Namespace, eventually};

#[tokio::test]
async fn an_object_of_somebody_else_is_left_as_it_is_and_told() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let services = namespace.api("v1", "Service");
    let stranger = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "demo-web", "labels": {"of": "somebody"}},
        "spec": {"ports": [{"port": 7}]},
    }))
    .unwrap();
    let before = services.create(&PostParams::default(), &stranger).await.unwrap();
    let _operator = namespace.operator().await;
    namespace.platform(json!({})).await;

    let message = namespace.condition("Reconciled", "False", "NameConflict").await;
    assert!(message.contains("Service demo-web"), "{message}");
    // The rest goes on.
    eventually("all other components", || async {
        (namespace.names("apps/v1", "Deployment").await.len() == 9).then_some(())
    })
    .await;
    assert_eq!(services.get("demo-web").await.unwrap(), before);

    // When it is gone, ours takes its place.
    namespace.delete("v1", "Service", "demo-web").await;
    namespace.condition("Reconciled", "True", "Applied").await;
    namespace.condition("Ready", "True", "AllComponentsReady").await;
}

#[tokio::test]
async fn a_secret_of_somebody_else_is_never_used() {
    let namespace = Namespace::new().await;
    let secret = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "demo-first-admin"},
        "data": {"password": "aHVudGVyMg=="},
    }))
    .unwrap();
    let secrets = namespace.api("v1", "Secret");
    let before = secrets.create(&PostParams::default(), &secret).await.unwrap();
    let _operator = namespace.operator().await;
    namespace.platform(json!({})).await;
    let message = namespace.condition("Reconciled", "False", "NameConflict").await;
    assert!(message.contains("Secret demo-first-admin"), "{message}");
    assert_eq!(secrets.get("demo-first-admin").await.unwrap(), before);
}

#[tokio::test]
async fn two_platforms_in_one_namespace_do_not_meet() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    namespace.named_platform("a", json!({"host": "a.example.com"})).await;
    namespace.named_platform("b", json!({"host": "b.example.com"})).await;
    namespace.condition_of("a", "Ready", "True", "AllComponentsReady").await;
    namespace.condition_of("b", "Ready", "True", "AllComponentsReady").await;
}

#[tokio::test]
async fn the_volume_of_somebody_else_is_never_used() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let claim = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data-demo-redis-0"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }))
    .unwrap();
    let claims = namespace.api("v1", "PersistentVolumeClaim");
    let before = claims.create(&PostParams::default(), &claim).await.unwrap();
    let _operator = namespace.operator().await;
    namespace.platform(json!({})).await;
    eventually("the other servers", || async {
        (namespace.names("apps/v1", "StatefulSet").await.len() == 3).then_some(())
    })
    .await;
    assert!(!namespace.names("apps/v1", "StatefulSet").await.contains(&"demo-redis".to_owned()));
    assert_eq!(claims.get("data-demo-redis-0").await.unwrap(), before);
}
