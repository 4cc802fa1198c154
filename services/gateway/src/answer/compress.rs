//! Compression of answers that gain from it: text, long enough, and not yet compressed by its service.

use std::convert::Infallible;
use std::future::ready;

use http::header::{self, HeaderMap};
use http::{Method, Request, Response, StatusCode};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::compression::CompressionLayer;

use super::AnswerBody;

/// Shorter answers fit into a packet or two anyway.
const SHORTEST: u64 = 1024;
const TEXTS: [&str; 6] = [
    "text/",
    "application/json",
    "application/problem+json",
    "application/javascript",
    "application/xml",
    "image/svg+xml",
];

/// What the client said that matters here.
pub(crate) struct Wish {
    encodings: http::HeaderValue,
    cookies: bool,
}

impl Wish {
    /// None when the client takes no encoding, or no body.
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Option<Self> {
        let encodings = headers.get(header::ACCEPT_ENCODING).filter(|_| *method != Method::HEAD)?;
        Some(Self { encodings: encodings.clone(), cookies: headers.contains_key(header::COOKIE) })
    }

    /// Compresses an answer if it is worth it.
    pub(crate) async fn grant(self, response: Response<AnswerBody>) -> Response<AnswerBody> {
        if !self.is_worth(&response) {
            return response;
        }
        let mut request = Request::new(());
        request.headers_mut().insert(header::ACCEPT_ENCODING, self.encodings);
        let mut response = Some(response);
        let once = service_fn(move |_: Request<()>| {
            let response = response.take().unwrap_or_else(|| Response::new(AnswerBody::Whole(None)));
            ready(Ok::<_, Infallible>(response))
        });
        let Ok(response) = CompressionLayer::new().layer(once).oneshot(request).await;
        response.map(|body| AnswerBody::Compressed(Box::pin(body)))
    }

    fn is_worth(&self, response: &Response<AnswerBody>) -> bool {
        let headers = response.headers();
        let text = |name| headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
        let kind = text(header::CONTENT_TYPE);
        let length = text(header::CONTENT_LENGTH).parse::<u64>();
        // What a signed-in person sees holds secrets beside what a stranger may have put into the address: its
        // length must not tell about them (BREACH). And an event must not wait for more to compress.
        let page = self.cookies && kind.starts_with("text/html");
        if page || kind.starts_with("text/event-stream") || !TEXTS.iter().any(|it| kind.starts_with(it)) {
            return false;
        }
        // A strong tag is for these very bytes, and clients send it back in `If-Match`. A weak one is not.
        let strong = headers.get(header::ETAG).is_some_and(|tag| !tag.as_bytes().starts_with(b"W/"));
        let bound = [header::CONTENT_ENCODING, header::CONTENT_RANGE];
        response.status() == StatusCode::OK
            && length.unwrap_or(SHORTEST) >= SHORTEST
            && !strong
            && !bound.iter().any(|name| headers.contains_key(name))
            && !text(header::CACHE_CONTROL).contains("no-transform")
    }
}
