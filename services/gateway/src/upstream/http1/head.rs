//! A request's head as it is sent. It is the same bytes however often the request is tried.

use bytes::{BufMut as _, Bytes};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body::SizeHint;

use crate::guard::Vouched;

/// The head of a request, ready to be sent.
#[derive(Debug)]
pub(crate) struct Head {
    pub(super) bytes: Bytes,
    pub(crate) method: Method,
    pub(super) framing: Framing,
    /// Whether the client asks to leave HTTP.
    pub(super) upgrades: bool,
    /// The trailers that the client has announced.
    pub(super) trailers: Vec<HeaderName>,
}

/// How the upstream is told where a request's body ends (RFC 9112 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    None,
    Length(u64),
    Chunked,
}

impl Head {
    /// `host` is the upstream's; `size` the body's, `None` for a request without one.
    pub(crate) fn of(parts: &Parts, host: &HeaderValue, vouched: &Vouched, size: Option<SizeHint>) -> Self {
        let framing = match size.map(|size| size.exact()) {
            None => Framing::None,
            Some(Some(length)) => Framing::Length(length),
            Some(None) => Framing::Chunked,
        };
        let bytes = write(parts, host, vouched, framing).into();
        let trailers = if framing == Framing::Chunked { announced(&parts.headers) } else { Vec::new() };
        let upgrades = parts.headers.contains_key(header::UPGRADE);
        Self { bytes, method: parts.method.clone(), framing, upgrades, trailers }
    }
}

fn write(parts: &Parts, host: &HeaderValue, vouched: &Vouched, framing: Framing) -> Vec<u8> {
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let lengths = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let length = parts.method.as_str().len() + target.len() + lengths.sum::<usize>() + 64;
    let length = length + host.len() + vouched.length();
    let mut bytes = Vec::with_capacity(length);
    bytes.put_slice(parts.method.as_str().as_bytes());
    bytes.push(b' ');
    bytes.put_slice(target.as_bytes());
    bytes.put_slice(b" HTTP/1.1\r\nhost: ");
    bytes.put_slice(host.as_bytes());
    bytes.put_slice(b"\r\n");
    write_headers(&mut bytes, parts.headers.iter().filter(|(name, _)| !frames(name)));
    vouched.write(&mut bytes);
    match framing {
        Framing::Length(length) => write_length(&mut bytes, length),
        Framing::Chunked => bytes.put_slice(b"transfer-encoding: chunked\r\n"),
        // RFC 9110 §8.6: where a body is to be expected, there being none is said.
        Framing::None if [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method) => {
            write_length(&mut bytes, 0);
        }
        Framing::None => {}
    }
    bytes.put_slice(b"\r\n");
    bytes
}

/// What names and values are made of can't end a line.
pub(super) fn write_headers<'a>(
    bytes: &mut Vec<u8>,
    headers: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
) {
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
}

fn write_length(bytes: &mut Vec<u8>, length: u64) {
    bytes.extend_from_slice(b"content-length: ");
    bytes.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    bytes.extend_from_slice(b"\r\n");
}

/// Where a body ends is said anew.
fn frames(name: &HeaderName) -> bool {
    *name == header::CONTENT_LENGTH || *name == header::TRANSFER_ENCODING
}

/// Trailers that a client announced and that may be some (RFC 9110 §6.5.1): not those that decide where a message
/// ends, whose it is or what is done with it.
fn announced(headers: &HeaderMap) -> Vec<HeaderName> {
    let names = headers.get_all(header::TRAILER).iter().filter_map(|value| value.to_str().ok());
    let names = names.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok());
    names.filter(may_trail).collect()
}

fn may_trail(name: &HeaderName) -> bool {
    let fixed = [
        header::AUTHORIZATION,
        header::CACHE_CONTROL,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::COOKIE,
        header::HOST,
        header::TRAILER,
    ];
    !fixed.contains(name) && !crate::guard::is_removed(name.as_str())
}

#[cfg(test)]
impl Head {
    /// The head of a request to `demo:8080` by nobody in particular.
    pub(super) fn of_test(parts: &Parts, size: Option<SizeHint>) -> Self {
        let vouched = Vouched {
            client: [].into(),
            request_id: HeaderValue::from_static("id"),
            traceparent: HeaderValue::from_static("trace"),
            version: http::Version::HTTP_11,
        };
        Self::of(parts, &HeaderValue::from_static("demo:8080"), &vouched, size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(request: http::request::Builder, size: Option<SizeHint>) -> (Head, String) {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let head = Head::of_test(&parts, size);
        let text = String::from_utf8(head.bytes.to_vec()).unwrap();
        (head, text.replace("via: 1.1 gateway\r\nx-request-id: id\r\ntraceparent: trace\r\n", "…\r\n"))
    }

    #[test]
    fn a_head_says_where_the_body_ends_once() {
        let request = || http::Request::post("/v1/a?b=c").header("content-length", "7");
        let (_, text) = head(request(), Some(SizeHint::with_exact(5)));
        assert_eq!(text, "POST /v1/a?b=c HTTP/1.1\r\nhost: demo:8080\r\n…\r\ncontent-length: 5\r\n\r\n");
        let (_, text) = head(request(), Some(SizeHint::default()));
        assert_eq!(
            text,
            "POST /v1/a?b=c HTTP/1.1\r\nhost: demo:8080\r\n…\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let (_, text) = head(request(), None);
        assert_eq!(text, "POST /v1/a?b=c HTTP/1.1\r\nhost: demo:8080\r\n…\r\ncontent-length: 0\r\n\r\n");
        let (_, text) = head(http::Request::get("/").header("accept", "a/b").header("accept", ""), None);
        assert_eq!(text, "GET / HTTP/1.1\r\nhost: demo:8080\r\naccept: a/b\r\naccept: \r\n…\r\n\r\n");
    }

    #[test]
    fn trailers_are_those_that_were_announced_and_may_be_some() {
        let request = || {
            http::Request::put("/").header("trailer", "x-sum, Content-Length,authorization, x-request-id, te")
        };
        let (chunked, _) = head(request(), Some(SizeHint::default()));
        assert_eq!(chunked.trailers, ["x-sum"]);
        let (sized, _) = head(request(), Some(SizeHint::with_exact(1)));
        assert!(sized.trailers.is_empty());
    }
}
