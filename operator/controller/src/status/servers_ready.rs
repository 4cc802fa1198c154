//! ServersReady: the servers run, and what the platform needs is on them.

use courseplatform_api::{ServerState, ServerStatus};

use super::Verdict;

pub(super) fn verdict(servers: &[ServerStatus]) -> Verdict {
    // The worst first: it is what somebody has to see to.
    let order = [
        (ServerState::CredentialsLost, "CredentialsLost"),
        (ServerState::ProvisioningFailed, "ProvisioningFailed"),
        (ServerState::Unavailable, "ConnectionFailed"),
        (ServerState::Starting, "Starting"),
    ];
    for (state, reason) in order {
        let affected: Vec<&ServerStatus> = servers.iter().filter(|server| server.state == state).collect();
        if !affected.is_empty() {
            let told: Vec<String> = affected
                .iter()
                .map(|server| match &server.message {
                    Some(message) => format!("{}: {message}", server.name),
                    None => server.name.clone(),
                })
                .collect();
            return Verdict::no(reason, told.join("; "));
        }
    }
    Verdict::yes("Ready", "every server runs and holds what the platform needs")
}
