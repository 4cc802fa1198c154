//! Problem documents: the one form in which every error leaves the platform (RFC 9457).

use std::borrow::Cow;
use std::fmt;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::keep::Keep;

/// Where the types of problems are documented; a type is this and a slug.
pub const TYPE_BASE: &str = "https://courseplatform.dev/problems/";

/// A documented kind of problem. Its slug never changes once released: clients branch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemType {
    /// Last part of the `type` URI, such as `coupon-exists`.
    pub slug: &'static str,
    /// The HTTP status it always comes with.
    pub status: StatusCode,
    /// A short sentence that is the same for every occurrence.
    pub title: &'static str,
}

impl ProblemType {
    /// Declares a kind of problem.
    #[must_use]
    pub const fn new(slug: &'static str, status: StatusCode, title: &'static str) -> Self {
        Self { slug, status, title }
    }

    /// An occurrence of this problem, with what to do about it.
    pub fn detail(self, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem { detail: Some(detail.into()), ..Problem::from(self) }
    }
}

macro_rules! problem_types {
    ($($(#[$doc:meta])* $name:ident = $slug:literal, $status:ident, $title:literal;)*) => {
        $($(#[$doc])* pub const $name: ProblemType = ProblemType::new($slug, StatusCode::$status, $title);)*
        /// Every kind of problem that any component may answer with.
        pub const COMMON: &[ProblemType] = &[$($name),*];
    };
}

problem_types! {
    /// The request can't be parsed at all.
    MALFORMED = "malformed-request", BAD_REQUEST, "The request can't be read";
    /// The body is well formed but its values are not acceptable; `errors` says which.
    INVALID = "invalid-request", UNPROCESSABLE_ENTITY, "Some values are not acceptable";
    /// No (usable) credentials.
    UNAUTHENTICATED = "unauthenticated", UNAUTHORIZED, "Sign in first";
    /// Credentials are fine but not enough.
    FORBIDDEN = "forbidden", FORBIDDEN, "This is not allowed for you";
    /// It does not exist, or it is somebody else's.
    NOT_FOUND = "not-found", NOT_FOUND, "There is nothing here";
    /// The path exists, the method does not.
    METHOD_NOT_ALLOWED = "method-not-allowed", METHOD_NOT_ALLOWED, "This method is not supported here";
    /// The body came too slowly, and its connection is needed for others.
    SLOW = "request-timeout", REQUEST_TIMEOUT, "The request came too slowly";
    /// The state of the thing does not allow the request.
    CONFLICT = "conflict", CONFLICT, "The request clashes with the current state";
    /// `If-Match` names another version than the current one.
    PRECONDITION_FAILED = "precondition-failed", PRECONDITION_FAILED, "It was changed in the meantime";
    /// `If-Match` is missing.
    PRECONDITION_REQUIRED = "precondition-required", PRECONDITION_REQUIRED, "Say which version you are changing";
    /// The body is larger than this route takes.
    TOO_LARGE = "too-large", PAYLOAD_TOO_LARGE, "The request is too large";
    /// The body is not of a type that this route reads.
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "This type of content is not supported here";
    /// Too many requests from this caller.
    TOO_MANY_REQUESTS = "too-many-requests", TOO_MANY_REQUESTS, "Too many requests";
    /// A defect of ours; the log has the cause under the trace id.
    INTERNAL = "internal-error", INTERNAL_SERVER_ERROR, "Something went wrong on our side";
    /// Something this request needs is away or overloaded.
    UNAVAILABLE = "unavailable", SERVICE_UNAVAILABLE, "Not available right now";
    /// The gateway's upstream did not answer in time.
    TIMEOUT = "timeout", GATEWAY_TIMEOUT, "No answer in time";
}

/// One value that is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Where in the body, as a JSON pointer (RFC 6901); for a query, the parameter's name after `?`.
    #[schema(example = "/price/amount")]
    pub pointer: String,
    /// What to do about it.
    pub detail: String,
}

/// An error as it is answered. Build one with [`ProblemType::detail`] or [`Problem::from`].
#[derive(Debug, Clone)]
pub struct Problem {
    kind: ProblemType,
    detail: Option<Cow<'static, str>>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The body of an error (RFC 9457, `application/problem+json`).
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument<'a> {
    /// Identifies the kind of problem; documented and stable.
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    kind: String,
    /// The same for every occurrence of the kind.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What happened this time and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    /// The values that are not acceptable, for a 422.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl Problem {
    /// The kind of this problem.
    #[must_use]
    pub fn kind(&self) -> ProblemType {
        self.kind
    }

    /// What happened this time, if that was told.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The headers that go with the answer.
    #[must_use]
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    /// A 422 that lists the values which are not acceptable.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self { errors, ..INVALID.detail("correct the values listed in `errors` and send the request again") }
    }

    /// A 422 for one value.
    pub fn invalid_field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { pointer: pointer.into(), detail: detail.into() }])
    }

    /// A failure of ours. It is logged here, once; the caller learns nothing but the trace id of the answer.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = %Chain(error), "request failed");
        Self::from(INTERNAL)
    }

    /// Something this request needs is away. It is logged here, once; the caller may try again.
    pub fn unavailable(what: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::warn!(dependency = what, error = %Chain(error), "dependency unavailable");
        UNAVAILABLE.detail("try again in a moment").retry_after(1)
    }

    /// Adds `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl From<ProblemType> for Problem {
    fn from(kind: ProblemType) -> Self {
        Self { kind, detail: None, errors: Vec::new(), headers: Vec::new() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.slug, self.detail.as_deref().unwrap_or(self.kind.title))
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = ProblemDocument {
            kind: format!("{TYPE_BASE}{}", self.kind.slug),
            title: self.kind.title,
            status: self.kind.status.as_u16(),
            detail: self.detail.as_deref(),
            errors: &self.errors,
        };
        // Only strings and numbers: this can't fail, and an empty body would show if it did.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (self.kind.status, body).into_response();
        let headers = response.headers_mut();
        headers.extend(self.headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, Keep::Nothing.value());
        response
    }
}

/// Writes an error with its causes on one line.
pub struct Chain<'a>(pub &'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.0.to_string();
        f.write_str(&last)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            // Many libraries repeat the cause in their own text; once is enough.
            let text = error.to_string();
            if !last.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            last = text;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_problem_has_the_form_of_rfc_9457() {
        let response = Problem::invalid_field("/name", "must not be empty").retry_after(3).into_response();
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[header::RETRY_AFTER], "3");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["type"], "https://courseplatform.dev/problems/invalid-request");
        assert_eq!(body["errors"][0]["pointer"], "/name");
    }

    #[test]
    fn slugs_are_unique() {
        let mut slugs: Vec<_> = COMMON.iter().map(|kind| kind.slug).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), COMMON.len());
    }
}
