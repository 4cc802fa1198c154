//! The settings that every component has.

use platform_auth::AuthSettings;
use platform_http::server::ServerSettings;
use platform_telemetry::TelemetrySettings;

/// What every component is told; flattened into each component's own settings.
#[derive(Clone, Debug, clap::Args)]
pub struct CommonSettings {
    /// Listeners and limits.
    #[command(flatten)]
    pub server: ServerSettings,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetrySettings,
    /// Tokens.
    #[command(flatten)]
    pub auth: AuthSettings,
}
