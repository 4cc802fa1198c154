//! Gateway: the only door to the platform.
//!
//! A request passes named phases, each a small unit; `pipeline` shows them from top to bottom. *match*
//! (`routes`) → *guard* (`guard`: headers, sizes, addresses) → *authenticate*, *authorize*, *exchange*
//! (`tokens`) → *limit* (`limit`) → *route* (`upstream`: addresses, breaker) → *forward* (`forward`: streaming,
//! retries; `cache`: what need not be asked for again) → *answer* (`answer`) → *log* (`log`). It holds no business
//! rule and never buffers a body.

mod answer;
mod bounded;
mod cache;
mod clock;
mod core;
mod forward;
mod gone;
mod guard;
mod limit;
mod log;
mod pages;
mod patience;
mod pipeline;
mod reload;
mod routes;
mod serve;
mod settings;
mod switch;
mod tokens;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use platform_auth::{Authenticator, KeyFetcher, Keys};
use platform_http::server::Need;
use platform_service::{CommonSettings, Component, Runtime, StartError, WrongSettings, redis};
use tokio::runtime::Handle;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

pub use settings::Settings;

use crate::cache::Cache;
use crate::core::Shared;
use crate::guard::Told;
use crate::limit::{Limits, Load};
use crate::log::Log;
use crate::pages::Pages;
use crate::reload::Reload;
use crate::serve::Tls;
use crate::tokens::{Exchange, Provider, Tokens};
use crate::upstream::Upstreams;

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
        let tls = match settings.tls_certificate_file.zip(settings.tls_key_file) {
            Some((certificate, key)) => {
                let tls = Tls::load(certificate, key);
                let tls = Arc::new(tls.map_err(|error| WrongSettings::new(format!("{error:#}")))?);
                let current = tls.clone();
                runtime.spawn(|stop| current.keep_current(stop));
                Some(tls)
            }
            None => None,
        };
        let reload = {
            let upstreams = Upstreams::new(Handle::current());
            Reload::begin(settings.routes_file, upstreams, settings.token_url.is_some())
                .map_err(|error| WrongSettings::new(format!("{error:#}")))?
        };
        if settings.jwks_uri.is_none() && reload.live().borrow().table.checks_tokens() {
            tracing::warn!("JWKS_URI is not set: every token will be answered with a 503");
        }
        // Limits are shared between replicas through Redis; without it each replica keeps its own.
        let limits = Arc::new(Limits::new(settings.redis_url_file.is_some()));
        if let Some(redis_url_file) = settings.redis_url_file {
            let redis_key_prefix = settings.redis_key_prefix.clone();
            let redis = redis::connection(&redis::RedisSettings { redis_url_file, redis_key_prefix })?;
            runtime.depends_on(redis::dependency(&redis, Need::Soft));
            let limits = limits.clone();
            runtime.spawn(|stop| limit::share(limits, redis, settings.redis_key_prefix, stop));
        }
        let keys = Keys::default();
        if let Some(uri) = &settings.jwks_uri {
            let fetcher = KeyFetcher::new(keys.clone(), uri)?;
            runtime.depends_on(keys.dependency());
            runtime.spawn(|stop| fetcher.run(stop));
        }
        let exchange = match settings.token_url.zip(settings.client_secret_file) {
            Some((url, secret)) => {
                let interval = Duration::from_secs(settings.token_check_seconds.into());
                Some(Exchange::new(Provider::new(url, secret)?, interval, Handle::current()))
            }
            None => None,
        };
        let authenticator = Authenticator::new(settings.common.issuer(), Self::NAME, keys);
        let exports = settings.common.telemetry.otlp_endpoint.is_some();
        let traced = if exports { settings.trace_ratio } else { 0.0 };
        let shared = Arc::new(Shared {
            tokens: Tokens::new(authenticator, exchange),
            told: Told::new(&settings.common.server.public_url),
            trusted: settings.trusted_proxies,
            live: reload.live(),
            limits,
            load: Load::new(settings.max_active_requests),
            cache: Cache::new(settings.cache_bytes, settings.cache_answer_bytes)?,
            log: Log::new(settings.access_log_ratio, traced),
            tls,
            most_connections: usize::try_from(settings.max_connections)?,
        });
        let pages = Pages::new(reload.live(), settings.common.server.public_url.clone(), Handle::current())?;
        runtime.spawn(|stop| reload.watch(stop));
        let threads = match settings.serving_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => usize::from(threads),
        };
        runtime.serve_api(move |api| serve::serve(api, shared, threads));
        Ok(pages::router(pages))
    }
}
