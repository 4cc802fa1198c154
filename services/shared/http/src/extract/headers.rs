//! Headers that make writes safe: `If-Match` and `Idempotency-Key`.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use http::{HeaderValue, header};

use crate::problem::{self, Problem};

/// The version that the caller wants to change, from `If-Match: "<version>"` (RFC 9110 §13.1.1).
/// Missing: 428. Anything but one strong entity tag of ours: 412, since no version can match it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Err(
                problem::PRECONDITION_REQUIRED.detail("send `If-Match` with the `ETag` that you read")
            );
        };
        let version =
            value.to_str().ok().and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
        version
            .map(Self)
            .ok_or_else(|| problem::PRECONDITION_FAILED.detail("read it again and use its `ETag`"))
    }
}

/// The `ETag` of a version.
#[must_use]
pub fn entity_tag(version: i64) -> HeaderValue {
    // Digits and quotes are always a valid header value.
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
}

/// The caller's key for a write that must not happen twice: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(pub String);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(
                problem::MALFORMED.detail("send exactly one `Idempotency-Key` header, such as a new UUID")
            );
        };
        match value.to_str() {
            Ok(key) if (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Self(key.to_owned()))
            }
            _ => Err(problem::MALFORMED
                .detail("`Idempotency-Key` must be 1 to 255 visible ASCII characters, such as a new UUID")),
        }
    }
}

/// A route that takes a key but does not demand one. A wrong key is still refused.
impl<S: Send + Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Self::Rejection> {
        if !parts.headers.contains_key("idempotency-key") {
            return Ok(None);
        }
        <Self as FromRequestParts<S>>::from_request_parts(parts, state).await.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, StatusCode};

    async fn if_match(value: Option<&str>) -> Result<IfMatch, StatusCode> {
        let mut request = Request::builder();
        if let Some(value) = value {
            request = request.header(header::IF_MATCH, value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        IfMatch::from_request_parts(&mut parts, &()).await.map_err(|problem| problem.kind().status)
    }

    #[tokio::test]
    async fn only_a_strong_tag_of_ours_names_a_version() {
        assert_eq!(if_match(Some(entity_tag(7).to_str().unwrap())).await, Ok(IfMatch(7)));
        assert_eq!(if_match(None).await, Err(StatusCode::PRECONDITION_REQUIRED));
        for wrong in ["7", "*", "W/\"7\"", "\"seven\"", "\"7\", \"8\"", ""] {
            assert_eq!(if_match(Some(wrong)).await, Err(StatusCode::PRECONDITION_FAILED), "{wrong}");
        }
    }
}
