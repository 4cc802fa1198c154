//! Identity: the OpenID Connect provider of the platform.
//!
//! Owns accounts, clients and the keys that sign tokens. It serves its discovery documents and its JWKS; a
//! discovery document names only what is served. Private keys never leave the process in clear, and a
//! keyring that does not fit makes the service not ready, never a new key.

mod accounts;
mod authorize;
mod capability;
mod clients;
mod consents;
mod cookies;
mod discovery;
mod grants;
mod introspection;
mod keys;
mod language;
mod logout;
mod mail;
mod oauth;
mod pages;
mod people;
mod protocol;
mod revocation;
mod screens;
mod second_factor;
mod sessions;
mod settings;
mod stores;
mod throttle;
mod tokens;
mod upkeep;
mod userinfo;

use std::sync::Arc;

use axum::Router;
use platform_auth::{AccessTokenScheme, Authenticator};
use platform_service::sqlserver::{self, Engine, Migration};
use platform_service::{Command, CommonSettings, Component, Runtime, StartError, postgres};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

pub use accounts::FirstAdminFile;
pub use clients::ClientsPath;
pub use keys::KeyringFile;
use keys::{KeyStore, Occasion, PostgresKeys, SqlServerKeys};
pub use mail::MailSettings;
use people::People;
pub use second_factor::RequiredFor;
pub use settings::Settings;
use stores::Stores;
pub use tokens::TokenSettings;

/// Where the gateway publishes this service, unchanged: the issuer is the public address and this.
const PUBLIC_PREFIX: &str = "/identity";

static POSTGRES_MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");

const SQLSERVER_MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../migrations/sqlserver/0001_signing_keys.sql") },
    Migration { version: 2, sql: include_str!("../migrations/sqlserver/0002_accounts.sql") },
    Migration { version: 3, sql: include_str!("../migrations/sqlserver/0003_messaging.sql") },
    Migration { version: 4, sql: include_str!("../migrations/sqlserver/0004_grants.sql") },
    Migration { version: 5, sql: include_str!("../migrations/sqlserver/0005_updated_at.sql") },
    Migration { version: 6, sql: include_str!("../migrations/sqlserver/0006_second_factors.sql") },
    Migration { version: 7, sql: include_str!("../migrations/sqlserver/0007_recovery_code_used.sql") },
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
        (name = "account", description = "One's own account"),
        (name = "users", description = "Everybody's accounts, for administrators"),
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
        document.merge(accounts::routes().into_openapi());
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
            Engine::Sqlserver => {
                Arc::new(SqlServerKeys::new(sqlserver::pool(&settings.database, Self::NAME)?))
            }
        };
        protocol::rotate(&settings, store, occasion).await
    }

    async fn start(settings: Settings, runtime: &mut Runtime) -> Result<Router, StartError> {
        let stores = Stores::open(&settings, runtime)?;
        let clients = protocol::clients(&settings, runtime);
        let (keys, grants) = (Arc::clone(&stores.keys), Arc::clone(&stores.grants));
        let accounts = Arc::clone(&stores.accounts);
        let people = People::new(&settings, stores, clients.clone(), runtime)?;
        let parts = protocol::Parts { keys, grants, accounts, people: &people };
        let (protocol, trusted, states) = protocol::start(&settings, clients.clone(), parts, runtime);
        let public = |path: &str| settings.common.server.public(PUBLIC_PREFIX, path);
        let own = accounts::State::new(
            people.accounts.clone(),
            people.sessions.clone(),
            people.consents.clone(),
            people.second_factors.clone(),
            public,
        );
        let forms =
            pages::State::new(&people).with_redirect_origin(move |path| clients.redirect_origin(path));
        // What comes here has not been exchanged: the gateway passes these paths as they are.
        let authenticator = Authenticator::new(settings.common.issuer(), "gateway", trusted);
        let api = accounts::refuse_ended(Router::from(accounts::routes().with_state(own)), states);
        let api = authenticator.protect(api);
        Ok(protocol.merge(api).merge(pages::routes(forms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_messaging_are_taken_over_unchanged() {
        assert_eq!(
            include_str!("../migrations/postgres/0003_messaging.sql"),
            platform_messaging::POSTGRES_MIGRATION
        );
        assert_eq!(SQLSERVER_MIGRATIONS[2].sql, platform_messaging::SQLSERVER_MIGRATION);
    }
}
