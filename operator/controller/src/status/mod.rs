//! What the operator found and did, as the platform's status: one file a condition, put together here
//! and nowhere else, with their times and generations. Pure: the time comes from outside.

mod available;
mod components;
mod credentials;
mod exposed;
mod highly_available;
mod migrated;
mod paused;
mod problems;
mod ready;
mod reconciled;
mod servers;
mod servers_ready;

use courseplatform_api::{Condition, CoursePlatformStatus, VersionStatus};
use platform_components::Name;

use crate::apply::ApplyError;
use crate::build::Part;
use crate::children::Family;
use crate::graph::Progress;
use crate::validate::{Invalid, ValidatedPlatform};

pub(crate) use exposed::NO_TRUSTED_PROXIES;
pub use ready::summary;

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It does.
    True,
    /// It doesn't.
    False,
}

/// What a condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    truth: Truth,
    reason: &'static str,
    message: String,
}

impl Verdict {
    fn yes(reason: &'static str, message: impl Into<String>) -> Self {
        Self { truth: Truth::True, reason, message: message.into() }
    }

    fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self { truth: Truth::False, reason, message: message.into() }
    }
}

/// A child that could not be applied, and what it belongs to.
#[derive(Debug)]
pub struct Failure {
    /// What it belongs to.
    pub part: Part,
    /// Why it could not be applied.
    pub error: ApplyError,
}

/// What a pass over a valid platform found.
#[derive(Clone, Copy, Debug)]
pub struct Findings<'a> {
    /// The platform.
    pub platform: &'a ValidatedPlatform,
    /// How far everything has come.
    pub progress: &'a Progress,
    /// Its children as they were seen last.
    pub family: &'a Family,
    /// What could not be applied.
    pub failures: &'a [Failure],
    /// The status before.
    pub before: &'a CoursePlatformStatus,
    /// The Secret with the first administrator's account, when there is one.
    pub admin_secret: Option<&'a str>,
}

impl Findings<'_> {
    /// Whether a component runs what is wanted, everywhere.
    fn is_rolled_out(&self, name: Name) -> bool {
        self.progress.components.get(&name).is_some_and(|one| one.rollout.done())
    }

    fn all_rolled_out(&self) -> bool {
        self.progress.components.keys().all(|name| self.is_rolled_out(*name))
    }
}

/// When and of which generation a status is.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// The generation of the spec that was evaluated.
    pub generation: Option<i64>,
    /// The time, as RFC 3339.
    pub now: &'a str,
}

/// The status after a pass over a valid platform.
#[must_use]
pub fn evaluated(found: &Findings<'_>, stamp: Stamp<'_>) -> CoursePlatformStatus {
    let components = components::states(found);
    let ready = found.progress.components.values().filter(|one| one.rollout.ready()).count();
    let mut status = CoursePlatformStatus {
        observed_generation: stamp.generation,
        version: Some(version(found)),
        url: Some(found.platform.public_url.clone()),
        admin_secret: found.admin_secret.map(str::to_owned),
        ready_services: Some(format!("{ready}/{}", found.progress.components.len())),
        servers: servers::states(found),
        problems: problems::problems(found.family),
        components,
        conditions: Vec::new(),
    };
    let verdicts = [
        ("Ready", ready::verdict(found, &status)),
        ("Available", available::verdict(found)),
        ("Reconciled", reconciled::verdict(found.failures)),
        ("ServersReady", servers_ready::verdict(&status.servers)),
        ("Migrated", migrated::verdict(found)),
        ("Exposed", exposed::verdict(found)),
        ("CredentialsCurrent", credentials::verdict(found.failures)),
        ("HighlyAvailable", highly_available::verdict(found.platform)),
        ("Paused", paused::verdict(found.platform.paused)),
    ];
    status.conditions = verdicts
        .into_iter()
        .map(|(name, verdict)| condition(name, verdict, &found.before.conditions, stamp))
        .collect();
    status
}

