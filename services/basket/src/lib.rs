//! Basket: what somebody wants to buy.
//!
//! Owns the courses in a basket and follows the catalog, which alone says what they are called and cost. It
//! believes no caller's price, and sells nothing: that is the order service's business.

mod baskets;
mod catalog;
mod settings;

use axum::Router;
use baskets::BasketStore;
use catalog::Catalog;
use platform_auth::{AccessTokenScheme, AuthSettings, Scope as _, ServiceTokens, scope};
use platform_http::server::Need;
use platform_messaging::Consumer;
use platform_service::{CommonSettings, Component, Runtime, StartError, amqp, redis};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use settings::Settings;

/// Where the gateway publishes this service; `Location` begins with it.
const PUBLIC_PREFIX: &str = "/services/basket";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Basket", description = "Baskets of the course platform."),
    servers((url = "/services/basket")),
    modifiers(&AccessTokenScheme),
    tags((name = "baskets", description = "The caller's basket"))
)]
struct Document;

/// The basket component.
pub struct Basket;

impl Component for Basket {
    const NAME: &'static str = "basket";
    const ABOUT: &'static str = "Baskets: what somebody wants to buy, at the catalog's names and prices";
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

    async fn start(settings: Settings, runtime: &mut Runtime) -> Result<Router, StartError> {
        let connection = redis::connection(&settings.redis)?;
        runtime.depends_on(redis::dependency(&connection, Need::Hard));
        let tokens = ServiceTokens::new(Self::NAME, &settings.client)?;
        runtime.depends_on(tokens.dependency(scope::CatalogSysQuote::NAME));
        let catalog = Catalog::new(settings.catalog_url.clone(), tokens)?;
        runtime.depends_on(catalog.dependency());
        let lifetime = settings.basket_lifetime();
        let store = BasketStore::new(connection, &settings.redis.redis_key_prefix, lifetime);

        let broker = amqp::broker(&settings.amqp, Self::NAME);
        let consumer = Consumer::new(broker, baskets::QUEUE, baskets::CourseChanges(store.clone()));
        runtime.depends_on(amqp::dependency(&consumer.health()));
        runtime.spawn(|stop| consumer.run(stop));

        let items = settings.common.server.public(PUBLIC_PREFIX, "/v1/basket/items");
        Ok(routes().with_state(baskets::State::new(store, catalog, items)).into())
    }
}

fn routes() -> OpenApiRouter<baskets::State> {
    OpenApiRouter::with_openapi(Document::openapi()).merge(baskets::routes())
}
