//! A platform comes up, in the order of the graph.

use courseplatform_api::ComponentState;
use serde_json::json;

use crate::support::{Kubelet, Namespace, eventually};

#[tokio::test]
async fn a_platform_of_one_line_becomes_ready() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    namespace.platform(json!({})).await;

    let message = namespace.condition("Ready", "True", "AllComponentsReady").await;
    assert!(message.starts_with("9/9 components are ready"), "{message}");
    let status = namespace.status("demo").await;
    let version = status.version.unwrap();
    assert_eq!(version.current, version.target);
    assert_eq!(status.ready_services.as_deref(), Some("9/9"));
    assert_eq!(status.url.as_deref(), Some("https://courses.example.com"));
    assert!(status.components.iter().all(|component| component.state == ComponentState::Ready));
    let secret = status.admin_secret.unwrap();
    assert!(namespace.names("v1", "Secret").await.contains(&secret), "{secret} is not there");
    for (condition, reason) in [
        ("Available", "Serving"),
        ("Reconciled", "Applied"),
        ("ServersReady", "Ready"),
        ("Migrated", "UpToDate"),
    ] {
        namespace.condition(condition, "True", reason).await;
    }
    namespace.condition("HighlyAvailable", "False", "SingleNodeServers").await;
}

#[tokio::test]
async fn nothing_is_provisioned_before_the_servers_run() {
    let namespace = Namespace::new().await;
    let _operator = namespace.operator().await;
    namespace.platform(json!({})).await;
    namespace.condition("ServersReady", "False", "Starting").await;
    eventually("servers are made", || async {
        (namespace.names("apps/v1", "StatefulSet").await.len() >= 3).then_some(())
    })
    .await;
    assert!(namespace.names("batch/v1", "Job").await.is_empty());
    // Photostock needs no server, so it doesn't wait for any.
    eventually("photostock is made", || async {
        (namespace.names("apps/v1", "Deployment").await == ["demo-photostock"]).then_some(())
    })
    .await;
    let _kubelet = Kubelet::start(&namespace);
    namespace.condition("Ready", "True", "AllComponentsReady").await;
}

#[tokio::test]
async fn a_failed_migration_is_told_and_holds_back_only_its_component() {
    let namespace = Namespace::new().await;
    let kubelet = Kubelet::start(&namespace);
    kubelet.fail("demo-payment-migrate");
    let _operator = namespace.operator().await;
    namespace.platform(json!({})).await;
    let message = namespace.condition("Migrated", "False", "Failed").await;
    assert!(message.contains("payment: BackoffLimitExceeded: it failed"), "{message}");
    let message = namespace.condition("Ready", "False", "MigrationFailed").await;
    assert!(message.contains("payment"), "{message}");
    // Everybody else comes up: a shop without payments is better than none.
    namespace.condition("Available", "True", "Serving").await;
    eventually("eight of nine", || async {
        (namespace.status("demo").await.ready_services.as_deref() == Some("8/9")).then_some(())
    })
    .await;

    kubelet.heal();
    namespace.change(json!({"metadata": {"annotations": {"courseplatform.dev/retry": "1"}}})).await;
    namespace.condition("Ready", "True", "AllComponentsReady").await;
}

#[tokio::test]
async fn a_paused_platform_gets_a_status_and_nothing_else() {
    let namespace = Namespace::new().await;
    let _operator = namespace.operator().await;
    namespace.platform(json!({"paused": true})).await;
    namespace.condition("Paused", "True", "Paused").await;
    assert!(namespace.names("v1", "Secret").await.is_empty());
    assert!(namespace.names("apps/v1", "Deployment").await.is_empty());
    let _kubelet = Kubelet::start(&namespace);
    namespace.change(json!({"spec": {"paused": false}})).await;
    namespace.condition("Ready", "True", "AllComponentsReady").await;
}

#[tokio::test]
async fn a_stopped_platform_keeps_its_servers_and_no_other_pod() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    namespace.platform(json!({})).await;
    namespace.condition("Ready", "True", "AllComponentsReady").await;
    namespace.change(json!({"spec": {"stopped": true}})).await;
    namespace.condition("Ready", "False", "Stopped").await;
    eventually("no replicas", || async {
        let list =
            namespace.api("apps/v1", "Deployment").list(&kube::api::ListParams::default()).await.unwrap();
        list.iter().all(|deployment| deployment.data["spec"]["replicas"] == 0).then_some(())
    })
    .await;
    let servers =
        namespace.api("apps/v1", "StatefulSet").list(&kube::api::ListParams::default()).await.unwrap();
    assert!(servers.iter().all(|server| server.data["spec"]["replicas"] == 1));
    namespace.change(json!({"spec": {"stopped": false}})).await;
    namespace.condition("Ready", "True", "AllComponentsReady").await;
}
