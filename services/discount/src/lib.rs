//! Discount: coupons, stored and found by code.
//!
//! Owns what a code takes off, for which course and when. It does not compute baskets' totals, and it
//! believes nobody's prices.

mod coupons;
mod settings;

use axum::Router;
use platform_auth::{AccessTokenScheme, AuthSettings};
use platform_service::{CommonSettings, Component, Runtime, StartError, postgres};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use settings::Settings;

/// Where the gateway publishes this service; `Location` and `Link` begin with it.
const PUBLIC_PREFIX: &str = "/services/discount";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Discount", description = "Coupons of the course platform."),
    servers((url = "/services/discount")),
    modifiers(&AccessTokenScheme),
    tags((name = "coupons", description = "Coupons of an instructor, and what a code gives"))
)]
struct Document;

/// The discount component.
pub struct Discount;

impl Component for Discount {
    const NAME: &'static str = "discount";
    const ABOUT: &'static str = "Coupons: percent or amount, found by code";
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
        postgres::migrate(&postgres::pool(&settings.database, Self::NAME)?, &MIGRATIONS).await
    }

    async fn start(settings: Settings, runtime: &mut Runtime) -> Result<Router, StartError> {
        let pool = postgres::pool(&settings.database, Self::NAME)?;
        runtime.depends_on(postgres::dependency(&pool));
        let coupons = coupons::State::new(pool, settings.common.server.public(PUBLIC_PREFIX, "/v1/coupons"));
        Ok(routes().with_state(coupons).into())
    }
}

fn routes() -> OpenApiRouter<coupons::State> {
    OpenApiRouter::with_openapi(Document::openapi()).merge(coupons::routes())
}
