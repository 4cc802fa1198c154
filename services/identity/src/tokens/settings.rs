//! How long everything lives that a client is given.

use std::time::Duration;

use clap::value_parser;
use platform_config::seconds;

/// [`seconds`], not more than `MOST`.
fn at_most<const MOST: u64>(value: &str) -> Result<Duration, String> {
    let given = seconds(value)?;
    if given > Duration::from_secs(MOST) {
        return Err(format!("must be between 0 and {MOST} seconds"));
    }
    Ok(given)
}

/// Lifetimes of codes, tokens and keys.
#[derive(Clone, Debug, clap::Args)]
pub struct TokenSettings {
    /// Seconds that an authorization code waits to be exchanged; 600 at most (RFC 6749 §4.1.2).
    #[arg(long, env, default_value = "60", value_parser = at_most::<600>)]
    pub authorization_code_seconds: Duration,

    /// Seconds that a user's access token is valid; what it was exchanged for never lives longer.
    /// 3600 at most.
    #[arg(long, env, default_value = "300", value_parser = at_most::<3600>)]
    pub access_token_seconds: Duration,

    /// Seconds that an access token of a service for itself is valid; 3600 at most.
    #[arg(long, env, default_value = "300", value_parser = at_most::<3600>)]
    pub service_token_seconds: Duration,

    /// Seconds that an ID token is valid.
    #[arg(long, env, default_value = "300", value_parser = seconds)]
    pub id_token_seconds: Duration,

    /// Days after which a refresh token that was not used is worth nothing.
    #[arg(long, env, default_value_t = 30, value_parser = value_parser!(u16).range(1..=3650))]
    pub refresh_idle_days: u16,

    /// Days after which somebody signs in again, however often the tokens were refreshed.
    #[arg(long, env, default_value_t = 60, value_parser = value_parser!(u16).range(1..=3650))]
    pub refresh_max_days: u16,

    /// Seconds in which a refresh token that was used gives the same successor again, for a client that lost the
    /// answer; after them it ends the whole family. 3600 at most.
    #[arg(long, env, default_value = "30", value_parser = at_most::<3600>)]
    pub refresh_grace_seconds: Duration,

    /// Days that a signing key is used. Its successor is published a day before.
    #[arg(long, env, default_value_t = 30, value_parser = value_parser!(u16).range(2..=3650))]
    pub key_rotation_days: u16,

    /// Whether clients that may use the password grant may use it here.
    #[arg(long, env, default_value_t = false, action = clap::ArgAction::Set)]
    pub password_grant: bool,
}

impl TokenSettings {
    /// The longest life of a token: as long its key is trusted.
    pub(crate) fn longest(&self) -> Duration {
        self.access_token_seconds.max(self.service_token_seconds).max(self.id_token_seconds)
    }
}
