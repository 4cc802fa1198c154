//! The end-session endpoint.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::form_urlencoded;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::clients::Clients;
use crate::oauth::{Parameters, form, no_store};
use crate::screens::{Fault, Screens};
use crate::sessions::{Session, Sessions};
use crate::tokens::Tokens;

/// Longest request in bytes.
const LONGEST_REQUEST: usize = 16 * 1024;
/// Longest `state` in bytes: it comes back in an address.
const LONGEST_STATE: usize = 2048;
/// What the confirmation page sends back.
const KEPT: [&str; 4] = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"];

/// What the endpoint works with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Logout {
    pub(crate) clients: Clients,
    pub(crate) sessions: Sessions,
    pub(crate) tokens: Tokens,
    pub(crate) screens: Screens,
}

pub(crate) fn routes() -> OpenApiRouter<Logout> {
    OpenApiRouter::new().routes(routes!(logout, logout_by_form))
}

/// Signs somebody out, at the wish of a client.
#[utoipa::path(
    get, path = "/identity/logout", operation_id = "logout", tag = "protocol",
    params(
        ("id_token_hint" = Option<String>, Query, description = "An ID token of the client; it may have expired"),
        ("client_id" = Option<String>, Query, description = "The client, without a hint"),
        ("post_logout_redirect_uri" = Option<String>, Query, description = "Where to go then: exactly as registered"),
        ("state" = Option<String>, Query, description = "Comes back as it is"),
    ),
    responses(
        (status = 303, description = "Signed out, and on to the client"),
        (status = 200, description = "A page: signed out, or whether to sign out"),
        (status = 400, description = "A page: the client or its address is not known"),
    ),
)]
async fn logout(State(state): State<Logout>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    state.respond(&parts.headers, query, false).await
}

/// The same with the parameters in the body; also the form of the page that asks.
#[utoipa::path(
    post, path = "/identity/logout", operation_id = "logout_by_form", tag = "protocol",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "Signed out, and on to the client"),
        (status = 200, description = "A page: signed out, or whether to sign out"),
        (status = 400, description = "A page: the client or its address is not known"),
    ),
)]
async fn logout_by_form(State(state): State<Logout>, request: Request) -> Response {
    let headers = request.headers().clone();
    match form(request).await {
        Ok((headers, body)) => state.respond(&headers, &body, true).await,
        Err(_) => state.screens.error(&headers, Fault::Malformed),
    }
}

impl Logout {
    async fn respond(&self, headers: &HeaderMap, raw: &[u8], by_form: bool) -> Response {
        let outcome = self.answer(headers, raw, by_form).await;
        outcome.unwrap_or_else(|fault| self.screens.error(headers, fault))
    }

    async fn answer(&self, headers: &HeaderMap, raw: &[u8], by_form: bool) -> Result<Response, Fault> {
        if raw.len() > LONGEST_REQUEST {
            return Err(Fault::Malformed);
        }
        let parameters =
            Parameters::parse(raw).and_then(|it| it.each_once(&[])).map_err(|_| Fault::Malformed)?;
        let text = |name| parameters.optional(name).map_err(|_| Fault::Malformed);
        let now = platform_service::now();
        let hint = text("id_token_hint")?.and_then(|hint| self.tokens.hint(hint, now));
        let named = text("client_id")?;
        // §2: a client_id beside a hint must be the one that the hint was made for.
        if hint.as_ref().zip(named).is_some_and(|(hint, named)| hint.aud != named) {
            return Err(Fault::UnknownClient);
        }
        let client_id = named.or(hint.as_ref().map(|hint| hint.aud.as_str()));
        let client = client_id.map(|id| self.clients.client(id).ok_or(Fault::UnknownClient)).transpose()?;
        let state = parameters.bounded("state", LONGEST_STATE).map_err(|_| Fault::Malformed)?;
        let target = match text("post_logout_redirect_uri")? {
            // §3: only to an address that the client registered.
            Some(uri) if client.as_ref().is_some_and(|client| client.returns_to(uri)) => Some(uri),
            Some(_) => return Err(Fault::UnknownAddress),
            None => None,
        };
        let session = self.sessions.current(headers).await.map_err(|error| {
            tracing::warn!(error = %platform_http::problem::Chain(&error), "can't read a session");
            Fault::Unavailable
        })?;
        let Some((session, _)) = session else { return Ok(self.gone(headers, target, state)) };
        let hinted = hint.is_some_and(|hint| hint.sid == Some(session.id));
        let asked = by_form && text("decision")?.is_some();
        let agreed = hinted || (asked && self.screens.form(headers, raw).is_ok());
        if !agreed {
            // §6: anybody could link here; without a hint of this very session the person is asked.
            let kept = |name: &&'static str| {
                let value = parameters.optional(name).ok().flatten()?;
                Some((*name, value.to_owned()))
            };
            let mut hidden: Vec<_> = KEPT.iter().filter_map(kept).collect();
            hidden.push(("decision", "yes".to_owned()));
            let origin = target.and_then(|uri| url::Url::parse(uri).ok());
            let origin = origin.map(|url| url.origin().ascii_serialization());
            return Ok(self.screens.confirm_sign_out(headers, hidden, origin.as_deref()));
        }
        self.end(&session).await?;
        Ok(self.gone(headers, target, state))
    }

    async fn end(&self, session: &Session) -> Result<(), Fault> {
        self.sessions.end(session.id).await.map_err(|error| {
            tracing::warn!(error = %platform_http::problem::Chain(&error), "can't end a session");
            Fault::Unavailable
        })
    }

    /// Nobody is signed in any more.
    fn gone(&self, headers: &HeaderMap, target: Option<&str>, state: Option<&str>) -> Response {
        let mut response = match target.map(|uri| address(uri, state)).map(HeaderValue::try_from) {
            Some(Ok(location)) => {
                let mut response = (StatusCode::SEE_OTHER, no_store()).into_response();
                response.headers_mut().insert(header::LOCATION, location);
                response
            }
            _ => self.screens.signed_out(headers),
        };
        if let Some(cookie) = self.sessions.signed_out_cookie() {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// The client's address with its state.
fn address(uri: &str, state: Option<&str>) -> String {
    let Some(state) = state else { return uri.to_owned() };
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish();
    let separator = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{separator}{query}")
}
