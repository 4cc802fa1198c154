//! Discovery over HTTP: one document at two addresses.

use std::sync::Arc;

use axum::extract;
use axum::response::{IntoResponse, Response};
use http::header;
use platform_http::Json;
use serde::Serialize;
use url::Url;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Clients may keep the document this long: it changes with releases only.
const CACHE: &str = "public, max-age=300";

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State(Arc<Metadata>);

impl State {
    /// For the provider whose public address is `issuer`.
    pub(crate) fn new(issuer: &Url) -> Self {
        Self(Arc::new(Metadata::of(issuer.as_str())))
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(openid_configuration)).routes(routes!(authorization_server))
}

/// The provider's metadata. It names what is served and nothing else: there are no endpoints for
/// authorization and tokens yet, so none is named, and the lists of what they would take are empty.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Metadata {
    /// The `iss` of every token; only ever compared.
    #[schema(example = "https://courses.example.com/identity")]
    issuer: String,
    /// Where the keys are.
    #[schema(example = "https://courses.example.com/identity/jwks")]
    jwks_uri: String,
    response_types_supported: [&'static str; 0],
    // Left out, this would mean the authorization code and implicit grants (RFC 8414 §2).
    grant_types_supported: [&'static str; 0],
    // Left out, this would mean client_secret_basic.
    token_endpoint_auth_methods_supported: [&'static str; 0],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
}

impl Metadata {
    fn of(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            jwks_uri: format!("{issuer}/jwks"),
            response_types_supported: [],
            grant_types_supported: [],
            token_endpoint_auth_methods_supported: [],
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: ["ES256"],
        }
    }
}

/// The provider's metadata, where OpenID Connect looks for it.
#[utoipa::path(
    get, path = "/identity/.well-known/openid-configuration", operation_id = "openid_configuration", tag = "discovery",
    responses((status = 200, body = Metadata)),
)]
async fn openid_configuration(extract::State(state): extract::State<State>) -> Response {
    metadata(&state)
}

/// The provider's metadata, where OAuth 2.0 looks for it (RFC 8414 §3.1: before the issuer's path).
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server/identity", operation_id = "authorization_server_metadata", tag = "discovery",
    responses((status = 200, body = Metadata)),
)]
async fn authorization_server(extract::State(state): extract::State<State>) -> Response {
    metadata(&state)
}

fn metadata(State(metadata): &State) -> Response {
    ([(header::CACHE_CONTROL, CACHE)], Json(&**metadata)).into_response()
}
