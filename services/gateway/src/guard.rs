//! The phase *guard*: which headers pass, in both directions.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use platform_components::Name;
use url::Url;
use uuid::Uuid;

/// Headers that concern one connection only (RFC 9110 §7.6.1) and are never passed on.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "keep-alive",
    "proxy-connection",
];

/// Headers by which a client could claim to be somebody, or somewhere, else.
const FORGEABLE: &[&str] = &[
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-prefix",
    "x-original-url",
    "x-real-ip",
    "x-request-id",
    "x-rewrite-url",
    "x-trace-id",
];

/// Where answers and logs tell which request they belong to.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Prepares a request's headers for `upstream`.
pub(crate) fn request(headers: &mut HeaderMap, upstream: Name, public: &Url, request_id: Uuid) {
    remove_hop_by_hop(headers);
    for name in FORGEABLE {
        headers.remove(*name);
    }
    if !has_cookies(upstream) {
        headers.remove(header::COOKIE);
    }
    // The upstream's own name goes into `Host`; the public one is told beside it.
    headers.remove(header::HOST);
    let host = public.host_str().unwrap_or_default();
    let host = public.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    for (name, value) in [("x-forwarded-host", host), ("x-forwarded-proto", public.scheme().to_owned())] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    if let Ok(value) = HeaderValue::try_from(request_id.to_string()) {
        headers.insert(REQUEST_ID, value);
    }
    platform_telemetry::propagation::inject_into_headers(headers);
}

/// Prepares an answer's headers for the client.
pub(crate) fn response(headers: &mut HeaderMap, upstream: Name) {
    remove_hop_by_hop(headers);
    headers.remove(header::SERVER);
    if !has_cookies(upstream) {
        headers.remove(header::SET_COOKIE);
    }
}

/// Only the components with pages use cookies; no other one ever sees or sets any.
fn has_cookies(upstream: Name) -> bool {
    matches!(upstream, Name::Web | Name::Identity)
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().map(HeaderName::as_str).chain(HOP_BY_HOP.iter().copied()) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    fn guarded(pairs: &[(&'static str, &'static str)], upstream: Name) -> HeaderMap {
        let mut headers = headers(pairs);
        request(&mut headers, upstream, &"https://courses.example.com".parse().unwrap(), Uuid::nil());
        headers
    }

    #[test]
    fn forged_identity_and_forwarding_headers_are_gone() {
        let forged = [
            ("forwarded", "for=1.2.3.4"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "http"),
            ("x-request-id", "mine"),
        ];
        let headers = guarded(&forged, Name::Catalog);
        assert_eq!(headers["x-forwarded-host"], "courses.example.com");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-request-id"], Uuid::nil().to_string());
        assert!(!headers.contains_key("forwarded") && !headers.contains_key("x-forwarded-for"));
    }

    #[test]
    fn headers_named_by_connection_are_gone() {
        let headers =
            guarded(&[("connection", "x-secret, close"), ("x-secret", "1"), ("te", "trailers")], Name::Web);
        assert!(!headers.contains_key("x-secret") && !headers.contains_key("te"));
    }

    #[test]
    fn cookies_reach_pages_only() {
        assert!(guarded(&[("cookie", "a=b")], Name::Web).contains_key("cookie"));
        assert!(!guarded(&[("cookie", "a=b")], Name::Order).contains_key("cookie"));
        let mut answer = headers(&[("set-cookie", "a=b")]);
        response(&mut answer, Name::Catalog);
        assert!(!answer.contains_key("set-cookie"));
    }
}
