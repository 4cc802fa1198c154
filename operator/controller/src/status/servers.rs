//! The state of each server.

use courseplatform_api::{ServerMode, ServerState, ServerStatus};
use platform_components::ServerKind;

use super::Findings;
use crate::apply::ApplyError;
use crate::build::Part;
use crate::graph::Rollout;
use crate::validate::Server;

pub(super) fn states(found: &Findings<'_>) -> Vec<ServerStatus> {
    found.platform.servers.iter().map(|(kind, server)| state(found, *kind, server)).collect()
}

fn state(found: &Findings<'_>, kind: ServerKind, server: &Server) -> ServerStatus {
    let (mode, version) = match server {
        Server::Managed(managed) => (ServerMode::Managed, tag(&managed.image)),
        Server::External(_) => (ServerMode::External, None),
    };
    let (state, message) = judge(found, kind, server);
    ServerStatus { name: kind.to_string(), mode, state, version, message }
}

fn judge(found: &Findings<'_>, kind: ServerKind, server: &Server) -> (ServerState, Option<String>) {
    let lost = found.failures.iter().find(|failure| {
        failure.part == Part::Server(kind) && matches!(failure.error, ApplyError::CredentialsLost { .. })
    });
    if let Some(lost) = lost {
        return (ServerState::CredentialsLost, Some(lost.error.to_string()));
    }
    if matches!(server, Server::Managed(_)) {
        let rollout = found.progress.servers.get(&kind).unwrap_or(&Rollout::Absent);
        if !rollout.ready() {
            let ran = found.before.servers.iter().any(|before| {
                before.name == kind.as_str()
                    && matches!(before.state, ServerState::Ready | ServerState::Unavailable)
            });
            return if ran {
                (ServerState::Unavailable, Some("its pod is not ready".to_owned()))
            } else {
                (ServerState::Starting, Some("it is starting".to_owned()))
            };
        }
    }
    if let Some(failure) = found.progress.provision.failure() {
        let message = format!("databases, users or topology could not be made: {failure}");
        return (ServerState::ProvisioningFailed, Some(message));
    }
    if found.progress.provision.done() {
        (ServerState::Ready, None)
    } else {
        (ServerState::Starting, Some("databases, users and topology are being made".to_owned()))
    }
}

/// The tag of an image, without what follows the version in it.
fn tag(image: &str) -> Option<String> {
    let name = image.split('@').next().unwrap_or(image);
    let (_, tag) = name.rsplit_once('/').map_or(name, |(_, last)| last).split_once(':')?;
    Some(tag.split('-').next().unwrap_or(tag).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_what_the_image_says() {
        assert_eq!(tag("docker.io/library/rabbitmq:4.1-management").as_deref(), Some("4.1"));
        assert_eq!(tag("localhost:5000/postgres:15@sha256:abc").as_deref(), Some("15"));
        assert_eq!(tag("localhost:5000/postgres"), None);
    }
}
