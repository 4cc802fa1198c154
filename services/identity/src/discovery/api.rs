//! Discovery over HTTP: one document at two addresses.

use std::sync::Arc;

use axum::extract;
use axum::response::{IntoResponse, Response};
use http::header;
use platform_components::{Grant, Subject};
use platform_http::Json;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::clients::{ALGORITHMS, Clients};
use crate::grants::GRANT_TYPES;
use crate::userinfo::CLAIMS;

/// Clients may keep the document this long: it changes with releases and with the clients file only.
const CACHE: &str = "public, max-age=300";
/// The ways in which a confidential client authenticates.
const AUTHENTICATION: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State(Arc<Inner>);

struct Inner {
    issuer: String,
    clients: Clients,
    password_grant: bool,
}

impl State {
    /// For the provider whose public address is `issuer`.
    pub(crate) fn new(issuer: &str, clients: Clients, password_grant: bool) -> Self {
        Self(Arc::new(Inner { issuer: issuer.to_owned(), clients, password_grant }))
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(openid_configuration)).routes(routes!(authorization_server))
}

/// The provider's metadata (OpenID Connect Discovery §3, RFC 8414 §2). It names what is served and nothing else.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Metadata {
    /// The `iss` of every token; only ever compared.
    #[schema(example = "https://courses.example.com/identity")]
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
    /// Where the keys are.
    #[schema(example = "https://courses.example.com/identity/jwks")]
    jwks_uri: String,
    revocation_endpoint: String,
    introspection_endpoint: String,
    end_session_endpoint: String,
    /// Scopes of users; those between services are nobody else's business.
    scopes_supported: Vec<String>,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 2],
    grant_types_supported: Vec<&'static str>,
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    revocation_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    introspection_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    /// S256 only (RFC 7636).
    code_challenge_methods_supported: [&'static str; 1],
    prompt_values_supported: [&'static str; 4],
    claim_types_supported: [&'static str; 1],
    claims_supported: Vec<&'static str>,
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    // Left out, this would mean that it is (Discovery §3).
    request_uri_parameter_supported: bool,
    /// RFC 9207.
    authorization_response_iss_parameter_supported: bool,
    ui_locales_supported: [&'static str; 2],
}

impl Metadata {
    fn of(inner: &Inner) -> Self {
        let issuer = &inner.issuer;
        let at = |path: &str| format!("{issuer}{path}");
        let registry = inner.clients.registry();
        let of_users = |scope: &&str| registry.scope(scope).is_some_and(|it| it.subject != Subject::Service);
        let grants = GRANT_TYPES.iter().filter(|grant| inner.password_grant || **grant != Grant::Password);
        let or_none = AUTHENTICATION.iter().copied().chain(["none"]).collect::<Vec<_>>();
        Self {
            authorization_endpoint: at("/authorize"),
            token_endpoint: at("/token"),
            userinfo_endpoint: at("/userinfo"),
            jwks_uri: at("/jwks"),
            revocation_endpoint: at("/revoke"),
            introspection_endpoint: at("/introspect"),
            end_session_endpoint: at("/logout"),
            scopes_supported: registry.scope_names().filter(of_users).map(str::to_owned).collect(),
            response_types_supported: ["code"],
            response_modes_supported: ["query", "form_post"],
            grant_types_supported: grants.map(|grant| grant.as_str()).collect(),
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: ["ES256"],
            token_endpoint_auth_methods_supported: or_none.clone(),
            token_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
            revocation_endpoint_auth_methods_supported: or_none,
            revocation_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
            introspection_endpoint_auth_methods_supported: AUTHENTICATION.to_vec(),
            introspection_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
            code_challenge_methods_supported: ["S256"],
            prompt_values_supported: ["none", "login", "consent", "select_account"],
            claim_types_supported: ["normal"],
            claims_supported: CLAIMS.to_vec(),
            claims_parameter_supported: false,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
            authorization_response_iss_parameter_supported: true,
            ui_locales_supported: ["tr", "en"],
            issuer: issuer.clone(),
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

fn metadata(State(inner): &State) -> Response {
    ([(header::CACHE_CONTROL, CACHE)], Json(Metadata::of(inner))).into_response()
}
