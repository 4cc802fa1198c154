//! The settings that every component has.

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
}

impl CommonSettings {
    /// The issuer of the platform's tokens: its public address and `/identity`. It is only ever compared.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.server.public("/identity", "").into()
    }
}
