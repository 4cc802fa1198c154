//! The environment of one component, filled in from the sources that the `components` crate names.

use platform_components::{Component, Name, Source, names};
use tokio::process::Command;

use super::files::{Files, NAMESPACE, PLATFORM};
use crate::term::colours;

/// The settings of a component.
pub(super) fn of(component: &Component, files: &Files) -> Vec<(&'static str, String)> {
    let mut all: Vec<(&'static str, String)> = component
        .settings()
        .into_iter()
        .filter_map(|s| Some((s.key, value(component, s.source, files)?)))
        .collect();
    if component.name == Name::Identity {
        // Tests sign people up by the dozen from one network address.
        all.push(("REQUESTS_FREE", "100000".to_owned()));
    }
    all
}

/// The value of a setting; none for one that is not set here, so that its default counts.
fn value(component: &Component, source: Source, files: &Files) -> Option<String> {
    let addresses = files.addresses;
    Some(match source {
        Source::ApiAddress => format!("127.0.0.1:{}", addresses.api(component)),
        Source::AdminAddress => format!("127.0.0.1:{}", addresses.admin(component)),
        Source::PublicUrl => addresses.public_url(),
        Source::Peer(peer) => addresses.url(peer),
        Source::ServerUrlFile(kind) => files.url_file(component.name, kind).display().to_string(),
        Source::DatabaseEngine => "postgres".to_owned(),
        Source::RedisKeyPrefix => format!("{}:", names::database_name(NAMESPACE, PLATFORM, component.name)),
        Source::PhotosFolder => files.photos().display().to_string(),
        Source::RoutesFile => files.routes().display().to_string(),
        Source::KeyringFile => files.keyring().display().to_string(),
        Source::JwksUri => format!("{}/identity/jwks", addresses.url(Name::Identity)),
        Source::TokenUrl => format!("{}/identity/token", addresses.url(Name::Identity)),
        Source::ClientSecretFile => files.client_secret(component.name).display().to_string(),
        Source::ClientsFile => files.clients().display().to_string(),
        Source::FirstAdminFile => files.first_admin().display().to_string(),
        Source::SignUp => "open".to_owned(),
        Source::PasswordGrant => "false".to_owned(),
        Source::MailFolder => files.mail().display().to_string(),
        // Mails go to that folder.
        Source::SmtpHost
        | Source::SmtpPort
        | Source::SmtpTls
        | Source::SmtpFrom
        | Source::SmtpUsernameFile
        | Source::SmtpPasswordFile
        | Source::SmtpCaFile
        // Nobody stands before the gateway.
        | Source::TrustedProxies => return None,
        Source::LogLevel => std::env::var("LOG_LEVEL").ok().filter(|v| !v.is_empty())?,
        Source::OtlpEndpoint => std::env::var("OTLP_ENDPOINT").ok().filter(|v| !v.is_empty())?,
        Source::Currency => "TRY".to_owned(),
        Source::LogFormat => "text".to_owned(),
        // Nobody has to be told that a local process goes away.
        Source::DrainDelay => "0".to_owned(),
    })
}

/// Gives a program these settings and little else: what stands in a developer's shell must not reach it.
pub(super) fn apply(command: &mut Command, environment: &[(&str, String)]) {
    command.env_clear();
    for key in ["PATH", "HOME", "TZ", "RUST_BACKTRACE"] {
        if let Some(value) = std::env::var_os(key) {
            command.env(key, value);
        }
    }
    if !colours() {
        command.env("NO_COLOR", "1");
    }
    command.envs(environment.iter().map(|(key, value)| (key, value)));
}
