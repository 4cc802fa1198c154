//! Identity: the OpenID Connect provider of the platform.
//!
//! Owns accounts, clients and the keys that sign tokens. It serves its discovery documents and its JWKS; a
//! discovery document names only what is served. Private keys never leave the process in clear, and a
//! keyring that does not fit makes the service not ready, never a new key.

mod accounts;
mod authorize;
mod clients;
mod discovery;
mod grants;
mod introspection;
mod keys;
mod logout;
mod oauth;
mod pages;
mod protocol;
mod revocation;
mod sessions;
mod settings;
mod tokens;
mod userinfo;

use std::sync::Arc;

use accounts::{AccountStore, PostgresAccounts, SqlServerAccounts};
use axum::Router;
use grants::{GrantStore, PostgresGrants, SqlServerGrants};
use platform_auth::AccessTokenScheme;
use platform_service::sqlserver::{self, Engine, Migration};
use platform_service::{Command, CommonSettings, Component, Runtime, StartError, postgres};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

pub use clients::ClientsPath;
pub use keys::KeyringFile;
use keys::{KeyStore, Occasion, PostgresKeys, SqlServerKeys};
use sessions::{SessionPool, Sessions};
pub use settings::Settings;
pub use tokens::TokenSettings;

/// Where the gateway publishes this service, unchanged: the issuer is the public address and this.
const PUBLIC_PREFIX: &str = "/identity";

static POSTGRES_MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");

const SQLSERVER_MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../migrations/sqlserver/0001_signing_keys.sql") },
    Migration { version: 2, sql: include_str!("../migrations/sqlserver/0002_accounts.sql") },
    Migration { version: 3, sql: include_str!("../migrations/sqlserver/0003_messaging.sql") },
    Migration { version: 4, sql: include_str!("../migrations/sqlserver/0004_grants.sql") },
];

const ROTATE_KEYS: Command = Command {
    name: "rotate-keys",
    about: "Make the next signing key now; it signs a day later, and the old one is trusted until its last token \
            has expired",
};
const REPLACE_KEYS: Command = Command {
    name: "replace-keys",
    about: "Replace all signing keys, when somebody else may know them: the new one signs in 90 seconds, and what \
            the others signed is refused from then on",
};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Identity", description = "The OpenID Connect provider of the course platform."),
    servers((url = "/")),
    modifiers(&AccessTokenScheme),
    tags(
        (name = "discovery", description = "What the provider offers, and the keys that its tokens are checked with"),
        (name = "protocol", description = "OAuth 2.0 and OpenID Connect"),
    )
)]
struct Document;

/// The identity component.
pub struct Identity;

impl Component for Identity {
    const NAME: &'static str = "identity";
    const ABOUT: &'static str = "The OpenID Connect provider";
    const COMMANDS: &'static [Command] = &[ROTATE_KEYS, REPLACE_KEYS];
    type Settings = Settings;

    fn common(settings: &Settings) -> &CommonSettings {
        &settings.common
    }

    fn openapi() -> OpenApi {
        let mut document = Document::openapi();
        protocol::describe(&mut document);
        document
    }

    async fn migrate(settings: Settings) -> Result<(), StartError> {
        match settings.engine.database_engine {
            Engine::Postgres => {
                postgres::migrate(&postgres::pool(&settings.database, Self::NAME)?, &POSTGRES_MIGRATIONS)
                    .await
            }
            Engine::Sqlserver => {
                sqlserver::migrate(&sqlserver::pool(&settings.database, Self::NAME)?, SQLSERVER_MIGRATIONS)
                    .await
            }
        }
    }

    async fn command(name: &'static str, settings: Settings) -> Result<(), StartError> {
        let occasion = if name == REPLACE_KEYS.name { Occasion::Emergency } else { Occasion::Command };
        let store: Arc<dyn KeyStore> = match settings.engine.database_engine {
            Engine::Postgres => Arc::new(PostgresKeys::new(postgres::pool(&settings.database, Self::NAME)?)),
            Engine::Sqlserver => Arc::new(SqlServerKeys::new(sqlserver::pool(&settings.database, Self::NAME)?)),
        };
        protocol::rotate(&settings, store, occasion).await
    }

    async fn start(settings: Settings, runtime: &mut Runtime) -> Result<Router, StartError> {
        let stores = Stores::open(&settings, runtime)?;
        let clients = protocol::clients(&settings, runtime);
        let sessions = Sessions::new(stores.sessions, Arc::clone(&stores.accounts));
        let parts = protocol::Parts {
            keys: stores.keys,
            grants: stores.grants,
            accounts: stores.accounts,
            sessions,
            verified_email: settings.require_verified_email,
        };
        Ok(protocol::start(&settings, clients, parts, runtime))
    }
}

/// Everything that is kept, on the engine that was chosen.
struct Stores {
    keys: Arc<dyn KeyStore>,
    grants: Arc<dyn GrantStore>,
    accounts: Arc<dyn AccountStore>,
    sessions: SessionPool,
}

impl Stores {
    fn open(settings: &Settings, runtime: &Runtime) -> Result<Self, StartError> {
        match settings.engine.database_engine {
            Engine::Postgres => {
                let pool = postgres::pool(&settings.database, Identity::NAME)?;
                runtime.depends_on(postgres::dependency(&pool));
                Ok(Self {
                    keys: Arc::new(PostgresKeys::new(pool.clone())),
                    grants: Arc::new(PostgresGrants::new(pool.clone())),
                    accounts: Arc::new(PostgresAccounts::new(pool.clone())),
                    sessions: SessionPool::Postgres(pool),
                })
            }
            Engine::Sqlserver => {
                let pool = sqlserver::pool(&settings.database, Identity::NAME)?;
                runtime.depends_on(sqlserver::dependency(&pool));
                Ok(Self {
                    keys: Arc::new(SqlServerKeys::new(pool.clone())),
                    grants: Arc::new(SqlServerGrants::new(pool.clone())),
                    accounts: Arc::new(SqlServerAccounts::new(pool.clone())),
                    sessions: SessionPool::SqlServer(pool),
                })
            }
        }
    }
}
