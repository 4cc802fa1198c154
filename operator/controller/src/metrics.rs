//! The operator's metrics (OPERATOR §1), in one place so that names and labels can't drift apart.
//! Functions only record; the exporter belongs to whoever starts the program.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

const RECONCILE_DURATION: &str = "courseplatform_operator_reconcile_duration_seconds";
const RECONCILE_ERRORS: &str = "courseplatform_operator_reconcile_errors_total";
const API_WRITES: &str = "courseplatform_operator_api_writes_total";
const ORPHANS_DELETED: &str = "courseplatform_operator_orphans_deleted_total";
const LEADER: &str = "courseplatform_operator_leader";
const READY: &str = "courseplatform_ready";
const INFO: &str = "courseplatform_info";
const COMPONENT_READY: &str = "courseplatform_component_ready";
const MIGRATION_FAILED: &str = "courseplatform_migration_failed";

/// Gives every metric its unit and help text.
pub fn describe() {
    describe_histogram!(RECONCILE_DURATION, Unit::Seconds, "how long a pass over one platform took");
    describe_counter!(RECONCILE_ERRORS, "passes that failed, by reason");
    describe_counter!(API_WRITES, "calls to the Kubernetes API that write, by resource and verb");
    describe_counter!(ORPHANS_DELETED, "objects deleted because the platform no longer wants them");
    describe_gauge!(LEADER, "1 while this replica holds the lease");
    describe_gauge!(READY, "1 while the platform's condition Ready is True");
    describe_gauge!(INFO, "1, with the platform's version as a label");
    describe_gauge!(COMPONENT_READY, "1 while all wanted pods of the component are ready");
    describe_gauge!(MIGRATION_FAILED, "1 while a migration of the platform has failed");
}

/// Which platform a metric is about.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    /// The platform's namespace.
    pub namespace: &'a str,
    /// The platform's name.
    pub name: &'a str,
}

impl Of<'_> {
    fn labels(self) -> [(&'static str, String); 2] {
        [("namespace", self.namespace.to_owned()), ("name", self.name.to_owned())]
    }
}

/// A pass has ended.
pub fn reconciled(took: Duration) {
    histogram!(RECONCILE_DURATION).record(took.as_secs_f64());
}

/// A pass has failed; `reason` is one of a fixed set of words.
pub fn reconcile_failed(reason: &'static str) {
    counter!(RECONCILE_ERRORS, "reason" => reason).increment(1);
}

/// A call that writes is on its way.
pub(crate) fn api_write(kind: String, verb: &'static str) {
    counter!(API_WRITES, "kind" => kind, "verb" => verb).increment(1);
}

/// An orphan was deleted.
pub(crate) fn orphan_deleted() {
    counter!(ORPHANS_DELETED).increment(1);
}

/// Whether this replica leads.
pub fn leader(leads: bool) {
    gauge!(LEADER).set(flag(leads));
}

/// What a platform's status says.
pub(crate) fn platform(of: Of<'_>, ready: bool, migration_failed: bool) {
    gauge!(READY, &of.labels()).set(flag(ready));
    gauge!(MIGRATION_FAILED, &of.labels()).set(flag(migration_failed));
}

/// A platform's version; `previous` is the one told before, whose series ends.
pub(crate) fn version(of: Of<'_>, version: &str, previous: Option<&str>) {
    let [namespace, name] = of.labels();
    let series = |version: &str| [namespace.clone(), name.clone(), ("version", version.to_owned())];
    if let Some(previous) = previous.filter(|previous| *previous != version) {
        gauge!(INFO, &series(previous)).set(0.0);
    }
    gauge!(INFO, &series(version)).set(1.0);
}

/// Whether a component has all its pods.
pub(crate) fn component(of: Of<'_>, component: &str, ready: bool) {
    let [namespace, name] = of.labels();
    gauge!(COMPONENT_READY, &[namespace, name, ("component", component.to_owned())]).set(flag(ready));
}

fn flag(value: bool) -> f64 {
    if value { 1.0 } else { 0.0 }
}
