//! Ready: the platform is what the spec says, all of it.

use courseplatform_api::{ComponentState, CoursePlatformStatus, ServerState};

use super::{Findings, Verdict};
use crate::validate::{Fault, Invalid};

pub(super) fn verdict(found: &Findings<'_>, status: &CoursePlatformStatus) -> Verdict {
    if found.platform.stopped {
        return Verdict::no("Stopped", "stopped on request; servers and data stay");
    }
    let in_state = |state: ComponentState| status.components.iter().any(|one| one.state == state);
    let message = summary(status);
    if in_state(ComponentState::MigrationFailed) {
        return Verdict::no("MigrationFailed", message);
    }
    let servers = status.servers.iter().all(|server| server.state == ServerState::Ready);
    if found.all_rolled_out() && status.components.iter().all(|one| one.state == ComponentState::Ready) {
        // What waits for a person is part of the platform that isn't there.
        if let Some(failure) = found.failures.iter().find(|failure| !failure.error.is_transient()) {
            let reason = if servers { "ComponentsUnavailable" } else { "ServersNotReady" };
            return Verdict::no(reason, failure.error.to_string());
        }
        // A server that is away takes nothing down by itself, but the platform isn't whole.
        return if servers {
            Verdict::yes("AllComponentsReady", format!("{} at {}", message, found.platform.public_url))
        } else {
            Verdict::no("ServersNotReady", message)
        };
    }
    let current = status.version.as_ref().and_then(|version| version.current.as_ref());
    match current {
        None => Verdict::no("Installing", message),
        Some(current) if *current != found.platform.version => Verdict::no("Upgrading", message),
        Some(_) if !servers => Verdict::no("ServersNotReady", message),
        Some(_) => Verdict::no("ComponentsUnavailable", message),
    }
}

/// Where things stand, in one line: the count, and whoever isn't ready with the reason.
#[must_use]
pub fn summary(status: &CoursePlatformStatus) -> String {
    let count = status.ready_services.as_deref().unwrap_or("0/0");
    let mut parts = vec![format!("{count} components are ready")];
    let servers = status.servers.iter().filter(|server| server.state != ServerState::Ready);
    parts.extend(
        servers.map(|server| told(&server.name, &format!("{:?}", server.state), server.message.as_deref())),
    );
    let components = status.components.iter().filter(|one| one.state != ComponentState::Ready);
    parts.extend(components.map(|one| told(&one.name, &format!("{:?}", one.state), one.message.as_deref())));
    parts.join("; ")
}

fn told(name: &str, state: &str, message: Option<&str>) -> String {
    match message {
        Some(message) => format!("{name}: {message}"),
        None => format!("{name}: {state}"),
    }
}

/// What an invalid spec makes of it.
pub(super) fn refused(faults: &[Invalid]) -> Verdict {
    let reason = if faults.iter().all(|fault| fault.fault == Fault::Reference) {
        "ReferenceMissing"
    } else {
        "InvalidSpec"
    };
    Verdict::no(reason, super::reconciled::told(faults))
}
