//! What the operator remembers of an object: who it is and the few facts that rollout and status are
//! decided by. Objects are read as JSON and dropped again, so memory grows with facts, not with
//! specifications (OPERATOR rule 11).

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use kube::core::DynamicObject;
use serde_json::Value;

use super::Kind;
use super::pods::{PodFacts, pod_facts};
use crate::labels;

/// The one field manager that the operator applies with.
pub const FIELD_MANAGER: &str = "courseplatform-operator";
/// On every child: the hash of what was applied last.
pub const APPLIED_ANNOTATION: &str = "courseplatform.dev/applied";
/// On volumes and Secrets that outlive their platform, and that a later one of that name adopts.
pub const RETAINED_ANNOTATION: &str = "courseplatform.dev/retained";

/// An object as it was seen last.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its identity.
    pub uid: String,
    /// The generation of its specification; 0 for kinds without one.
    pub generation: i64,
    /// The uid of the owner that controls it.
    pub controller: Option<String>,
    /// The uid of the platform that retains it, when it outlives that platform.
    pub retained_by: Option<String>,
    /// Hash of the fields that we own by server-side apply; changes when somebody takes one away.
    pub owned_fields: u64,
    /// Hash that was applied last, from [`APPLIED_ANNOTATION`].
    pub applied: Option<String>,
    /// A Job's [`labels::RETRY_ANNOTATION`]: the platform's value when it was made.
    pub retry: Option<String>,
    /// Whether its deletion has begun.
    pub deleting: bool,
    /// The component or server it belongs to, from its label.
    pub component: Option<String>,
    /// What its kind has to tell.
    pub facts: Facts,
}

/// Facts by kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Facts {
    /// Nothing but its existence matters.
    Existence,
    /// A Deployment or StatefulSet.
    Workload(Workload),
    /// A Job.
    Job(JobState),
    /// A pod.
    Pod(PodFacts),
    /// The Secret of an OAuth client.
    Client {
        /// A hash of its values: whoever changes them changes who may come in.
        values: u64,
    },
    /// An Ingress or a Service.
    Address {
        /// Whether it has been given an address from outside.
        given: bool,
    },
}

/// How far a Deployment or StatefulSet has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// Generation of the specification.
    pub generation: i64,
    /// Generation that the counts below are about.
    pub observed_generation: i64,
    /// Wanted pods.
    pub desired: i32,
    /// All pods, old ones included.
    pub current: i32,
    /// Pods of the newest template.
    pub updated: i32,
    /// Pods that are ready.
    pub ready: i32,
    /// Pods that have been ready for `minReadySeconds`.
    pub available: i32,
    /// Whether its controller says that the newest template is out; stays so when pods fail later.
    pub rollout_done: bool,
    /// The version label of the object.
    pub version: Option<String>,
    /// The controller's message when the rollout exceeds its deadline or pods can't be created.
    pub stuck: Option<String>,
}

impl Workload {
    /// Whether the newest template runs everywhere and nothing else does.
    ///
    /// kube's own `is_deployment_completed` ignores `observedGeneration`, so it holds a rollout that
    /// hasn't begun for a finished one.
    #[must_use]
    pub fn completed(&self) -> bool {
        self.observed_generation >= self.generation
            && self.updated >= self.desired
            && self.current <= self.updated
            && self.available >= self.desired
    }

    /// Whether the newest template has been rolled out, even when pods have failed since.
    #[must_use]
    pub fn rolled_out(&self) -> bool {
        self.completed() || (self.observed_generation >= self.generation && self.rollout_done)
    }

    /// Whether all wanted pods are ready, whichever template they are of.
    #[must_use]
    pub fn all_ready(&self) -> bool {
        self.desired > 0 && self.ready >= self.desired
    }
}

/// How far a Job has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Not finished.
    Running,
    /// Finished well.
    Complete,
    /// Given up. kube's `is_job_completed` never sees this.
    Failed {
        /// Kubernetes' reason, such as `BackoffLimitExceeded`.
        reason: String,
        /// Kubernetes' message.
        message: String,
    },
}

/// The facts of an object.
#[must_use]
pub fn seen(kind: Kind, object: &DynamicObject) -> Seen {
    let meta = &object.metadata;
    let annotation = |name: &str| meta.annotations.as_ref().and_then(|all| all.get(name)).cloned();
    let label = |name: &str| meta.labels.as_ref().and_then(|all| all.get(name)).cloned();
    let facts = match kind {
        Kind::Deployment => Facts::Workload(Workload {
            version: label(labels::VERSION),
            ..workload(object, "availableReplicas")
        }),
        Kind::StatefulSet => {
            Facts::Workload(Workload { version: label(labels::VERSION), ..workload(object, "readyReplicas") })
        }
        Kind::Job => Facts::Job(job_state(&object.data)),
        Kind::Secret if label(labels::CLIENT).is_some() => {
            let mut hasher = DefaultHasher::new();
            object.data.get("data").map(Value::to_string).hash(&mut hasher);
            Facts::Client { values: hasher.finish() }
        }
        Kind::Pod => Facts::Pod(pod_facts(&object.data)),
        Kind::Ingress | Kind::Service => Facts::Address {
            given: object
                .data
                .pointer("/status/loadBalancer/ingress")
                .and_then(Value::as_array)
                .is_some_and(|addresses| !addresses.is_empty()),
        },
        _ => Facts::Existence,
    };
    Seen {
        uid: meta.uid.clone().unwrap_or_default(),
        generation: meta.generation.unwrap_or_default(),
        controller: controller_uid(object),
        retained_by: annotation(RETAINED_ANNOTATION),
        owned_fields: owned_fields(object),
        applied: annotation(APPLIED_ANNOTATION),
        retry: annotation(labels::RETRY_ANNOTATION),
        deleting: meta.deletion_timestamp.is_some(),
        component: label(labels::COMPONENT),
        facts,
    }
}

