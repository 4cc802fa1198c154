//! Errors as OAuth 2.0 has them: `{"error": …, "error_description": …}` (RFC 6749 §5.2).

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::parameters::ParameterError;

/// An error for a client. Its description is for the client's developer: ASCII without quotes (RFC 6749 §5.2),
/// and never anything that was sent.
#[derive(Debug, Clone)]
pub(crate) struct OAuthError {
    status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) description: Cow<'static, str>,
    header: Option<(HeaderName, HeaderValue)>,
}

/// The body of an error (RFC 6749 §5.2).
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = OAuthError)]
pub(crate) struct ErrorBody<'a> {
    /// A code that the specifications define.
    #[schema(example = "invalid_request")]
    error: &'a str,
    /// For the client's developer.
    error_description: &'a str,
}

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        impl OAuthError {
            $($(#[$doc])*
            pub(crate) fn $name(description: impl Into<Cow<'static, str>>) -> Self {
                Self::new(stringify!($name), description)
            })*
        }
    };
}

errors! {
    /// The request is not one that can be answered (RFC 6749 §5.2, RFC 8693 §2.2.2 for tokens).
    invalid_request;
    /// A code, refresh token or password that is wrong, used, expired or somebody else's (RFC 6749 §5.2).
    invalid_grant;
    /// The client may not use this grant (RFC 6749 §5.2).
    unauthorized_client;
    /// There is no such grant here (RFC 6749 §5.2).
    unsupported_grant_type;
    /// The scopes are unknown, malformed or more than there is (RFC 6749 §5.2).
    invalid_scope;
    /// The audience is unknown or not one (RFC 8693 §2.2.2).
    invalid_target;
}

impl OAuthError {
    fn new(code: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, description: description.into(), header: None }
    }

    /// The client is unknown or did not prove who it is: 401 with a challenge (RFC 6749 §5.2).
    pub(crate) fn invalid_client(description: &'static str) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            header: Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"identity\""))),
            ..Self::new("invalid_client", description)
        }
    }

    /// Something of ours is away; the code is that of RFC 6749 §4.1.2.1. It is logged here, once.
    pub(crate) fn unavailable(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::warn!(error = %platform_http::problem::Chain(error), "a request can't be answered now");
        Self::busy()
    }

    /// Too much to do right now.
    pub(crate) fn busy() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            header: Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            ..Self::new("temporarily_unavailable", "try again in a moment")
        }
    }

    /// Too many failures: the same answer as a wrong password, but later.
    pub(crate) fn try_later(seconds: u32) -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            header: Some((header::RETRY_AFTER, HeaderValue::from(seconds))),
            ..Self::new("invalid_grant", "too many failed attempts, try again later")
        }
    }
}

impl From<ParameterError> for OAuthError {
    fn from(error: ParameterError) -> Self {
        let status = match error {
            ParameterError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, ..Self::invalid_request(error.to_string()) }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let body = ErrorBody { error: self.code, error_description: &self.description };
        let mut response = (self.status, no_store(), axum::Json(body)).into_response();
        response.headers_mut().extend(self.header);
        response
    }
}

/// What an answer with a token or about one says (RFC 6749 §5.1).
pub(crate) fn no_store() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers
}
