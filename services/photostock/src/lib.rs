//! Photostock: photos, checked, re-encoded and served by content.
//!
//! Owns the bytes of photos and nothing else: which course shows which photo is the catalog's business.
//! What is stored is never what was sent, but what a decoder saw in it.

mod photos;
mod settings;

use axum::Router;
use platform_auth::{AccessTokenScheme, AuthSettings};
use platform_service::{CommonSettings, Component, Runtime, StartError};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use settings::Settings;

/// Where the gateway publishes this service; `Location` begins with it.
const PUBLIC_PREFIX: &str = "/services/photostock";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Photostock", description = "Photos of the course platform."),
    servers((url = "/services/photostock")),
    modifiers(&AccessTokenScheme),
    tags((name = "photos", description = "Photos by the hash of their content"))
)]
struct Document;

/// The photostock component.
pub struct Photostock;

impl Component for Photostock {
    const NAME: &'static str = "photostock";
    const ABOUT: &'static str = "Photos: checked, re-encoded, content-addressed";
    type Settings = Settings;

    fn common(settings: &Settings) -> &CommonSettings {
        &settings.common
    }

    fn auth(settings: &Settings) -> Option<&AuthSettings> {
        Some(&settings.auth)
    }

    fn openapi() -> OpenApi {
        routes(usize::MAX).into_openapi()
    }

    async fn start(settings: Settings, runtime: &mut Runtime) -> Result<Router, StartError> {
        let store = photos::PhotoStore::open(&settings.photos_dir)?;
        runtime.depends_on(store.dependency());
        let photos = photos::State::new(store, settings.common.server.clone(), &settings);
        Ok(routes(settings.max_photo_bytes).with_state(photos).into())
    }
}

fn routes(max_photo_bytes: usize) -> OpenApiRouter<photos::State> {
    OpenApiRouter::with_openapi(Document::openapi()).merge(photos::routes(max_photo_bytes))
}