/// The uid of the owner that controls an object.
#[must_use]
pub fn controller_uid(object: &DynamicObject) -> Option<String> {
    let owners = object.metadata.owner_references.as_ref()?;
    owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.clone())
}

/// A hash of the fields that we own by server-side apply, without times.
#[must_use]
pub fn owned_fields(object: &DynamicObject) -> u64 {
    let entry = object.metadata.managed_fields.iter().flatten().find(|entry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && entry.operation.as_deref() == Some("Apply")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
    });
    let mut hasher = DefaultHasher::new();
    match entry.and_then(|entry| entry.fields_v1.as_ref()) {
        Some(fields) => fields.0.to_string().hash(&mut hasher),
        None => 0_u8.hash(&mut hasher),
    }
    hasher.finish()
}

fn workload(object: &DynamicObject, available: &str) -> Workload {
    let data = &object.data;
    let spec = |name: &str| data.pointer(&format!("/spec/{name}")).and_then(Value::as_i64);
    let status = |name: &str| data.pointer(&format!("/status/{name}")).and_then(Value::as_i64).unwrap_or(0);
    let count = |value: i64| i32::try_from(value).unwrap_or(i32::MAX);
    Workload {
        generation: object.metadata.generation.unwrap_or_default(),
        observed_generation: status("observedGeneration"),
        desired: count(spec("replicas").unwrap_or(1)),
        current: count(status("replicas")),
        updated: count(status("updatedReplicas")),
        ready: count(status("readyReplicas")),
        available: count(status(available)),
        rollout_done: condition(data, "Progressing")
            .is_some_and(|condition| text(condition, "reason") == "NewReplicaSetAvailable"),
        version: None,
        stuck: stuck(data),
    }
}

/// Why a Deployment doesn't get on, in its controller's words.
fn stuck(data: &Value) -> Option<String> {
    let failing = |kind: &str, status: &str| {
        let condition = condition(data, kind)?;
        (condition.get("status")?.as_str()? == status).then(|| text(condition, "message"))
    };
    let deadline = condition(data, "Progressing")
        .is_some_and(|condition| text(condition, "reason") == "ProgressDeadlineExceeded");
    failing("ReplicaFailure", "True").or_else(|| deadline.then(|| failing("Progressing", "False")).flatten())
}

/// How far a Job has come, by its terminal conditions.
#[must_use]
pub fn job_state(data: &Value) -> JobState {
    let is_true = |kind: &str| {
        condition(data, kind)
            .filter(|condition| condition.get("status").and_then(Value::as_str) == Some("True"))
    };
    if is_true("Complete").is_some() {
        JobState::Complete
    } else if let Some(failed) = is_true("Failed") {
        JobState::Failed { reason: text(failed, "reason"), message: text(failed, "message") }
    } else {
        JobState::Running
    }
}

pub(super) fn condition<'a>(data: &'a Value, kind: &str) -> Option<&'a Value> {
    data.pointer("/status/conditions")?
        .as_array()?
        .iter()
        .find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))
}

pub(super) fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).unwrap()
    }

    fn deployment(generation: i64, status: &Value) -> Workload {
        let object = object(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "x", "generation": generation},
            "spec": {"replicas": 2}, "status": status,
        }));
        match seen(Kind::Deployment, &object).facts {
            Facts::Workload(workload) => workload,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_rollout_that_has_not_begun_is_not_completed() {
        let full = json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2,
            "readyReplicas": 2, "availableReplicas": 2});
        assert!(deployment(1, &full).completed());
        assert!(!deployment(2, &full).completed());
    }

    #[test]
    fn a_rollout_with_an_old_pod_left_is_not_completed() {
        let status = json!({"observedGeneration": 1, "replicas": 3, "updatedReplicas": 2,
            "readyReplicas": 3, "availableReplicas": 3});
        assert!(!deployment(1, &status).completed());
    }

    #[test]
    fn a_failed_job_is_seen_as_failed() {
        let failed = json!({"status": {"conditions": [
            {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "gave up"}]}});
        assert_eq!(
            job_state(&failed),
            JobState::Failed { reason: "BackoffLimitExceeded".to_owned(), message: "gave up".to_owned() }
        );
        let suspended = json!({"status": {"conditions": [{"type": "Suspended", "status": "True"}]}});
        assert_eq!(job_state(&suspended), JobState::Running);
    }

    #[test]
    fn owned_fields_are_those_of_our_applies_whatever_their_time() {
        let with = |manager: &str, time: &str, fields: Value| {
            owned_fields(&object(json!({"metadata": {"name": "x", "managedFields": [
                {"manager": manager, "operation": "Apply", "time": time, "fieldsType": "FieldsV1",
                 "fieldsV1": fields}]}})))
        };
        let ours = with(FIELD_MANAGER, "2026-01-01T00:00:00Z", json!({"f:data": {}}));
        assert_eq!(ours, with(FIELD_MANAGER, "2027-01-01T00:00:00Z", json!({"f:data": {}})));
        assert_ne!(ours, with(FIELD_MANAGER, "2026-01-01T00:00:00Z", json!({"f:spec": {}})));
        assert_ne!(ours, with("kubectl", "2026-01-01T00:00:00Z", json!({"f:data": {}})));
    }
}
