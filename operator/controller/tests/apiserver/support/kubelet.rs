//! Plays the part of Kubernetes' own controllers and kubelets: workloads become ready, Jobs complete.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::Namespace;

const PERIOD: Duration = Duration::from_millis(50);

/// Makes everything in a namespace succeed, but for what it was told to fail.
pub(crate) struct Kubelet {
    failing: Arc<Mutex<BTreeSet<String>>>,
    task: JoinHandle<()>,
}

impl Kubelet {
    pub(crate) fn start(namespace: &Namespace) -> Self {
        let failing: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let place = Namespace { name: namespace.name.clone(), client: namespace.client.clone() };
        let fails = Arc::clone(&failing);
        let task = tokio::spawn(async move {
            loop {
                let failing = fails.lock().unwrap().clone();
                round(&place, &failing).await;
                tokio::time::sleep(PERIOD).await;
            }
        });
        Self { failing, task }
    }

    /// From now on Jobs whose name contains this fail.
    pub(crate) fn fail(&self, part: &str) {
        self.failing.lock().unwrap().insert(part.to_owned());
    }

    /// Jobs succeed again.
    pub(crate) fn heal(&self) {
        self.failing.lock().unwrap().clear();
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn round(namespace: &Namespace, failing: &BTreeSet<String>) {
    for (api_version, kind) in [("apps/v1", "StatefulSet"), ("apps/v1", "Deployment"), ("batch/v1", "Job")] {
        let api = namespace.api(api_version, kind);
        // The namespace may be going away; the test that ends asks no more of us.
        let Ok(list) = api.list(&ListParams::default()).await else { return };
        for object in list {
            if kind == "StatefulSet" {
                make_claims(namespace, &object).await;
            }
            let fails = failing.iter().any(|part| object.name_any().contains(part));
            let Some(status) = status(kind, &object, fails) else { continue };
            let patch = json!({"status": status});
            let _ =
                api.patch_status(&object.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await;
        }
    }
}

/// The claims of a StatefulSet's first pod, as its controller makes them.
async fn make_claims(namespace: &Namespace, set: &DynamicObject) {
    for template in set.data["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten() {
        let mut claim = template.clone();
        let name = format!("{}-{}-0", template["metadata"]["name"].as_str().unwrap(), set.name_any());
        claim["metadata"]["name"] = Value::from(name);
        let claim: DynamicObject = serde_json::from_value(claim).unwrap();
        // From the second round on it is there.
        let _ = namespace.api("v1", "PersistentVolumeClaim").create(&PostParams::default(), &claim).await;
    }
}

/// The status to write, when it isn't there yet.
fn status(kind: &str, object: &DynamicObject, fails: bool) -> Option<Value> {
    let generation = object.metadata.generation?;
    let at = |path: &str| object.data.pointer(path);
    match kind {
        "Job" => {
            if at("/status/conditions").is_some() {
                return None;
            }
            // What the API server demands of a Job that has ended.
            let start = "2026-01-01T00:00:00Z";
            Some(if fails {
                json!({"startTime": start, "failed": 1, "conditions": [
                    {"type": "FailureTarget", "status": "True", "reason": "BackoffLimitExceeded", "message": "it failed"},
                    {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "it failed"}]})
            } else {
                json!({"startTime": start, "completionTime": start, "succeeded": 1, "conditions": [
                    {"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}]})
            })
        }
        _ => {
            let replicas = at("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
            let wanted = json!({
                "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
                "readyReplicas": replicas, "availableReplicas": replicas,
            });
            let same = wanted.as_object()?.iter().all(|(key, value)| {
                let found = at(&format!("/status/{key}")).and_then(Value::as_i64).unwrap_or(0);
                value.as_i64() == Some(found)
            });
            (!same).then_some(wanted)
        }
    }
}
