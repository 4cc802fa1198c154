//! Which foreign pages may call a route from a browser (Fetch standard, §3.3). Never with credentials: the
//! cookies of this platform are for its own pages.

use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};

use crate::answer::AnswerBody;
use crate::routes::Compiled;

/// What scripts may read beside the body.
const EXPOSED: &str =
    "etag, link, location, ratelimit, ratelimit-policy, retry-after, x-request-id, x-trace-id";
/// What scripts may send.
const SENT: &str =
    "accept-language, authorization, content-type, idempotency-key, if-match, if-none-match, prefer";
/// How long a browser remembers the permission, in seconds.
const REMEMBERED: &str = "600";

/// The origin to allow, when this is a request of a foreign page that the route lets in.
pub(crate) fn allowed(headers: &HeaderMap, route: &Compiled) -> Option<HeaderValue> {
    let origins = route.origins();
    let origin = headers.get(header::ORIGIN).filter(|_| !origins.is_empty())?;
    origins.iter().find(|it| *it == origin || it.as_bytes() == b"*").cloned()
}

/// The answer to a browser that asks before it sends, without asking the upstream.
pub(crate) fn preflight(parts: &Parts, route: &Compiled) -> Option<Response<AnswerBody>> {
    if parts.method != Method::OPTIONS {
        return None;
    }
    let wanted = parts.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    let origin = allowed(&parts.headers, route)?;
    let method = Method::from_bytes(wanted.as_bytes()).ok().filter(|method| route.allows(method))?;
    let mut response = Response::new(AnswerBody::Whole(None));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if let Ok(method) = HeaderValue::from_str(method.as_str()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, method);
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(SENT));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(REMEMBERED));
    Some(response)
}

/// Tells the browser whether the page may read the answer, whatever that is: an error says what to do, too.
pub(crate) fn permit(headers: &mut HeaderMap, route: &Compiled, origin: Option<&HeaderValue>) {
    if route.origins().is_empty() {
        return;
    }
    // Also without an origin: another request's answer would have been another one (Fetch standard, §3.3.5).
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}
