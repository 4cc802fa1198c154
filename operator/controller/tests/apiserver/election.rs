//! Who leads.

use std::time::{Duration, Instant};

use courseplatform_operator::client::lease_client;
use courseplatform_operator::election::{Candidate, Ended, Settings};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::{Namespace, eventually};

fn settings(namespace: &Namespace, identity: &str) -> Settings {
    Settings {
        duration: Duration::from_secs(3),
        deadline: Duration::from_secs(2),
        period: Duration::from_millis(200),
        ..Settings::new(namespace.name.clone(), "operator".to_owned(), identity.to_owned())
    }
}

async fn candidate(namespace: &Namespace, identity: &str) -> Candidate {
    let client = lease_client(namespace.config().await, Duration::from_secs(2)).unwrap();
    Candidate::new(client, settings(namespace, identity))
}

fn leases(namespace: &Namespace) -> Api<Lease> {
    Api::namespaced(namespace.client.clone(), &namespace.name)
}

async fn holder(namespace: &Namespace) -> Option<String> {
    leases(namespace).get_opt("operator").await.unwrap()?.spec?.holder_identity
}

#[tokio::test]
async fn of_two_candidates_exactly_one_leads() {
    let namespace = Namespace::new().await;
    let (first, second) = (candidate(&namespace, "a").await, candidate(&namespace, "b").await);
    let stop = CancellationToken::new();
    let both = async {
        tokio::select! {
            leadership = first.acquire(&stop) => (leadership, "a"),
            leadership = second.acquire(&stop) => (leadership, "b"),
        }
    };
    let (leadership, name) = both.await;
    assert!(leadership.is_some());
    assert_eq!(holder(&namespace).await.as_deref(), Some(name));
}

#[tokio::test]
async fn a_leader_that_falls_silent_is_replaced_and_one_that_renews_is_not() {
    let namespace = Namespace::new().await;
    let (first, second) = (candidate(&namespace, "a").await, candidate(&namespace, "b").await);
    let (stop_first, stop_second) = (CancellationToken::new(), CancellationToken::new());
    let leadership = first.acquire(&stop_first).await.unwrap();
    let held = tokio::spawn(async move { leadership.hold(&stop_first.clone()).await });
    let waiting = {
        let stop = stop_second.clone();
        tokio::spawn(async move { second.acquire(&stop).await.is_some() })
    };
    // The first goes on renewing: far longer than the lease's duration nobody else gets it.
    let until = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until {
        assert_eq!(holder(&namespace).await.as_deref(), Some("a"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!waiting.is_finished());
    held.abort();
    assert!(waiting.await.unwrap());
    assert_eq!(holder(&namespace).await.as_deref(), Some("b"));
}

#[tokio::test]
async fn a_leader_that_is_asked_to_stop_leaves_no_holder() {
    let namespace = Namespace::new().await;
    let first = candidate(&namespace, "a").await;
    let stop = CancellationToken::new();
    let leadership = first.acquire(&stop).await.unwrap();
    let cancel = stop.clone();
    let held = tokio::spawn(async move { leadership.hold(&cancel).await });
    stop.cancel();
    assert_eq!(held.await.unwrap(), Ended::Released);
    assert_eq!(holder(&namespace).await, None);
    let second = candidate(&namespace, "b").await;
    let started = Instant::now();
    assert!(second.acquire(&CancellationToken::new()).await.is_some());
    assert!(started.elapsed() < Duration::from_secs(3), "it waited for the lease to expire");
}

#[tokio::test]
async fn a_leader_whose_lease_was_taken_gives_up() {
    let namespace = Namespace::new().await;
    let first = candidate(&namespace, "a").await;
    let stop = CancellationToken::new();
    let leadership = first.acquire(&stop).await.unwrap();
    let held = tokio::spawn(async move { leadership.hold(&stop).await });
    let theft = json!({"spec": {"holderIdentity": "thief"}});
    leases(&namespace).patch("operator", &PatchParams::default(), &Patch::Merge(&theft)).await.unwrap();
    assert_eq!(held.await.unwrap(), Ended::Lost);
}

#[tokio::test]
async fn a_label_that_somebody_puts_on_the_lease_costs_nobody_the_leadership() {
    let namespace = Namespace::new().await;
    let first = candidate(&namespace, "a").await;
    let stop = CancellationToken::new();
    let leadership = first.acquire(&stop).await.unwrap();
    let cancel = stop.clone();
    let held = tokio::spawn(async move { leadership.hold(&cancel).await });
    let label = json!({"metadata": {"labels": {"seen": "yes"}}});
    let patched =
        leases(&namespace).patch("operator", &PatchParams::default(), &Patch::Merge(&label)).await.unwrap();
    let version = patched.metadata.resource_version;
    eventually("another renewal", || async {
        let lease = leases(&namespace).get("operator").await.unwrap();
        (lease.metadata.resource_version != version).then_some(())
    })
    .await;
    assert!(!held.is_finished());
    stop.cancel();
    assert_eq!(held.await.unwrap(), Ended::Released);
}
