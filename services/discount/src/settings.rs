//! What the discount service can be told.

use platform_auth::AuthSettings;
use platform_service::CommonSettings;
use platform_service::postgres::DatabaseSettings;

/// Settings of the discount service.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// What every component is told.
    #[command(flatten)]
    pub common: CommonSettings,
    /// The tokens of callers.
    #[command(flatten)]
    pub auth: AuthSettings,
    /// The service's own database.
    #[command(flatten)]
    pub database: DatabaseSettings,
}
