//! The token endpoint (RFC 6749 §3.2).

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use platform_components::Grant;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::issue::{Grants, TokenAnswer};
use crate::oauth::{ErrorBody, OAuthError, Parameters, form, no_store};

/// The grants that there are, for discovery.
pub(crate) const GRANT_TYPES: [Grant; 5] = [
    Grant::AuthorizationCode,
    Grant::RefreshToken,
    Grant::ClientCredentials,
    Grant::TokenExchange,
    Grant::Password,
];

pub(crate) fn routes() -> OpenApiRouter<Grants> {
    OpenApiRouter::new().routes(routes!(token))
}

/// What a client asks for; each grant has parameters of its own. The client authenticates with `Authorization:
/// Basic …`, with `client_secret`, or with `client_assertion`; a public client only says who it is.
#[derive(Deserialize, utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the form, which is read parameter by parameter")]
struct TokenRequest {
    /// `authorization_code`, `refresh_token`, `client_credentials`, `password` or
    /// `urn:ietf:params:oauth:grant-type:token-exchange`.
    grant_type: String,
    client_id: Option<String>,
    client_secret: Option<String>,
    /// A JWT of the client (RFC 7523).
    client_assertion: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`
    client_assertion_type: Option<String>,
    /// The scopes wanted, separated by spaces.
    scope: Option<String>,
    code: Option<String>,
    /// Exactly as it was sent to the authorization endpoint.
    redirect_uri: Option<String>,
    /// What the challenge was made of (RFC 7636).
    code_verifier: Option<String>,
    refresh_token: Option<String>,
    username: Option<String>,
    password: Option<String>,
    /// The access token to exchange (RFC 8693).
    subject_token: Option<String>,
    /// `urn:ietf:params:oauth:token-type:access_token`
    subject_token_type: Option<String>,
    /// The service that the new token is for.
    audience: Option<String>,
}

/// Tokens for a client.
#[utoipa::path(
    post, path = "/identity/token", operation_id = "token", tag = "protocol",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = TokenAnswer),
        (status = 400, description = "The request, the grant or the scopes are not acceptable", body = ErrorBody<'static>),
        (status = 401, description = "The client did not prove who it is", body = ErrorBody<'static>),
        (status = 503, description = "Not available right now", body = ErrorBody<'static>),
    ),
)]
async fn token(State(grants): State<Grants>, request: Request) -> Response {
    match answer(&grants, request).await {
        Ok(answer) => (no_store(), axum::Json(answer)).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn answer(grants: &Grants, request: Request) -> Result<TokenAnswer, OAuthError> {
    let (headers, body) = form(request).await?;
    // RFC 8693 §2.1 lets these two stand several times.
    let parameters = Parameters::parse(&body)?.each_once(&["audience", "resource"])?;
    let grant_type = parameters.required("grant_type")?;
    let grant = GRANT_TYPES.into_iter().find(|grant| grant.as_str() == grant_type);
    let grant = grant.filter(|grant| *grant != Grant::Password || grants.rules.password_grant);
    let grant = grant.ok_or_else(|| OAuthError::unsupported_grant_type("there is no such grant here"))?;
    grants.tokens.started().await;
    let now = platform_service::now();
    let client = grants.authentication.client(&headers, &parameters, now).await?;
    if !client.may(grant) {
        return Err(OAuthError::unauthorized_client("the client may not use this grant"));
    }
    match grant {
        Grant::AuthorizationCode => grants.authorization_code(&client, &parameters, now).await,
        Grant::RefreshToken => grants.refresh_token(&client, &parameters, now).await,
        Grant::ClientCredentials => grants.client_credentials(&client, &parameters, now),
        Grant::TokenExchange => grants.token_exchange(&client, &parameters, now).await,
        Grant::Password => grants.password(&client, &headers, &parameters, now).await,
    }
}
