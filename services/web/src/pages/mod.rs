//! The pages: one file each, on one layout.

mod category;
mod course;
mod home;
mod language;
mod layout;
mod message;

use axum::Router;
use axum::http::Uri;
use axum::middleware;
use axum::routing::{get, post};
use url::Url;

use crate::catalog::Catalog;
use layout::security_headers;

/// What the pages share.
#[derive(Clone)]
pub(crate) struct State {
    catalog: Catalog,
    /// The shop's public address, without a slash at its end.
    public_url: String,
}

impl State {
    pub(crate) fn new(catalog: Catalog, public_url: Url) -> Self {
        Self { catalog, public_url: String::from(public_url).trim_end_matches('/').to_owned() }
    }

    fn is_https(&self) -> bool {
        self.public_url.starts_with("https:")
    }

    /// Whether `origin` is the shop's own.
    fn is_own_origin(&self, origin: &str) -> bool {
        let own = self.public_url.parse::<Uri>().ok();
        let of = |uri: &Uri| (uri.scheme().cloned(), uri.authority().cloned());
        own.is_some_and(|own| origin.parse::<Uri>().is_ok_and(|origin| of(&origin) == of(&own)))
    }
}

pub(crate) fn routes(state: State) -> Router {
    Router::new()
        .route("/", get(home::show))
        .route("/categories/{slug}", get(category::show))
        .route("/courses/{address}", get(course::show))
        .route("/language", post(language::choose))
        .route("/{*path}", get(message::not_found))
        .layer(middleware::from_fn(security_headers))
        .with_state(state)
}
