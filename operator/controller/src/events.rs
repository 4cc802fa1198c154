//! What is worth telling a person, as Kubernetes Events with stable reasons (OPERATOR §1). Events follow
//! from what changed between two statuses and from what a pass did, so a quiet platform has none. That
//! one can't be published never fails a pass.

use courseplatform_api::{ComponentState, CoursePlatformStatus};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use crate::apply::{Change, Orphan};
use crate::children::{ChildKey, Kind};
use crate::status::{NO_TRUSTED_PROXIES, holds, reason, summary};

/// The API server takes notes of up to 1,024 bytes.
const NOTE_LIMIT: usize = 1024;

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// A word for programs, one of OPERATOR §1.
    pub reason: &'static str,
    /// What it is about: a component or an object. kube's recorder counts two events as one when they
    /// differ in their note only, so this is what tells them apart.
    pub about: String,
    /// The words for people.
    pub note: String,
    /// Whether somebody should look.
    pub warning: bool,
}

impl News {
    fn normal(reason: &'static str, about: impl Into<String>, note: impl Into<String>) -> Self {
        Self { reason, about: about.into(), note: note.into(), warning: false }
    }

    fn warning(reason: &'static str, about: impl Into<String>, note: impl Into<String>) -> Self {
        Self { warning: true, ..Self::normal(reason, about, note) }
    }
}

/// Publishes news.
#[derive(Clone)]
pub struct Announcer {
    recorder: Recorder,
}

impl Announcer {
    /// An announcer in the name of this replica.
    #[must_use]
    pub fn new(client: Client, instance: Option<String>) -> Self {
        let reporter = Reporter { controller: "courseplatform.dev/operator".to_owned(), instance };
        Self { recorder: Recorder::new(client, reporter) }
    }

    /// Publishes all of it about one platform.
    pub async fn publish(&self, platform: &ObjectReference, news: Vec<News>) {
        // Without a version: it would make every event one of its own.
        let platform = ObjectReference { resource_version: None, ..platform.clone() };
        for one in news {
            let event = Event {
                type_: if one.warning { EventType::Warning } else { EventType::Normal },
                reason: one.reason.to_owned(),
                note: Some(shorten(&one.note)),
                action: one.about,
                secondary: None,
            };
            if let Err(error) = self.recorder.publish(&event, &platform).await {
                tracing::warn!(reason = one.reason, %error, "an Event could not be published");
            }
        }
    }
}

/// What a pass did, as news.
#[must_use]
pub fn of_changes(changes: &[(ChildKey, Change)], orphans: &[Orphan]) -> Vec<News> {
    let mut news = Vec::new();
    let made: Vec<&str> = changes
        .iter()
        .filter(|(key, change)| key.kind == Kind::Secret && *change == Change::Created)
        .map(|(key, _)| key.name.as_str())
        .collect();
    if !made.is_empty() {
        news.push(News::normal("CredentialsGenerated", "Secrets", format!("made {}", made.join(", "))));
    }
    for (key, change) in changes {
        match change {
            Change::Corrected => {
                let note = format!("{key} had been changed and was brought back");
                news.push(News::normal("DriftCorrected", key.to_string(), note));
            }
            Change::Adopted => {
                let note = format!("{key} was left by an earlier platform of this name and is used again");
                news.push(News::normal("DataAdopted", key.to_string(), note));
            }
            Change::Restarted => {
                let note = format!("{key} had failed and starts again on request");
                news.push(News::normal("MigrationStarted", key.to_string(), note));
            }
            Change::None | Change::Created | Change::Updated | Change::Awaited => {}
        }
    }
    news.extend(orphans.iter().map(|Orphan(key)| {
        News::normal("OrphanDeleted", key.to_string(), format!("{key} is no longer wanted and was deleted"))
    }));
    news
}

/// What changed between two statuses, as news.
#[must_use]
pub fn of_status(before: &CoursePlatformStatus, after: &CoursePlatformStatus) -> Vec<News> {
    let mut news = Vec::new();
    platform(before, after, &mut news);
    conditions(before, after, &mut news);
    for component in &after.components {
        let was = before.components.iter().find(|one| one.name == component.name);
        let state = was.map(|one| one.state);
        if component.migrated_to.is_some() && was.is_none_or(|one| one.migrated_to != component.migrated_to) {
            let version = component.migrated_to.as_deref().unwrap_or_default();
            let note = format!("the database of {} is at {version}", component.name);
            news.push(News::normal("MigrationSucceeded", &component.name, note));
        }
        if state == Some(component.state) {
            continue;
        }
        let why = component.message.clone().unwrap_or_default();
        let name = &component.name;
        news.extend(match component.state {
            ComponentState::Migrating => Some(News::normal(
                "MigrationStarted",
                name,
                format!("the database of {name} is being migrated"),
            )),
            ComponentState::MigrationFailed => {
                Some(News::warning("MigrationFailed", name, format!("{name}: {why}")))
            }
            ComponentState::RollingOut => {
                Some(News::normal("ComponentRollingOut", name, format!("{name} is being rolled out")))
            }
            ComponentState::Ready => Some(News::normal("ComponentReady", name, format!("{name} is ready"))),
            ComponentState::Unavailable => {
                Some(News::warning("ComponentFailed", name, format!("{name}: {why}")))
            }
            ComponentState::Waiting | ComponentState::Stopped => None,
        });
    }
    news
}

