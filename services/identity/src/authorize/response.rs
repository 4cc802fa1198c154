//! How a client hears of the outcome: by the browser's next address (RFC 6749 §4.1.2), with the issuer in it
//! (RFC 9207), so that no response is taken for another provider's.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use url::form_urlencoded;

use super::request::Recipient;
use crate::oauth::no_store;

/// Sends the browser to the client with these parameters, `state` and `iss`.
pub(super) fn to_client(recipient: &Recipient, issuer: &str, parameters: &[(&str, &str)]) -> Response {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    if let Some(state) = &recipient.state {
        query.append_pair("state", state);
    }
    query.append_pair("iss", issuer);
    let uri = &recipient.redirect_uri;
    let separator = if uri.contains('?') { '&' } else { '?' };
    see_other(&format!("{uri}{separator}{}", query.finish()))
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
