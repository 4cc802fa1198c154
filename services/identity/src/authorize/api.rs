//! The authorization endpoint and the answer of the consent page.

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Authorize;
use crate::oauth::form;
use crate::screens::Fault;

pub(crate) fn routes() -> OpenApiRouter<Authorize> {
    OpenApiRouter::new().routes(routes!(authorize, authorize_by_form)).routes(routes!(decide))
}

/// A client asks for a code, by the browser of whoever signs in.
#[utoipa::path(
    get, path = "/identity/authorize", operation_id = "authorize", tag = "protocol",
    params(
        ("client_id" = String, Query, description = "The client"),
        ("redirect_uri" = String, Query, description = "Where the response goes: exactly as registered"),
        ("response_type" = String, Query, description = "`code`"),
        ("scope" = String, Query, description = "What it wants, separated by spaces"),
        ("code_challenge" = String, Query, description = "base64url of the verifier's SHA-256 (RFC 7636)"),
        ("code_challenge_method" = String, Query, description = "`S256`"),
        ("state" = Option<String>, Query, description = "Comes back as it is"),
        ("nonce" = Option<String>, Query, description = "Stands in the ID token"),
        ("response_mode" = Option<String>, Query, description = "`query`, or `form_post`"),
        ("prompt" = Option<String>, Query, description = "`none`, `login`, `consent`, `select_account`"),
        ("max_age" = Option<i64>, Query, description = "Seconds since the password was given"),
        ("id_token_hint" = Option<String>, Query, description = "An ID token of whom the client expects"),
        ("login_hint" = Option<String>, Query, description = "An e-mail address for the sign-in page"),
    ),
    responses(
        (status = 303, description = "To the client, with a code or an error, or to the sign-in page"),
        (status = 200, description = "A page that asks for consent, or whose form goes to the client"),
        (status = 400, description = "A page: the client or its address is not known"),
    ),
)]
async fn authorize(State(state): State<Authorize>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    state.answer(&parts.headers, query).await
}

/// The same with the parameters in the body.
#[utoipa::path(
    post, path = "/identity/authorize", operation_id = "authorize_by_form", tag = "protocol",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "To the client, with a code or an error, or to the sign-in page"),
        (status = 200, description = "A page that asks for consent, or whose form goes to the client"),
        (status = 400, description = "A page: the client or its address is not known"),
    ),
)]
async fn authorize_by_form(State(state): State<Authorize>, request: Request) -> Response {
    match body(request).await {
        Ok((headers, body)) => state.answer(&headers, &body).await,
        Err(headers) => state.screens.error(&headers, Fault::Malformed),
    }
}

/// The consent page's form.
#[utoipa::path(
    post, path = "/identity/consent", operation_id = "consent", tag = "protocol",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "To the client"),
        (status = 400, description = "A page: the form is not one of ours"),
    ),
)]
async fn decide(State(state): State<Authorize>, request: Request) -> Response {
    match body(request).await {
        Ok((headers, body)) => match state.screens.form(&headers, &body) {
            Ok(form) => {
                let outcome = state.decided(&headers, &body, &form).await;
                outcome.unwrap_or_else(|refusal| state.refused(&headers, refusal))
            }
            Err(page) => page,
        },
        Err(headers) => state.screens.error(&headers, Fault::Malformed),
    }
}

/// A form; without one, the headers for a page in the right language.
async fn body(request: Request) -> Result<(HeaderMap, Bytes), HeaderMap> {
    debug_assert_eq!(request.method(), Method::POST);
    let headers = request.headers().clone();
    form(request).await.map_err(|_| headers)
}
