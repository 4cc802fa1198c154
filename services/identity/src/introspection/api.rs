//! The introspection endpoint.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use platform_auth::{Audience, Verified};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::clients::Client;
use crate::grants::{Grants, RefreshToken, Standing, TokenState};
use crate::oauth::{ErrorBody, OAuthError, Parameters, form, no_store};

pub(crate) fn routes() -> OpenApiRouter<Grants> {
    OpenApiRouter::new().routes(routes!(introspect))
}

/// The token in question; the client authenticates as at the token endpoint.
#[derive(Deserialize, utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the form, which is read parameter by parameter")]
struct IntrospectionRequest {
    token: String,
    /// `access_token` or `refresh_token`; only a hint.
    token_type_hint: Option<String>,
}

/// What the token is worth (RFC 7662 §2.2). Of one that is worth nothing nothing else is said.
#[derive(Default, Serialize, utoipa::ToSchema)]
struct Introspection {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
}

/// Whether a token is still good.
#[utoipa::path(
    post, path = "/identity/introspect", operation_id = "introspect", tag = "protocol",
    request_body(content = IntrospectionRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = Introspection),
        (status = 400, description = "There is no token", body = ErrorBody<'static>),
        (status = 401, description = "The client did not prove who it is", body = ErrorBody<'static>),
    ),
)]
async fn introspect(State(grants): State<Grants>, request: Request) -> Response {
    match answer(&grants, request).await {
        Ok(answer) => (no_store(), axum::Json(answer)).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn answer(grants: &Grants, request: Request) -> Result<Introspection, OAuthError> {
    let (headers, body) = form(request).await?;
    let parameters = Parameters::parse(&body)?.each_once(&[])?;
    grants.tokens.started().await;
    let now = platform_service::now();
    let client = grants.authentication.confidential(&headers, &parameters, now).await?;
    let token = parameters.required("token")?;
    let known = match grants.tokens.verify(token) {
        Ok(verified) if may_know(&client, &verified.claims().client_id) => {
            let state = grants.states.now(&verified, now).await?;
            (state != TokenState::Ended).then(|| of_access_token(&verified))
        }
        Ok(_) => None,
        Err(platform_auth::Rejection::NoKeys) => return Err(OAuthError::busy()),
        Err(_) => of_refresh_token(grants, &client, token, now).await?,
    };
    Ok(known.unwrap_or_default())
}

/// Whom tokens are told about (RFC 7662 §4): the platform's own clients, and everybody about their own.
fn may_know(client: &Client, owner: &str) -> bool {
    client.first_party || client.id == owner
}

fn of_access_token(token: &Verified) -> Introspection {
    let claims = token.claims();
    Introspection {
        active: true,
        scope: Some(claims.scope.to_string()),
        client_id: Some(claims.client_id.clone()),
        token_type: Some("Bearer"),
        exp: Some(claims.exp),
        iat: Some(claims.iat),
        sub: Some(claims.sub.clone()),
        aud: match &claims.aud {
            Audience::One(audience) => Some(audience.clone()),
            Audience::Many(_) => None,
        },
        iss: Some(claims.iss.clone()),
        jti: Some(claims.jti.clone()),
        sid: claims.sid,
    }
}

async fn of_refresh_token(
    grants: &Grants,
    client: &Client,
    token: &str,
    now: OffsetDateTime,
) -> Result<Option<Introspection>, OAuthError> {
    let Some(token) = RefreshToken::decode(token) else { return Ok(None) };
    let Some((family, holder)) = grants.store.find_family(token.family(), now).await? else {
        return Ok(None);
    };
    let good = family.is_alive(now)
        && holder.is_some_and(|holder| family.is_held_by(&holder))
        && may_know(client, &family.client_id)
        && grants.clients.client(&family.client_id).is_some()
        && family.standing(&token.secret, grants.rules.refresh_grace, now) == Standing::Current;
    Ok(good.then(|| Introspection {
        active: true,
        scope: Some(family.scopes.to_string()),
        client_id: Some(family.client_id.clone()),
        exp: Some(family.idle_until.unix_timestamp()),
        iat: Some(family.rotated_at.unix_timestamp()),
        sub: Some(family.account_id.hyphenated().to_string()),
        iss: Some(grants.tokens.issuer.to_string()),
        sid: family.session_id,
        ..Introspection::default()
    }))
}
