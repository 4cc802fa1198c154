//! The revocation endpoint.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use platform_auth::CLOCK_DIFFERENCE;
use serde::Deserialize;
use time::{Duration, OffsetDateTime};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::clients::Client;
use crate::grants::{Grants, RefreshToken, Standing};
use crate::oauth::{ErrorBody, OAuthError, Parameters, form, no_store};
use crate::tokens::TokenId;

pub(crate) fn routes() -> OpenApiRouter<Grants> {
    OpenApiRouter::new().routes(routes!(revoke))
}

/// The token to revoke; the client authenticates as at the token endpoint.
#[derive(Deserialize, utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the form, which is read parameter by parameter")]
struct RevocationRequest {
    /// An access token, which ends alone; or a refresh token, with which everything ends that came from it.
    token: String,
    /// `access_token` or `refresh_token`; only a hint.
    token_type_hint: Option<String>,
}

/// Ends a token of the client that calls. A token that is worth nothing is no error (RFC 7009 §2.2).
#[utoipa::path(
    post, path = "/identity/revoke", operation_id = "revoke", tag = "protocol",
    request_body(content = RevocationRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It is worth nothing, now or since before"),
        (status = 400, description = "There is no token, or it is another client's", body = ErrorBody<'static>),
        (status = 401, description = "The client did not prove who it is", body = ErrorBody<'static>),
    ),
)]
async fn revoke(State(grants): State<Grants>, request: Request) -> Response {
    match perform(&grants, request).await {
        Ok(()) => (StatusCode::OK, no_store()).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn perform(grants: &Grants, request: Request) -> Result<(), OAuthError> {
    let (headers, body) = form(request).await?;
    let parameters = Parameters::parse(&body)?.each_once(&[])?;
    let now = platform_service::now();
    let client = grants.authentication.client(&headers, &parameters, now).await?;
    let token = parameters.required("token")?;
    if let Some(token) = RefreshToken::decode(token) {
        return refresh_token(grants, &client, &token, now).await;
    }
    match grants.tokens.verify(token) {
        Ok(verified) => {
            let claims = verified.claims();
            owned(&client, &claims.client_id)?;
            let jti = TokenId::of(&claims.jti).hash();
            let until = OffsetDateTime::from_unix_timestamp(claims.exp).unwrap_or(now);
            grants.store.revoke_token(&jti, until + Duration::seconds(CLOCK_DIFFERENCE)).await?;
            Ok(())
        }
        Err(platform_auth::Rejection::NoKeys) => Err(OAuthError::busy()),
        Err(_) => Ok(()),
    }
}

async fn refresh_token(
    grants: &Grants,
    client: &Client,
    token: &RefreshToken,
    now: OffsetDateTime,
) -> Result<(), OAuthError> {
    let Some((family, _)) = grants.store.find_family(token.family(), now).await? else { return Ok(()) };
    owned(client, &family.client_id)?;
    // An older one of the family is not accepted anywhere, and whoever has it should not have it.
    let standing = family.standing(&token.secret, grants.rules.refresh_grace, now);
    if standing == Standing::Reused {
        tracing::warn!(family = %family.id, "a refresh token that was replaced came to be revoked");
    }
    grants.store.revoke_family(family.id, now).await?;
    Ok(())
}

/// RFC 7009 §2.1: the token must be the client's own.
fn owned(client: &Client, owner: &str) -> Result<(), OAuthError> {
    if client.id == owner { Ok(()) } else { Err(OAuthError::invalid_grant("the token is another client's")) }
}
