//! What the identity service can be told.

use platform_service::CommonSettings;
use platform_service::postgres::DatabaseSettings;
use platform_service::sqlserver::EngineSettings;

use crate::clients::ClientsPath;
use crate::keys::KeyringFile;
use crate::tokens::TokenSettings;

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
    /// File with the clients and scopes, as JSON; read again when it changes. Without it there are no clients.
    #[arg(long, env)]
    pub clients_file: Option<ClientsPath>,
    /// How long everything lives that clients are given.
    #[command(flatten)]
    pub tokens: TokenSettings,
    /// Whether buying and teaching take a verified e-mail address.
    #[arg(long, env, default_value_t = false, action = clap::ArgAction::Set)]
    pub require_verified_email: bool,
}
