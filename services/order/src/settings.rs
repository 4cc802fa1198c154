//! What the order service can be told.

use platform_auth::{AuthSettings, ClientSettings};
use platform_config::base_url;
use platform_service::CommonSettings;
use platform_service::postgres::DatabaseSettings;
use platform_service::sqlserver::EngineSettings;
use url::Url;

/// Settings of the order service.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// What every component is told.
    #[command(flatten)]
    pub common: CommonSettings,
    /// The tokens of callers.
    #[command(flatten)]
    pub auth: AuthSettings,
    /// The service's own tokens, for the catalog.
    #[command(flatten)]
    pub client: ClientSettings,
    /// The service's own database.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// Which engine that database runs on.
    #[command(flatten)]
    pub engine: EngineSettings,
    /// Where the catalog is, such as http://demo-catalog:8080; prices come from there.
    #[arg(long, env, value_parser = base_url)]
    pub catalog_url: Url,
}
