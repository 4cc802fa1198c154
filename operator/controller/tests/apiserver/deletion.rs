//! What stays of a platform, and what a later one does with it. No garbage collector runs here, so a test
//! looks at the references by which it decides.

use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams};
use serde_json::json;

use crate::support::{Kubelet, Namespace, eventually};

const RETAINED: &str = "courseplatform.dev/retained";

/// The Secrets and claims that hold data or open it. What is about OAuth clients opens nothing.
async fn keepers(namespace: &Namespace) -> Vec<DynamicObject> {
    let mut found = Vec::new();
    for kind in ["Secret", "PersistentVolumeClaim"] {
        found.extend(namespace.api("v1", kind).list(&ListParams::default()).await.unwrap().items);
    }
    found.retain(|object| {
        let name = object.name_any();
        !name.contains("-client-") && !name.ends_with("-identity-clients")
    });
    found
}

fn is_secret(object: &DynamicObject) -> bool {
    object.data.get("spec").is_none()
}

fn is_retained(object: &DynamicObject, uid: &str) -> bool {
    object.owner_references().is_empty() && object.annotations().get(RETAINED).is_some_and(|by| by == uid)
}

/// Claims of servers are owned by their StatefulSets, which go with the platform.
fn is_owned(object: &DynamicObject, uid: &str) -> bool {
    if object.name_any().starts_with("data-") {
        return !object.annotations().contains_key(RETAINED);
    }
    object.owner_references().iter().any(|owner| {
        owner.uid == uid && owner.controller == Some(true) && owner.block_owner_deletion == Some(true)
    }) && !object.annotations().contains_key(RETAINED)
}

