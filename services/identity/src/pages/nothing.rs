//! Addresses below `/identity` that are none: a page for people, a problem for programs.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use platform_http::{Problem, problem};

use super::Visit;
use super::layout::message;
use crate::language::Texts as _;

pub(super) async fn answer(visit: Visit) -> Response {
    if wants_a_page(&visit.headers) {
        return page(&visit);
    }
    let mut response = Problem::from(problem::NOT_FOUND).into_response();
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// The page that says that there is nothing.
pub(super) fn page(visit: &Visit) -> Response {
    let text = |key: &str| visit.language.text(key);
    let (title, text) = (text("not-found-title"), text("not-found-text"));
    let mut response = message(visit, StatusCode::NOT_FOUND, title, text, None);
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// Browsers name `text/html`; programs that take anything get what programs read.
fn wants_a_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = accepted.flat_map(|value| value.split(',')).map(|range| range.split(';').next());
    types.any(|kind| kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/html")))
}
