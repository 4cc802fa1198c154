//! Plays the part of Kubernetes' own controllers and kubelets: workloads become ready, Jobs complete.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::Namespace;

/// How often a status is tried to be written.
const TRIES: u32 = 50;
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

type Failing = Arc<Mutex<BTreeSet<String>>>;

/// Makes everything in a namespace succeed, but for what it was told to fail.
pub(crate) struct Kubelet {
    failing: Failing,
    tasks: Vec<JoinHandle<()>>,
}

impl Kubelet {
    pub(crate) fn start(namespace: &Namespace) -> Self {
        let failing = Failing::default();
        let kinds = [("apps/v1", "StatefulSet"), ("apps/v1", "Deployment"), ("batch/v1", "Job")];
        let tasks = kinds
            .into_iter()
            .map(|(api_version, kind)| {
                let part = Part {
                    kind,
                    objects: namespace.api(api_version, kind),
                    claims: namespace.api("v1", "PersistentVolumeClaim"),
                    failing: Arc::clone(&failing),
                };
                tokio::spawn(part.run())
            })
            .collect();
        Self { failing, tasks }
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
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// What looks after one kind.
struct Part {
    kind: &'static str,
    objects: Api<DynamicObject>,
    claims: Api<DynamicObject>,
    failing: Failing,
}

impl Part {
    async fn run(self) {
        let mut changes = watcher(self.objects.clone(), watcher::Config::default())
            .default_backoff()
            .applied_objects()
            .boxed();
        while let Some(change) = changes.next().await {
            // A broken watch starts again.
            let Ok(object) = change else { continue };
            if self.kind == "StatefulSet" {
                self.make_claims(&object).await;
            }
            let fails = self.failing.lock().unwrap().iter().any(|part| object.name_any().contains(part));
            let Some(status) = status(self.kind, &object, fails) else { continue };
            self.say(&object, &json!({"status": status})).await;
        }
    }

    /// Writes a status, however busy the server is.
    async fn say(&self, object: &DynamicObject, patch: &Value) {
        let (name, parameters) = (object.name_any(), PatchParams::default());
        let gone = |error: &kube::Error| matches!(error, kube::Error::Api(status) if status.code == 404);
        for _ in 0..TRIES {
            match self.objects.patch_status(&name, &parameters, &Patch::Merge(patch)).await {
                Ok(_) => return,
                // Nobody asks for its status any more.
                Err(error) if gone(&error) => return,
                Err(_) => tokio::time::sleep(BETWEEN_TRIES).await,
            }
        }
        panic!("the status of {name} can't be written");
    }

    /// The claims of a StatefulSet's first pod, as its controller makes them.
    async fn make_claims(&self, set: &DynamicObject) {
        for template in set.data["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten() {
            let mut claim = template.clone();
            let name = format!("{}-{}-0", template["metadata"]["name"].as_str().unwrap(), set.name_any());
            claim["metadata"]["name"] = Value::from(name);
            let claim: DynamicObject = serde_json::from_value(claim).unwrap();
            // From the second time on it is there.
            let _ = self.claims.create(&PostParams::default(), &claim).await;
        }
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
                let why = json!({"status": "True", "reason": "BackoffLimitExceeded", "message": "it failed"});
                let condition = |kind: &str| {
                    let mut condition = why.clone();
                    condition["type"] = Value::from(kind);
                    condition
                };
                json!({"startTime": start, "failed": 1,
                    "conditions": [condition("FailureTarget"), condition("Failed")]})
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
