//! Payment: card tokens and payments, behind a provider.
//!
//! The only component that a card's number ever reaches; the number is kept nowhere, not even in part. Every
//! payment moves amounts in a double-entry ledger that sums to zero. It knows no order but by its id, and
//! changes none.

mod cards;
mod payments;
mod provider;
mod settings;

use std::sync::Arc;

use axum::Router;
use platform_auth::{AccessTokenScheme, AuthSettings};
use platform_service::{CommonSettings, Component, Runtime, StartError, postgres};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

use provider::{FakeProvider, Provider};
pub use settings::Settings;

/// Where the gateway publishes this service; `Location` and `Link` begin with it.
const PUBLIC_PREFIX: &str = "/services/payment";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Payment", description = "Card tokens and payments of the course platform."),
    servers((url = "/services/payment")),
    modifiers(&AccessTokenScheme),
    tags(
        (name = "cards", description = "One-time tokens that stand for a card"),
        (name = "payments", description = "What was paid, declined or is still unknown"),
    )
)]
struct Document;

/// The payment component.
pub struct Payment;

impl Component for Payment {
    const NAME: &'static str = "payment";
    const ABOUT: &'static str = "Payments behind a provider trait, with a double-entry ledger";
    type Settings = Settings;

    fn common(settings: &Settings) -> &CommonSettings {
        &settings.common
    }

    fn auth(settings: &Settings) -> Option<&AuthSettings> {
        Some(&settings.auth)
    }

    fn openapi() -> OpenApi {
        let mut document = Document::openapi();
        document.merge(cards::routes().into_openapi());
        document.merge(payments::routes().into_openapi());
        document
    }

    async fn migrate(settings: Settings) -> Result<(), StartError> {
        postgres::migrate(&postgres::pool(&settings.database, Self::NAME)?, &MIGRATIONS).await
    }

    async fn start(settings: Settings, runtime: &mut Runtime) -> Result<Router, StartError> {
        let pool = postgres::pool(&settings.database, Self::NAME)?;
        runtime.depends_on(postgres::dependency(&pool));
        let provider: Arc<dyn Provider> = Arc::new(FakeProvider);
        let cards = cards::State::new(pool.clone(), Arc::clone(&provider));
        let list = settings.common.server.public(PUBLIC_PREFIX, "/v1/payments");
        let payments = payments::State::new(pool, provider, list);
        let routes = Router::from(cards::routes().with_state(cards));
        Ok(routes.merge(Router::from(payments::routes().with_state(payments))))
    }
}
