//! Choosing the language.

use axum::extract;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use platform_pages::is_local;

use super::{State, message};
use crate::language::Language;
use crate::visit::{Visit, language_cookie};

/// A year.
const KEPT_SECONDS: u32 = 365 * 24 * 60 * 60;

/// Keeps the chosen language in a cookie and goes back to the page.
pub(super) async fn choose(
    extract::State(state): extract::State<State>,
    visit: Visit,
    headers: HeaderMap,
    body: String,
) -> Response {
    // Browsers send `Origin` with every form; a foreign one is somebody else's page.
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    if origin.is_some_and(|origin| !state.is_own_origin(origin)) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let field = |name: &str| {
        let mut fields = url::form_urlencoded::parse(body.as_bytes());
        fields.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let Some(language) = field("language").and_then(|code| Language::parse(&code)) else {
        return message::nothing_here(&state, visit);
    };
    let back = field("back").filter(|path| is_local(path)).unwrap_or_else(|| "/".to_owned());
    let secure = if state.is_https() { "; Secure" } else { "" };
    let cookie = format!(
        "{}={}; Path=/; Max-Age={KEPT_SECONDS}; SameSite=Lax; HttpOnly{secure}",
        language_cookie(state.is_https()),
        language.code(),
    );
    match (HeaderValue::try_from(back), HeaderValue::try_from(cookie)) {
        (Ok(back), Ok(cookie)) => {
            (StatusCode::SEE_OTHER, [(header::LOCATION, back), (header::SET_COOKIE, cookie)]).into_response()
        }
        _ => message::nothing_here(&state, visit),
    }
}
