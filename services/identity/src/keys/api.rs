//! The JWKS over HTTP.

use axum::extract;
use axum::response::{IntoResponse, Response};
use http::header;
use platform_http::{Json, Problem, problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::domain::Jwks;
use super::signer::Keys;

/// Verifiers may keep the set this long, so that a removed key is refused soon.
const CACHE: &str = "public, max-age=60";

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State(Keys);

impl State {
    pub(crate) fn new(keys: Keys) -> Self {
        Self(keys)
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(jwks))
}

/// The public keys that tokens are checked with.
#[utoipa::path(
    get, path = "/identity/jwks", operation_id = "jwks", tag = "discovery",
    responses(
        (status = 200, body = Jwks),
        (status = 503, description = "The keys could not be read since the start"),
    ),
)]
async fn jwks(extract::State(State(keys)): extract::State<State>) -> Result<Response, Problem> {
    keys.looked_at().await;
    let jwks = keys
        .jwks()
        .ok_or_else(|| problem::UNAVAILABLE.detail("the keys can't be read yet, try again").retry_after(1))?;
    Ok(([(header::CACHE_CONTROL, CACHE)], Json(&*jwks)).into_response())
}
