//! Identity: the OpenID Connect provider of the platform.
//!
//! Owns accounts, clients and the keys that sign tokens. It serves its discovery documents and its JWKS; a
//! discovery document names only what is served. Private keys never leave the process in clear, and a
//! keyring that does not fit makes the service not ready, never a new key.

mod discovery;
mod keys;
mod settings;

use std::sync::Arc;

use axum::Router;
use platform_service::sqlserver::{self, Engine, Migration};
use platform_service::{CommonSettings, Component, Runtime, StartError, postgres};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

pub use keys::KeyringFile;
use keys::{Keeper, KeyStore, PostgresKeys, SqlServerKeys};
pub use settings::Settings;

/// Where the gateway publishes this service, unchanged: the issuer is the public address and this.
const PUBLIC_PREFIX: &str = "/identity";

static POSTGRES_MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");

const SQLSERVER_MIGRATIONS: &[Migration] =
    &[Migration { version: 1, sql: include_str!("../migrations/sqlserver/0001_signing_keys.sql") }];

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Identity", description = "The OpenID Connect provider of the course platform."),
    servers((url = "/")),
    tags((name = "discovery", description = "What the provider offers, and the keys that its tokens are checked with"))
)]
struct Document;

/// The identity component.
pub struct Identity;

impl Component for Identity {
    const NAME: &'static str = "identity";
    const ABOUT: &'static str = "The OpenID Connect provider";
    type Settings = Settings;

    fn common(settings: &Settings) -> &CommonSettings {
        &settings.common
    }

    fn openapi() -> OpenApi {
        let mut document = Document::openapi();
        document.merge(discovery::routes().into_openapi());
        document.merge(keys::routes().into_openapi());
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

    async fn start(settings: Settings, runtime: &mut Runtime) -> Result<Router, StartError> {
        let store = store(&settings, runtime)?;
        let keeper = Keeper::new(store, settings.keyring_file.clone());
        runtime.depends_on(keeper.dependency());
        let keys = keys::State::new(&keeper);
        runtime.spawn(|stop| keeper.run(stop));
        let issuer = settings.common.server.public(PUBLIC_PREFIX, "");
        let discovery = discovery::State::new(&issuer);
        let routes = Router::from(discovery::routes().with_state(discovery));
        Ok(routes.merge(Router::from(keys::routes().with_state(keys))))
    }
}

fn store(settings: &Settings, runtime: &Runtime) -> Result<Arc<dyn KeyStore>, StartError> {
    match settings.engine.database_engine {
        Engine::Postgres => {
            let pool = postgres::pool(&settings.database, Identity::NAME)?;
            runtime.depends_on(postgres::dependency(&pool));
            Ok(Arc::new(PostgresKeys::new(pool)))
        }
        Engine::Sqlserver => {
            let pool = sqlserver::pool(&settings.database, Identity::NAME)?;
            runtime.depends_on(sqlserver::dependency(&pool));
            Ok(Arc::new(SqlServerKeys::new(pool)))
        }
    }
}