/// What the garbage collector does: everything that the platform owns goes with it.
async fn delete_platform(namespace: &Namespace, uid: &str) {
    namespace.platforms().delete("demo", &Default::default()).await.unwrap();
    for (api_version, kind) in [
        ("v1", "Secret"),
        ("v1", "PersistentVolumeClaim"),
        ("v1", "ConfigMap"),
        ("v1", "Service"),
        ("v1", "ServiceAccount"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "Deployment"),
        ("batch/v1", "Job"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
    ] {
        for object in namespace.api(api_version, kind).list(&ListParams::default()).await.unwrap() {
            if object.owner_references().iter().any(|owner| owner.uid == uid) {
                namespace.delete(api_version, kind, &object.name_any()).await;
            }
        }
    }
}

#[tokio::test]
async fn with_retain_volumes_and_secrets_have_no_owner_and_everything_else_has() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    let platform = namespace.platform(json!({})).await;
    let uid = platform.uid().unwrap();
    namespace.condition("Ready", "True", "AllComponentsReady").await;
    let keepers = eventually("claims of servers are retained", || async {
        let keepers = keepers(&namespace).await;
        let claims = keepers.iter().filter(|object| object.name_any().starts_with("data-"));
        claims.clone().all(|claim| is_retained(claim, &uid)).then_some(())?;
        (claims.count() == 4).then_some(keepers)
    })
    .await;
    assert!(keepers.iter().any(is_secret) && !keepers.iter().all(is_secret));
    for object in &keepers {
        assert!(is_retained(object, &uid), "{}", object.name_any());
    }
    for (api_version, kind) in [("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("batch/v1", "Job")] {
        for object in namespace.api(api_version, kind).list(&ListParams::default()).await.unwrap() {
            assert!(is_owned(&object, &uid), "{kind} {}", object.name_any());
        }
    }
    let sets = namespace.api("apps/v1", "StatefulSet").list(&ListParams::default()).await.unwrap();
    for set in sets {
        assert_eq!(set.data["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"], "Retain");
    }
    // Finalizer-free: nothing holds up a deletion, not even while no operator runs.
    assert!(namespace.platforms().get("demo").await.unwrap().finalizers().is_empty());
}

#[tokio::test]
async fn a_change_of_the_policy_hands_everything_over_and_back() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    let uid = namespace.platform(json!({})).await.uid().unwrap();
    namespace.condition("Ready", "True", "AllComponentsReady").await;
    namespace.change(json!({"spec": {"deletionPolicy": "Delete"}})).await;
    eventually("everything is owned", || async {
        keepers(&namespace).await.iter().all(|object| is_owned(object, &uid)).then_some(())
    })
    .await;
    eventually("the volumes of servers go with them", || async {
        let sets = namespace.api("apps/v1", "StatefulSet").list(&ListParams::default()).await.unwrap();
        sets.iter()
            .all(|set| set.data["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete")
            .then_some(())
    })
    .await;
    namespace.change(json!({"spec": {"deletionPolicy": "Retain"}})).await;
    eventually("everything is retained", || async {
        keepers(&namespace).await.iter().all(|object| is_retained(object, &uid)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_later_platform_of_the_same_name_finds_data_and_passwords() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    let first = namespace.platform(json!({})).await.uid().unwrap();
    namespace.condition("Ready", "True", "AllComponentsReady").await;
    let before = eventually("everything is retained", || async {
        let keepers = keepers(&namespace).await;
        keepers.iter().all(|object| is_retained(object, &first)).then_some(keepers)
    })
    .await;
    delete_platform(&namespace, &first).await;

    let second = namespace.platform(json!({})).await.uid().unwrap();
    namespace.condition("Ready", "True", "AllComponentsReady").await;
    for old in before {
        let kind = if is_secret(&old) { "Secret" } else { "PersistentVolumeClaim" };
        let new = namespace.api("v1", kind).get(&old.name_any()).await.unwrap();
        assert_eq!(new.uid(), old.uid(), "{} was made anew", old.name_any());
        assert_eq!(new.data.get("data"), old.data.get("data"));
        eventually(&format!("{} belongs to the new platform", old.name_any()), || async {
            let new = namespace.api("v1", kind).get(&old.name_any()).await.unwrap();
            is_retained(&new, &second).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_volume_without_its_secret_never_gets_a_new_password() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    let first = namespace.platform(json!({})).await.uid().unwrap();
    namespace.condition("Ready", "True", "AllComponentsReady").await;
    delete_platform(&namespace, &first).await;
    eventually("the platform is gone", || async {
        namespace.platforms().get_opt("demo").await.unwrap().is_none().then_some(())
    })
    .await;
    namespace.delete("v1", "Secret", "demo-postgres-admin-v1").await;

    namespace.platform(json!({})).await;
    let message = namespace.condition("ServersReady", "False", "CredentialsLost").await;
    assert!(message.contains("demo-postgres-admin-v1"), "{message}");
    namespace.condition("CredentialsCurrent", "False", "CredentialsLost").await;
    assert!(!namespace.names("v1", "Secret").await.contains(&"demo-postgres-admin-v1".to_owned()));
}

#[tokio::test]
async fn an_account_that_a_server_knows_never_gets_a_new_password() {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let _operator = namespace.operator().await;
    namespace.platform(json!({})).await;
    namespace.condition("Ready", "True", "AllComponentsReady").await;
    let account = "demo-order-postgres-v1".to_owned();
    namespace.delete("v1", "Secret", &account).await;
    let message = namespace.condition("CredentialsCurrent", "False", "CredentialsLost").await;
    assert!(message.contains(&account), "{message}");
    assert!(!namespace.names("v1", "Secret").await.contains(&account));

    // A Job that runs again tells the server the new one.
    let jobs = namespace.names("batch/v1", "Job").await;
    let job = jobs.iter().find(|name| message.contains(*name)).unwrap();
    namespace.delete("batch/v1", "Job", job).await;
    namespace.condition("CredentialsCurrent", "True", "Current").await;
    assert!(namespace.names("v1", "Secret").await.contains(&account));
    eventually("the Job is made again", || async {
        namespace.names("batch/v1", "Job").await.contains(job).then_some(())
    })
    .await;
}
