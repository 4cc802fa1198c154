//! Gateway: the only door to the platform.
//!
//! A request passes named phases, each a small unit: *match* (`routes`: which upstream) → *guard* (`guard`:
//! ambiguous paths, forged and hop-by-hop headers, body limits) → *forward* (`forward`: streaming, timeouts,
//! refused connections tried again). It holds no business rule and never buffers a body.

mod forward;
mod guard;
mod routes;
mod settings;

use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use platform_http::server::Need;
use platform_service::{CommonSettings, Component, Runtime, StartError, redis};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

pub use settings::Settings;

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "Gateway",
    description = "The only door to the course platform. Its paths are those of the services."
))]
struct Document;

/// The gateway component.
pub struct Gateway;

impl Component for Gateway {
    const NAME: &'static str = "gateway";
    const ABOUT: &'static str = "The only door: routes requests to the services";
    type Settings = Settings;

    fn common(settings: &Settings) -> &CommonSettings {
        &settings.common
    }

    fn openapi() -> OpenApi {
        Document::openapi()
    }

    async fn start(settings: Settings, runtime: &mut Runtime) -> Result<Router, StartError> {
        let table = routes::Table::load(&settings.routes_file)?;
        tracing::info!(routes = table.len(), file = %settings.routes_file.display(), "routes loaded");
        // Limits are shared between replicas through Redis; without it each replica keeps its own.
        if let Some(file) = settings.redis_url_file {
            let redis =
                redis::RedisSettings { redis_url_file: file, redis_key_prefix: settings.redis_key_prefix };
            runtime.depends_on(redis::dependency(&redis::connection(&redis)?, Need::Soft));
        }
        let proxy = forward::Proxy::new(table, settings.common.server.public_url.clone());
        let every_path =
            Router::new().route("/", any(forward::handle)).route("/{*path}", any(forward::handle));
        Ok(every_path.with_state(Arc::new(proxy)))
    }
}
