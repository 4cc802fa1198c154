//! How a client hears of the outcome: mostly by the browser's next address (RFC 6749 §4.1.2), with the issuer in it
//! (RFC 9207), so that no response is taken for another provider's.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use url::form_urlencoded;

use super::request::Recipient;
use crate::oauth::no_store;

/// What the client is told: the outcome, its own `state`, and `iss`.
pub(super) fn response_parameters<'a>(
    recipient: &'a Recipient,
    issuer: &'a str,
    outcome: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let state = recipient.state.as_deref().map(|state| ("state", state));
    outcome.iter().copied().chain(state).chain([("iss", issuer)]).collect()
}

/// Sends the browser to the client with these parameters.
pub(super) fn to_client(uri: &str, parameters: &[(&str, &str)]) -> Response {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let separator = if uri.contains('?') { '&' } else { '?' };
    see_other(&format!("{uri}{separator}{query}"))
}

/// Sends the browser somewhere with GET: 303, never 307, which would send a form on (RFC 9700 §4.12).
pub(super) fn see_other(location: &str) -> Response {
    let mut response = (StatusCode::SEE_OTHER, no_store()).into_response();
    // Registered addresses are ASCII, and parameters are encoded: there is always one.
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    // The address has a code or a request in it.
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
