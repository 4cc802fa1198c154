//! Hop-by-hop, forgeable and told headers.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use platform_components::Name;

use super::cookies;

/// Where answers and logs tell which request they belong to.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_POWERED_BY: HeaderName = HeaderName::from_static("x-powered-by");

/// Headers that concern one connection only (RFC 9110 §7.6.1) and are never passed on, and those by which a
/// client could claim to be somebody, or somewhere, else.
pub(crate) fn is_removed(name: &str) -> bool {
    match name {
        "connection"
        | "proxy-authenticate"
        | "proxy-authorization"
        | "te"
        | "transfer-encoding"
        | "upgrade"
        | "keep-alive"
        | "proxy-connection"
        | "http2-settings"
        | "expect" => true,
        "forwarded" | "traceparent" | "tracestate" | "baggage" | "true-client-ip" | "cf-connecting-ip" => {
            true
        }
        // Every `X-Forwarded-…`, `X-Original-…` and the like, whatever the next one is called.
        _ => name.strip_prefix("x-").is_some_and(|rest| {
            rest.starts_with("forwarded")
                || rest.starts_with("original-")
                || matches!(
                    rest,
                    "real-ip"
                        | "client-ip"
                        | "cluster-client-ip"
                        | "request-id"
                        | "rewrite-url"
                        | "trace-id"
                        | "http-method-override"
                        | "http-method"
                        | "method-override"
                )
        }),
    }
}

/// Whether the client asks to leave HTTP on this connection (RFC 9110 §7.8).
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
        && headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
}

/// Prepares a request's headers for `upstream`. What the gateway says itself comes beside them, in
/// [`Vouched`](super::Vouched).
pub(crate) fn request(headers: &mut HeaderMap, upstream: Name, https: bool) {
    let trailers = takes_trailers(headers);
    remove(headers);
    headers.remove(header::HOST);
    cookies::request(headers, upstream, https);
    if trailers {
        // It is about the connection to the upstream, and has to say so (RFC 9110 §10.1.4).
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
}

/// Prepares an answer's headers for the client.
pub(crate) fn response(headers: &mut HeaderMap, upstream: Name, https: bool) {
    // Of two lengths the chunks are true (RFC 9112 §6.3), and the other one must not be passed on.
    if headers.contains_key(header::TRANSFER_ENCODING) && headers.remove(header::CONTENT_LENGTH).is_some() {
        metrics::counter!("gateway_answers_ambiguous_total").increment(1);
    }
    remove(headers);
    headers.remove(header::SERVER);
    headers.remove(X_POWERED_BY);
    cookies::response(headers, upstream, https);
}

/// `TE: trailers` is the one hop-by-hop wish that can be kept: hyper passes trailers on.
fn takes_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("trailers"))
}

fn remove(headers: &mut HeaderMap) {
    // Nearly every message has this one and no other.
    let removed = |name: &&HeaderName| **name != header::CONNECTION && is_removed(name.as_str());
    let mut found: Vec<HeaderName> = headers.keys().filter(removed).cloned().collect();
    // Almost no request names more headers here, and `keep-alive` is none that needs a look.
    for value in headers.get_all(header::CONNECTION) {
        let Ok(value) = value.to_str() else { continue };
        let named = value.split(',').map(str::trim).filter(|name| !is_common(name));
        found.extend(named.filter_map(|name| name.parse::<HeaderName>().ok()).filter(may_be_named));
    }
    headers.remove(header::CONNECTION);
    for name in found {
        headers.remove(name);
    }
}

fn is_common(name: &str) -> bool {
    name.eq_ignore_ascii_case("keep-alive") || name.eq_ignore_ascii_case("close")
}

/// `Connection: authorization` would let a client take a header away that decides something here.
fn may_be_named(name: &HeaderName) -> bool {
    *name != header::HOST && *name != header::AUTHORIZATION && *name != header::CONTENT_LENGTH
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
        request(&mut headers, upstream, true);
        headers
    }

    #[test]
    fn forged_identity_and_forwarding_headers_are_gone() {
        let forged = [
            ("host", "evil.example"),
            ("forwarded", "for=1.2.3.4"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-user", "admin"),
            ("x-original-url", "/internal"),
            ("x-http-method-override", "DELETE"),
            ("x-request-id", "mine"),
            ("traceparent", "00-mine"),
        ];
        let headers = guarded(&forged, Name::Catalog);
        assert!(headers.is_empty(), "{headers:?}");
    }

    #[test]
    fn headers_named_by_connection_are_gone() {
        let given = [("connection", "x-secret, close"), ("x-secret", "1"), ("te", "trailers, deflate")];
        let headers = guarded(&given, Name::Web);
        assert!(!headers.contains_key("x-secret"));
        assert_eq!(
            (&headers["te"], &headers["connection"]),
            (&"trailers".parse().unwrap(), &"te".parse().unwrap())
        );
        let headers =
            guarded(&[("connection", "te, x-secret"), ("x-secret", "1"), ("te", "deflate")], Name::Web);
        assert!(!headers.contains_key("connection") && !headers.contains_key("te"));
        let kept = guarded(&[("connection", "authorization"), ("authorization", "Bearer x")], Name::Web);
        assert!(kept.contains_key("authorization"));
    }

    #[test]
    fn an_upgrade_needs_both_headers() {
        assert!(is_upgrade(&headers(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")])));
        assert!(!is_upgrade(&headers(&[("upgrade", "websocket")])));
        assert!(!is_upgrade(&headers(&[("connection", "upgrade")])));
    }
}
