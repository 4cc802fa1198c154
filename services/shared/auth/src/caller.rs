//! The authenticated caller as a handler's argument.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use platform_http::{Problem, problem};
use uuid::Uuid;

use crate::{Authenticator, Rejection};

/// Who calls. Taking it as an argument makes a route demand a valid token; `Option<Caller>` lets visitors in
/// but still refuses a wrong token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The user's id (`sub`).
    pub subject: Uuid,
}

impl Caller {
    /// Passes when the caller owns the thing. Somebody else's thing answers 404, as if it were not there.
    ///
    /// # Errors
    /// A 404 for everybody but the owner.
    pub fn must_own(&self, owner: Uuid) -> Result<(), Problem> {
        if self.subject == owner { Ok(()) } else { Err(Problem::from(problem::NOT_FOUND)) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        // A router without the authenticator's extension accepts nobody.
        let authenticator = parts.extensions.get().copied().unwrap_or(Authenticator::Closed);
        authenticator.authenticate(&parts.headers).map_err(Problem::from)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Self::Rejection> {
        let authenticator = parts.extensions.get().copied().unwrap_or(Authenticator::Closed);
        match authenticator.authenticate(&parts.headers) {
            Ok(caller) => Ok(Some(caller)),
            Err(Rejection::Missing) => Ok(None),
            Err(Rejection::Invalid) => Err(Problem::from(Rejection::Invalid)),
        }
    }
}