fn platform(before: &CoursePlatformStatus, after: &CoursePlatformStatus, news: &mut Vec<News>) {
    let current = |status: &CoursePlatformStatus| status.version.clone().unwrap_or_default().current;
    let target = after.version.clone().unwrap_or_default().target.unwrap_or_default();
    let moves_to = |name: &str| reason(after, "Ready") == Some(name) && reason(before, "Ready") != Some(name);
    if moves_to("Installing") && before.components.is_empty() {
        news.push(News::normal("Installing", "Platform", format!("installing version {target}")));
    }
    if moves_to("Upgrading") {
        let from = current(after).unwrap_or_default();
        news.push(News::normal("UpgradeStarted", "Platform", format!("upgrading from {from} to {target}")));
    }
    if let (Some(old), Some(new)) = (current(before), current(after))
        && old != new
    {
        news.push(News::normal("UpgradeFinished", "Platform", format!("upgraded from {old} to {new}")));
    }
    if holds(after, "Ready") && !holds(before, "Ready") {
        news.push(News::normal("PlatformReady", "Platform", summary(after)));
    }
}

fn conditions(before: &CoursePlatformStatus, after: &CoursePlatformStatus, news: &mut Vec<News>) {
    let message = |name: &str| {
        let condition = after.conditions.iter().find(|condition| condition.type_ == name);
        condition.map(|condition| condition.message.clone()).unwrap_or_default()
    };
    // What is wrong is told again when it is something else.
    let changed = |name: &str| {
        let find = |status: &CoursePlatformStatus| {
            let condition = status.conditions.iter().find(|condition| condition.type_ == name)?;
            Some((condition.reason.clone(), condition.message.clone()))
        };
        find(before) != find(after)
    };
    if changed("Reconciled") {
        let told = match reason(after, "Reconciled") {
            Some("InvalidSpec") if reason(after, "Migrated") == Some("DowngradeRefused") => {
                Some("UpgradeRefused")
            }
            Some("InvalidSpec") => Some("SpecInvalid"),
            Some("ReferenceMissing") => Some("ReferenceMissing"),
            Some("NameConflict") => Some("NameConflict"),
            _ => None,
        };
        news.extend(told.map(|told| News::warning(told, "Spec", message("Reconciled"))));
    }
    if changed("Exposed") && reason(after, "Exposed") == Some(NO_TRUSTED_PROXIES) {
        news.push(News::warning(NO_TRUSTED_PROXIES, "Spec", message("Exposed")));
    }
    let became = |name: &str, truth: bool| {
        !before.conditions.is_empty() && holds(before, name) != truth && holds(after, name) == truth
    };
    if became("ServersReady", true) {
        news.push(News::normal("Provisioned", "Servers", message("ServersReady")));
    }
    if became("Paused", true) {
        news.push(News::normal("Paused", "Platform", message("Paused")));
    }
    if became("Paused", false) {
        news.push(News::normal("Resumed", "Platform", "changes are carried out again"));
    }
}

/// Told when a platform has been deleted and its data stays.
#[must_use]
pub fn data_retained(kept: &[String]) -> News {
    News::normal(
        "DataRetained",
        "Platform",
        format!("kept for a platform of the same name: {}", kept.join(", ")),
    )
}

fn shorten(note: &str) -> String {
    if note.len() <= NOTE_LIMIT {
        return note.to_owned();
    }
    let end = (0..=NOTE_LIMIT - '…'.len_utf8()).rev().find(|end| note.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &note[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use courseplatform_api::{ComponentStatus, Condition};

    fn condition(name: &str, status: &str, reason: &str) -> Condition {
        Condition {
            type_: name.to_owned(),
            status: status.to_owned(),
            observed_generation: None,
            last_transition_time: String::new(),
            reason: reason.to_owned(),
            message: String::new(),
        }
    }

    fn with(conditions: Vec<Condition>) -> CoursePlatformStatus {
        CoursePlatformStatus { conditions, ..CoursePlatformStatus::default() }
    }

    fn reasons(news: &[News]) -> Vec<&str> {
        news.iter().map(|one| one.reason).collect()
    }

    #[test]
    fn a_platform_that_stays_as_it_is_makes_no_news() {
        let status = with(vec![condition("Ready", "True", "AllComponentsReady")]);
        assert!(of_status(&status, &status).is_empty());
        let key = ChildKey { kind: Kind::Service, name: "x".to_owned() };
        assert!(of_changes(&[(key, Change::None)], &[]).is_empty());
    }

    #[test]
    fn becoming_ready_is_told_once() {
        let before = with(vec![condition("Ready", "False", "Installing")]);
        let after = with(vec![condition("Ready", "True", "AllComponentsReady")]);
        assert_eq!(reasons(&of_status(&before, &after)), ["PlatformReady"]);
    }

    #[test]
    fn visitors_who_look_like_one_are_a_warning_told_once() {
        let before = with(vec![condition("Exposed", "False", "NoAddress")]);
        let after = with(vec![condition("Exposed", "True", "NoTrustedProxies")]);
        let news = of_status(&before, &after);
        assert_eq!(reasons(&news), ["NoTrustedProxies"]);
        assert!(news[0].warning);
        assert!(of_status(&after, &after).is_empty());
    }

    #[test]
    fn a_failing_component_is_a_warning_about_it() {
        let mut after = CoursePlatformStatus::default();
        after.components.push(ComponentStatus {
            name: "web".to_owned(),
            version: None,
            ready: 0,
            desired: 1,
            state: ComponentState::Unavailable,
            message: Some("ImagePullBackOff: image x can't be pulled".to_owned()),
            migrated_to: None,
        });
        let news = of_status(&CoursePlatformStatus::default(), &after);
        assert_eq!(reasons(&news), ["ComponentFailed"]);
        assert!(news[0].warning && news[0].about == "web" && news[0].note.contains("ImagePullBackOff"));
    }

    #[test]
    fn a_long_note_is_cut_at_a_character() {
        let note = shorten(&"ş".repeat(1000));
        assert!(note.len() <= NOTE_LIMIT && note.ends_with('…'));
    }
}
