//! What the identity service can be told.

use platform_service::CommonSettings;
use platform_service::postgres::DatabaseSettings;
use platform_service::sqlserver::EngineSettings;

use crate::keys::KeyringFile;

/// Settings of the identity service.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// What every component is told.
    #[command(flatten)]
    pub common: CommonSettings,
    /// The service's own database.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// Which engine that database runs on.
    #[command(flatten)]
    pub engine: EngineSettings,
    /// File with the keys that encrypt the signing keys, as JSON:
    /// {"current": "<key id>", "keys": {"<key id>": "<32 random bytes in base64url without padding>"}}.
    /// The current one encrypts; every one decrypts. Without the right one the service is not ready.
    #[arg(long, env)]
    pub keyring_file: KeyringFile,
}
