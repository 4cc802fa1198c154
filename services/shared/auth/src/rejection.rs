//! Why a request has no caller, as it is answered (RFC 6750 §3).

use http::{HeaderValue, StatusCode, header};
use platform_http::Problem;
use platform_http::problem::{self, ProblemType};

use crate::token::Invalid;

/// The token is valid, and not for this.
pub const INSUFFICIENT_SCOPE: ProblemType =
    ProblemType::new("insufficient-scope", StatusCode::FORBIDDEN, "The token is not for this");

/// Keys that are not there yet are about to be.
const KEYS_RETRY_SECONDS: u32 = 1;

/// Why there is no caller. Nothing of the token is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No `Authorization` header, or none with a bearer token.
    #[error("no bearer token")]
    Missing,
    /// A token that is not valid here.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A valid token without the scope that the route demands.
    #[error("the token lacks the scope {0}")]
    InsufficientScope(&'static str),
    /// A service's token where a user is needed.
    #[error("this is for users, and the token is a service's")]
    NotAUser,
    /// A user's token where a service is needed.
    #[error("this is for services, and the token is a user's")]
    NotAService,
    /// No token can be checked: the keys were never loaded, or are too old.
    #[error("the keys of tokens are not there")]
    NoKeys,
}

impl Rejection {
    /// The challenge that tells a client what to do (RFC 6750 §3.1).
    fn challenge(self) -> Option<HeaderValue> {
        let text = match self {
            Self::Missing => "Bearer".to_owned(),
            Self::Invalid(invalid) => {
                format!(r#"Bearer error="invalid_token", error_description="{invalid}""#)
            }
            Self::InsufficientScope(scope) => {
                format!(r#"Bearer error="insufficient_scope", scope="{scope}""#)
            }
            Self::NotAUser | Self::NotAService => r#"Bearer error="insufficient_scope""#.to_owned(),
            Self::NoKeys => return None,
        };
        HeaderValue::try_from(text).ok()
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let problem = match rejection {
            Rejection::Missing => problem::UNAUTHENTICATED.detail("send `Authorization: Bearer …`"),
            Rejection::Invalid(invalid) => problem::UNAUTHENTICATED.detail(invalid.to_string()),
            Rejection::InsufficientScope(scope) => {
                INSUFFICIENT_SCOPE.detail(format!("this needs a token with the scope {scope}"))
            }
            Rejection::NotAUser | Rejection::NotAService => INSUFFICIENT_SCOPE.detail(rejection.to_string()),
            Rejection::NoKeys => problem::UNAVAILABLE
                .detail("tokens can't be checked yet, try again")
                .retry_after(KEYS_RETRY_SECONDS),
        };
        match rejection.challenge() {
            Some(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
            None => problem,
        }
    }
}
