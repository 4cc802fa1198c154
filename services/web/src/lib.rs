//! Web: the shop's pages, complete HTML from the server.
//!
//! Owns what people see and how it is said, in Turkish and English. It keeps no data of its own and knows no
//! service's address: everything comes through the gateway, as for any other client. No page needs
//! JavaScript, and none loads anything from elsewhere.

mod assets;
mod catalog;
mod format;
mod language;
mod pages;
mod settings;
mod visit;

use axum::Router;
use platform_http::server::Need;
use platform_service::{CommonSettings, Component, Runtime, StartError, redis};
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

pub use settings::Settings;

#[derive(utoipa::OpenApi)]
#[openapi(info(title = "Web", description = "The shop's pages. They are for people: there is no API here."))]
struct Document;

/// The web component.
pub struct Web;

impl Component for Web {
    const NAME: &'static str = "web";
    const ABOUT: &'static str = "The web shop: server-rendered pages in Turkish and English";
    type Settings = Settings;

    fn common(settings: &Settings) -> &CommonSettings {
        &settings.common
    }

    fn openapi() -> OpenApi {
        Document::openapi()
    }

    async fn start(settings: Settings, runtime: &mut Runtime) -> Result<Router, StartError> {
        // Soft as long as no page needs a session.
        let connection = redis::connection(&settings.redis)?;
        runtime.depends_on(redis::dependency(&connection, Need::Soft));
        let catalog = catalog::Catalog::new(settings.gateway_url)?;
        runtime.depends_on(catalog.dependency());
        let state = pages::State::new(catalog, settings.common.server.public_url);
        Ok(pages::routes(state).merge(assets::routes()).layer(CompressionLayer::new()))
    }
}