/// The status after a pass that ended at an invalid spec: what runs goes on running, and what was said
/// about it stays.
#[must_use]
pub fn refused(faults: &[Invalid], before: &CoursePlatformStatus, stamp: Stamp<'_>) -> CoursePlatformStatus {
    let mut status = before.clone();
    status.observed_generation = stamp.generation;
    let mut verdicts = vec![("Ready", ready::refused(faults)), ("Reconciled", reconciled::refused(faults))];
    verdicts.extend(migrated::refused(faults).map(|verdict| ("Migrated", verdict)));
    for (name, verdict) in verdicts {
        let new = condition(name, verdict, &before.conditions, stamp);
        match status.conditions.iter_mut().find(|condition| condition.type_ == name) {
            Some(condition) => *condition = new,
            None => status.conditions.push(new),
        }
    }
    status
}

/// A condition; its time moves only with its truth.
fn condition(name: &str, verdict: Verdict, before: &[Condition], stamp: Stamp<'_>) -> Condition {
    let status = match verdict.truth {
        Truth::True => "True",
        Truth::False => "False",
    };
    let since = before
        .iter()
        .find(|condition| condition.type_ == name && condition.status == status)
        .map_or_else(|| stamp.now.to_owned(), |condition| condition.last_transition_time.clone());
    Condition {
        type_: name.to_owned(),
        status: status.to_owned(),
        observed_generation: stamp.generation,
        last_transition_time: since,
        reason: verdict.reason.to_owned(),
        message: verdict.message,
    }
}

/// The versions; the current one follows the target once every component has been rolled out.
fn version(found: &Findings<'_>) -> VersionStatus {
    let before = found.before.version.clone().unwrap_or_default();
    let target = found.platform.version.clone();
    if !found.all_rolled_out() || before.current.as_ref() == Some(&target) {
        return VersionStatus { target: Some(target), ..before };
    }
    let previous = before.current.or(before.previous);
    VersionStatus { current: Some(target.clone()), target: Some(target), previous }
}

/// Whether a condition of a status holds.
#[must_use]
pub fn holds(status: &CoursePlatformStatus, name: &str) -> bool {
    status.conditions.iter().any(|condition| condition.type_ == name && condition.status == "True")
}

/// The reason of a condition of a status.
#[must_use]
pub fn reason<'a>(status: &'a CoursePlatformStatus, name: &str) -> Option<&'a str> {
    status
        .conditions
        .iter()
        .find(|condition| condition.type_ == name)
        .map(|condition| condition.reason.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::Fault;

    const STAMP: Stamp<'_> = Stamp { generation: Some(2), now: "2026-11-23T12:00:00Z" };

    #[test]
    fn the_time_of_a_condition_moves_only_with_its_truth() {
        let before = condition(
            "Ready",
            Verdict::no("Installing", ""),
            &[],
            Stamp { generation: Some(1), now: "then" },
        );
        let same = condition("Ready", Verdict::no("Upgrading", "x"), std::slice::from_ref(&before), STAMP);
        assert_eq!((same.last_transition_time.as_str(), same.reason.as_str()), ("then", "Upgrading"));
        let other = condition("Ready", Verdict::yes("AllComponentsReady", ""), &[before], STAMP);
        assert_eq!(other.last_transition_time, STAMP.now);
        assert_eq!(other.observed_generation, Some(2));
    }

    #[test]
    fn a_refused_spec_keeps_what_was_said_about_what_runs() {
        let before = CoursePlatformStatus {
            ready_services: Some("9/9".to_owned()),
            conditions: vec![condition("Available", Verdict::yes("Serving", ""), &[], STAMP)],
            ..CoursePlatformStatus::default()
        };
        let fault = Invalid {
            fault: Fault::Spec,
            field: "spec.host".to_owned(),
            message: "is no DNS name".to_owned(),
        };
        let status = refused(&[fault], &before, STAMP);
        assert_eq!(status.ready_services.as_deref(), Some("9/9"));
        assert!(holds(&status, "Available"));
        assert_eq!(reason(&status, "Ready"), Some("InvalidSpec"));
        let message = &status.conditions.iter().find(|c| c.type_ == "Reconciled").unwrap().message;
        assert_eq!(message, "spec.host: is no DNS name");
    }

    #[test]
    fn a_refused_downgrade_shows_at_the_migrations() {
        let fault = Invalid {
            fault: Fault::Downgrade,
            field: "spec.version".to_owned(),
            message: "older".to_owned(),
        };
        let status = refused(&[fault], &CoursePlatformStatus::default(), STAMP);
        assert_eq!(reason(&status, "Migrated"), Some("DowngradeRefused"));
    }
}
