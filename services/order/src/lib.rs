//! Order: what was bought, by whom, for how much, and what became of it.
//!
//! The domain (`order-domain`) holds the rules, the application layer runs commands and queries through
//! behaviours, the infrastructure keeps orders in PostgreSQL or SQL Server. Prices come from the catalog and
//! never from the caller; cards and payments are none of its business.

mod orders;
mod settings;

use std::sync::Arc;

use axum::Router;
use platform_auth::{AccessTokenScheme, AuthSettings, Scope as _, ServiceTokens, scope};
use platform_http::client::PeerClient;
use platform_service::sqlserver::{self, Engine, Migration};
use platform_service::{CommonSettings, Component, Runtime, StartError, postgres};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use orders::{Orders, PeerCatalog, PostgresOrders, SqlServerOrders};
pub use settings::Settings;

/// Where the gateway publishes this service; `Location` and `Link` begin with it.
const PUBLIC_PREFIX: &str = "/services/order";

static POSTGRES_MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");

const SQLSERVER_MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../migrations/sqlserver/0001_messaging.sql") },
    Migration { version: 2, sql: include_str!("../migrations/sqlserver/0002_orders.sql") },
];

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Order", description = "Orders of the course platform."),
    servers((url = "/services/order")),
    modifiers(&AccessTokenScheme),
    tags((name = "orders", description = "What somebody bought"))
)]
struct Document;

/// The order component.
pub struct Ordering;

impl Component for Ordering {
    const NAME: &'static str = "order";
    const ABOUT: &'static str = "Orders, by commands and queries over the order domain";
    type Settings = Settings;

    fn common(settings: &Settings) -> &CommonSettings {
        &settings.common
    }

    fn auth(settings: &Settings) -> Option<&AuthSettings> {
        Some(&settings.auth)
    }

    fn openapi() -> OpenApi {
        routes().into_openapi()
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
        let tokens = ServiceTokens::new(Self::NAME, &settings.client)?;
        runtime.depends_on(tokens.dependency(scope::CatalogSysQuote::NAME));
        let catalog = PeerCatalog::new(PeerClient::new("catalog", settings.catalog_url.clone())?, tokens);
        let list = settings.common.server.public(PUBLIC_PREFIX, "/v1/orders");
        runtime.depends_on(catalog.dependency());
        Ok(routes().with_state(orders::State::new(&store, Arc::new(catalog), list)).into())
    }
}

fn routes() -> OpenApiRouter<orders::State> {
    OpenApiRouter::with_openapi(Document::openapi()).merge(orders::routes())
}

fn store(settings: &Settings, runtime: &Runtime) -> Result<Arc<dyn Orders>, StartError> {
    match settings.engine.database_engine {
        Engine::Postgres => {
            let pool = postgres::pool(&settings.database, Ordering::NAME)?;
            runtime.depends_on(postgres::dependency(&pool));
            Ok(Arc::new(PostgresOrders::new(pool)))
        }
        Engine::Sqlserver => {
            let pool = sqlserver::pool(&settings.database, Ordering::NAME)?;
            runtime.depends_on(sqlserver::dependency(&pool));
            Ok(Arc::new(SqlServerOrders::new(pool)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_messaging_are_taken_over_unchanged() {
        assert_eq!(
            include_str!("../migrations/postgres/0001_messaging.sql"),
            platform_messaging::POSTGRES_MIGRATION
        );
        assert_eq!(SQLSERVER_MIGRATIONS[0].sql, platform_messaging::SQLSERVER_MIGRATION);
    }
}
