//! Which answers may be kept, by whom and for how long: the one place where `Cache-Control` (RFC 9111, RFC 5861),
//! `ETag` and `If-None-Match` (RFC 9110 §13) are written. docs/api/README.md has the reasons.
//!
//! Handlers say what an answer is, never a directive. What says nothing is kept by nobody.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::problem::Problem;

/// Bytes of a digest that name a content: nobody finds two contents with the same 128 bits by chance.
const TAG_BYTES: usize = 16;

/// What an answer is to those who might keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nobody's to keep: it is about a person, holds a secret, or is an error.
    Nothing,
    /// For who asked alone, and never used again without asking.
    Own,
    /// For all visitors: two seconds, and for a minute while the service fails. Not `public`, so that a shared
    /// cache gives it to nobody who comes with a token.
    Briefly,
    /// For everybody: what changes with a release of the service only.
    Release,
    /// For everybody and for ever: its address changes with its content.
    Forever,
}

impl Keep {
    /// The value of `Cache-Control`.
    #[must_use]
    pub const fn value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Nothing => "no-store",
            Self::Own => "private, no-cache",
            Self::Briefly => "max-age=2, stale-if-error=60",
            Self::Release => "public, max-age=30",
            Self::Forever => "public, max-age=31536000, immutable",
        })
    }
}

/// Who reads, and what they have of it already (`If-None-Match`). Handlers of what everybody may read take it as an
/// argument and answer by it.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    has_token: bool,
    known: Vec<HeaderValue>,
}

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self {
            has_token: parts.headers.contains_key(header::AUTHORIZATION),
            known: parts.headers.get_all(header::IF_NONE_MATCH).iter().cloned().collect(),
        })
    }
}

impl Reader {
    /// How what everybody may read is kept. Visitors share it; whoever comes with a token, and so may have changed it
    /// a moment ago, has it from the service itself.
    #[must_use]
    pub fn of_everybody(&self) -> Keep {
        if self.has_token { Keep::Own } else { Keep::Briefly }
    }

    /// Whether the reader has the version with this tag. Compared weakly, as RFC 9110 §13.1.2 has it.
    #[must_use]
    pub fn has(&self, tag: &HeaderValue) -> bool {
        let Ok(tag) = tag.to_str() else { return false };
        let known = self.known.iter().filter_map(|value| value.to_str().ok());
        let mut known = known.flat_map(|value| value.split(',')).map(str::trim);
        known.any(|known| known == "*" || opaque(known) == opaque(tag))
    }

    /// Answers with `whole`, or with a 304 when the reader has it.
    #[must_use]
    pub fn answer(&self, keep: Keep, tag: HeaderValue, whole: impl IntoResponse) -> Response {
        let mut response = match self.has(&tag) {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false => whole.into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, tag);
        headers.insert(header::CACHE_CONTROL, keep.value());
        response
    }

    /// Answers with a document that everybody may read and that has no version of its own: its tag follows from its
    /// content, and is the same at each replica that shows the same.
    ///
    /// The tag is weak. Nothing is changed by it (`If-Match`), and a proxy that compresses needs no other one.
    ///
    /// # Errors
    /// A 500 when the document has no JSON form, which is a defect of ours.
    pub fn document(&self, document: &impl Serialize) -> Result<Response, Problem> {
        let body = serde_json::to_vec(document).map_err(|error| Problem::internal(&error))?;
        let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(self.answer(self.of_everybody(), content_tag(&body), ([kind], body)))
    }
}

/// The tag of a content.
fn content_tag(content: &[u8]) -> HeaderValue {
    let digest = Sha256::digest(content);
    let tag = format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(digest.get(..TAG_BYTES).unwrap_or(&digest)));
    // Letters, digits, `-` and `_` are always a valid header value.
    HeaderValue::try_from(tag).unwrap_or_else(|_| HeaderValue::from_static("W/\"0\""))
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    async fn reader(headers: &[(&str, &str)]) -> Reader {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let Ok(reader) = Reader::from_request_parts(&mut parts, &()).await;
        reader
    }

    #[tokio::test]
    async fn visitors_share_for_a_moment_and_who_comes_with_a_token_asks_each_time() {
        let (visitor, user) = (reader(&[]).await, reader(&[("authorization", "Bearer x")]).await);
        let said = |reader: &Reader| {
            let answer = reader.document(&["a"]).unwrap();
            answer.headers()[header::CACHE_CONTROL].to_str().unwrap().to_owned()
        };
        assert_eq!(said(&visitor), "max-age=2, stale-if-error=60");
        assert_eq!(said(&user), "private, no-cache");
    }

    #[tokio::test]
    async fn who_has_it_is_told_so_without_the_body() {
        let first = Reader::default().document(&["a"]).unwrap();
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        let again = Reader::default().document(&["a"]).unwrap();
        assert_eq!(again.headers()[header::ETAG].to_str().unwrap(), tag, "the same content, the same tag");
        let another = Reader::default().document(&["b"]).unwrap();
        assert_ne!(another.headers()[header::ETAG].to_str().unwrap(), tag);

        let strong = tag.strip_prefix("W/").unwrap();
        for known in [tag.as_str(), strong, &format!("\"x\" , {tag}"), "*"] {
            let answer = reader(&[("if-none-match", known)]).await.document(&["a"]).unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(answer.headers()[header::ETAG].to_str().unwrap(), tag);
            assert!(answer.headers().contains_key(header::CACHE_CONTROL));
            assert!(!answer.headers().contains_key(header::CONTENT_TYPE));
        }
        for unknown in ["", "\"x\"", "W/", tag.trim_end_matches('"'), "\"*\""] {
            let answer = reader(&[("if-none-match", unknown)]).await.document(&["a"]).unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{unknown}");
        }
        let twice = reader(&[("if-none-match", "\"x\""), ("if-none-match", &tag)]).await;
        assert_eq!(twice.document(&["a"]).unwrap().status(), StatusCode::NOT_MODIFIED);
    }
}
