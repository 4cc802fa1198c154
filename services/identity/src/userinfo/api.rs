//! The userinfo endpoint.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use platform_auth::{Rejection, Subject, Verified};
use platform_http::{Problem, problem};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::accounts::AccountStore;
use crate::grants::{TokenState, TokenStates};
use crate::oauth::{Parameters, form, no_store};
use crate::tokens::Tokens;

/// The audience of a token that comes from outside.
const AUDIENCE: &str = "gateway";

/// Every claim that is answered here or stands in an ID token, for discovery.
pub(crate) const CLAIMS: [&str; 16] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "amr",
    "nonce",
    "at_hash",
    "sid",
    "name",
    "locale",
    "updated_at",
    "email",
    "email_verified",
    "roles",
];

/// What the endpoint works with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Userinfo {
    pub(crate) tokens: Tokens,
    pub(crate) states: TokenStates,
    pub(crate) accounts: Arc<dyn AccountStore>,
}

pub(crate) fn routes() -> OpenApiRouter<Userinfo> {
    OpenApiRouter::new().routes(routes!(userinfo, userinfo_by_form))
}

/// Who the user is, as far as the token's scopes go (OpenID Connect Core §5.1 and §5.4).
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = UserinfoAnswer)]
struct Claims {
    /// The user's id.
    sub: String,
    /// With `profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// With `profile`: the language of mails.
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    /// With `profile`: when what is said here was changed last, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
    /// With `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// With `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    /// With `roles`.
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<&'static str>>,
}

/// Who the user of the access token is.
#[utoipa::path(
    get, path = "/identity/userinfo", operation_id = "userinfo", tag = "protocol",
    responses(
        (status = 200, body = Claims),
        (status = 401, description = "No token, or none that is valid here"),
        (status = 403, description = "The token lacks the scope openid"),
    ),
    security(("access_token" = ["openid"])),
)]
async fn userinfo(State(state): State<Userinfo>, request: Request) -> Response {
    let token = bearer(request.headers()).map(|token| token.map(str::to_owned));
    respond(&state, token).await
}

/// The same, with the token in the header or the form (RFC 6750 §2.2).
#[utoipa::path(
    post, path = "/identity/userinfo", operation_id = "userinfo_by_form", tag = "protocol",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = Claims),
        (status = 401, description = "No token, or none that is valid here"),
        (status = 403, description = "The token lacks the scope openid"),
    ),
    security(("access_token" = ["openid"])),
)]
async fn userinfo_by_form(State(state): State<Userinfo>, request: Request) -> Response {
    let token = in_post(request).await;
    respond(&state, token).await
}

/// One token, in one place (RFC 6750 §2): in the header, or else in the form.
async fn in_post(request: Request) -> Result<Option<String>, Refusal> {
    let in_header = bearer(request.headers())?.map(str::to_owned);
    if !request.headers().contains_key(header::CONTENT_TYPE) {
        return Ok(in_header);
    }
    let (_, body) = form(request).await.map_err(|_| Refusal::Malformed)?;
    let parameters = Parameters::parse(&body).map_err(|_| Refusal::Malformed)?;
    let in_form = parameters.optional("access_token").map_err(|_| Refusal::Malformed)?;
    match (in_header, in_form) {
        (Some(_), Some(_)) => Err(Refusal::Malformed),
        (in_header, in_form) => Ok(in_header.or_else(|| in_form.map(str::to_owned))),
    }
}

/// Why there is no answer (RFC 6750 §3.1).
enum Refusal {
    /// More than one token, or a body that can't be read.
    Malformed,
    Token(Rejection),
    /// Signed by us, and ended since.
    Ended,
    Scope,
    Unavailable(Box<dyn std::error::Error + Send + Sync>),
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::Malformed);
    }
    let value = value.to_str().map_err(|_| Refusal::Malformed)?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    Ok(scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' ')))
}

async fn respond(state: &Userinfo, token: Result<Option<String>, Refusal>) -> Response {
    let claims = match token {
        Ok(Some(token)) => state.claims(&token).await,
        Ok(None) => Err(Refusal::Token(Rejection::Missing)),
        Err(refusal) => Err(refusal),
    };
    match claims {
        Ok(claims) => (StatusCode::OK, no_store(), axum::Json(claims)).into_response(),
        Err(refusal) => Problem::from(refusal).into_response(),
    }
}

impl Userinfo {
    async fn claims(&self, token: &str) -> Result<Claims, Refusal> {
        let token: Arc<Verified> = self.tokens.verify(token).map_err(Refusal::Token)?;
        let scopes = &token.claims().scope;
        let (true, Subject::User(id)) = (token.claims().aud.contains(AUDIENCE), token.subject()) else {
            return Err(Refusal::Ended);
        };
        if !scopes.contains("openid") {
            return Err(Refusal::Scope);
        }
        let now = platform_service::now();
        let unavailable = |error: crate::grants::StoreError| Refusal::Unavailable(Box::new(error));
        let TokenState::User(holder) = self.states.now(&token, now).await.map_err(unavailable)? else {
            return Err(Refusal::Ended);
        };
        let account = self.accounts.find(id).await.map_err(|error| Refusal::Unavailable(Box::new(error)))?;
        let account = account.ok_or(Refusal::Ended)?;
        let with = |scope: &str| scopes.contains(scope);
        let mut roles = vec!["student"];
        roles.extend(holder.roles.instructor.then_some("instructor"));
        roles.extend(holder.roles.admin.then_some("admin"));
        Ok(Claims {
            sub: id.hyphenated().to_string(),
            name: with("profile").then_some(account.name),
            updated_at: with("profile").then_some(account.updated_at.unix_timestamp()),
            locale: with("profile").then_some(account.language),
            email: with("email").then_some(account.email),
            email_verified: with("email").then_some(holder.email_verified),
            roles: with("roles").then_some(roles),
        })
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let invalid = |text| {
            let challenge = HeaderValue::from_static(r#"Bearer error="invalid_token""#);
            problem::UNAUTHENTICATED.detail(text).header(header::WWW_AUTHENTICATE, challenge)
        };
        match refusal {
            Refusal::Malformed => problem::MALFORMED.detail("send one access token, in one place").header(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(r#"Bearer error="invalid_request""#),
            ),
            Refusal::Token(rejection) => Self::from(rejection),
            Refusal::Ended => invalid("the token is not valid here, or not any more"),
            Refusal::Scope => Self::from(Rejection::InsufficientScope("openid")),
            Refusal::Unavailable(error) => Self::unavailable("database", &*error),
        }
    }
}
