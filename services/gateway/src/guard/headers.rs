//! Hop-by-hop, forgeable and told headers.

use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use platform_components::Name;
use url::Url;

use super::cookies;

/// Where answers and logs tell which request they belong to.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const FORWARDED: HeaderName = header::FORWARDED;
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_POWERED_BY: HeaderName = HeaderName::from_static("x-powered-by");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What every upstream is told about the public address; made once.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    host: HeaderValue,
    proto: HeaderValue,
    host_text: String,
    pub(crate) https: bool,
}

impl Told {
    pub(crate) fn new(public: &Url) -> Self {
        let host = public.host_str().unwrap_or_default();
        let host = public.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Self {
            // A URL's host and port are always a valid value.
            host: HeaderValue::from_str(&host).unwrap_or_else(|_| HeaderValue::from_static("")),
            proto: HeaderValue::from_str(public.scheme()).unwrap_or_else(|_| HeaderValue::from_static("")),
            host_text: host,
            https: public.scheme() == "https",
        }
    }

    /// The values of `X-Forwarded-For` and `Forwarded` for a client.
    pub(crate) fn client(&self, client: IpAddr) -> (HeaderValue, HeaderValue) {
        let node = match client {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("\"[{address}]\""),
        };
        let proto = if self.https { "https" } else { "http" };
        let forwarded = format!("for={node};host=\"{}\";proto={proto}", self.host_text);
        // Addresses, a URL's host and port: always a valid value.
        let value =
            |text: String| HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
        (value(client.to_string()), value(forwarded))
    }
}

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

/// Prepares a request's headers for `upstream`, a component and the value of `Host` that it is called by.
pub(crate) fn request(
    headers: &mut HeaderMap,
    upstream: (Name, &HeaderValue),
    told: &Told,
    client: (HeaderValue, HeaderValue),
    ids: (HeaderValue, HeaderValue),
) {
    let trailers = takes_trailers(headers);
    // What is added below, at once.
    headers.reserve(8);
    remove(headers);
    cookies::request(headers, upstream.0, told.https);
    if trailers {
        // It is about the connection to the upstream, and has to say so (RFC 9110 §10.1.4).
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
    // The upstream's own name goes into `Host`; the public one is told beside it.
    headers.insert(header::HOST, upstream.1.clone());
    headers.insert(X_FORWARDED_HOST, told.host.clone());
    headers.insert(X_FORWARDED_PROTO, told.proto.clone());
    let (address, forwarded) = client;
    headers.insert(X_FORWARDED_FOR, address);
    headers.insert(FORWARDED, forwarded);
    let (request_id, traceparent) = ids;
    headers.insert(REQUEST_ID, request_id);
    headers.insert(TRACEPARENT, traceparent);
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
        let told = Told::new(&"https://courses.example.com".parse().unwrap());
        let client = told.client("192.0.2.9".parse().unwrap());
        let ids = (HeaderValue::from_static("id"), HeaderValue::from_static("00-1-2-00"));
        let host = HeaderValue::from_static("demo:8080");
        request(&mut headers, (upstream, &host), &told, client, ids);
        headers
    }

    #[test]
    fn forged_identity_and_forwarding_headers_are_gone() {
        let forged = [
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
        assert_eq!(headers["host"], "demo:8080");
        assert_eq!(headers["x-forwarded-host"], "courses.example.com");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-forwarded-for"], "192.0.2.9");
        assert_eq!(headers["forwarded"], "for=192.0.2.9;host=\"courses.example.com\";proto=https");
        assert_eq!(headers["x-request-id"], "id");
        assert_eq!(headers["traceparent"], "00-1-2-00");
        for gone in ["x-forwarded-user", "x-original-url", "x-http-method-override"] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
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
