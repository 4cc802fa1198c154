//! The state of each component.

use courseplatform_api::{ComponentState, ComponentStatus};
use platform_components::Name;

use super::Findings;
use crate::children::{Facts, Kind};
use crate::graph::{ComponentProgress, Rollout, Task};

pub(super) fn states(found: &Findings<'_>) -> Vec<ComponentStatus> {
    found.progress.components.iter().map(|(name, one)| state(found, *name, one)).collect()
}

fn state(found: &Findings<'_>, name: Name, one: &ComponentProgress) -> ComponentStatus {
    let wanted = found.platform.components.get(&name).map_or(1, |component| component.replicas);
    let (ready, desired, version) = match &one.rollout {
        Rollout::Present { workload, .. } => (workload.ready, workload.desired, workload.version.clone()),
        Rollout::Absent => (0, if found.platform.stopped { 0 } else { wanted }, None),
    };
    let (state, message) = judge(found, name, one);
    let migrated = one.migration.done() && one.migration != Task::NotNeeded;
    let before = found.before.components.iter().find(|component| component.name == name.as_str());
    ComponentStatus {
        name: name.to_string(),
        version,
        ready,
        desired,
        state,
        message,
        migrated_to: if migrated {
            Some(found.platform.version.clone())
        } else {
            before.and_then(|component| component.migrated_to.clone())
        },
    }
}

fn judge(found: &Findings<'_>, name: Name, one: &ComponentProgress) -> (ComponentState, Option<String>) {
    if let Some(failure) = one.migration.failure() {
        return (ComponentState::MigrationFailed, Some(format!("its migration failed: {failure}")));
    }
    if found.platform.stopped {
        return (ComponentState::Stopped, None);
    }
    if one.rollout.done() {
        return if one.rollout.ready() {
            (ComponentState::Ready, None)
        } else {
            (ComponentState::Unavailable, why(found, name))
        };
    }
    if matches!(one.migration, Task::Present(_)) && !one.migration.done() {
        return (ComponentState::Migrating, Some("its database is being migrated".to_owned()));
    }
    if !one.waits_for.is_empty() {
        return (ComponentState::Waiting, Some(format!("waits for {}", one.waits_for.join(", "))));
    }
    match &one.rollout {
        Rollout::Present { workload, .. } if workload.stuck.is_some() => {
            (ComponentState::Unavailable, why(found, name).or_else(|| workload.stuck.clone()))
        }
        _ => (ComponentState::RollingOut, why(found, name)),
    }
}

/// What keeps one of its pods from running.
fn why(found: &Findings<'_>, name: Name) -> Option<String> {
    found.family.iter().find_map(|(key, seen)| match &seen.facts {
        Facts::Pod(pod)
            if key.kind == Kind::Pod
                && seen.component.as_deref() == Some(name.as_str())
                && !seen.deleting =>
        {
            pod.problem.as_ref().map(|problem| format!("{}: {}", problem.reason, problem.message))
        }
        _ => None,
    })
}
