//! The authenticated caller as a handler's argument.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use platform_http::{Problem, problem};
use uuid::Uuid;

use crate::{AccessToken, Rejection, Role, Scope, Subject, Verified};

/// The user who calls. Taking it as an argument makes a route demand a user's valid token with the scope `S`.
/// `Option<Caller<S>>` is for routes that are open to everybody and show more to some: whoever has no such
/// token is a visitor.
#[derive(Debug, Clone)]
pub struct Caller<S> {
    /// The user's id (`sub`).
    pub subject: Uuid,
    token: Arc<Verified>,
    scope: PhantomData<fn() -> S>,
}

impl<S> Caller<S> {
    /// Passes when the caller owns the thing. Somebody else's thing answers 404, as if it were not there.
    ///
    /// # Errors
    /// A 404 for everybody but the owner.
    pub fn must_own(&self, owner: Uuid) -> Result<(), Problem> {
        if self.subject == owner { Ok(()) } else { Err(Problem::from(problem::NOT_FOUND)) }
    }

    /// Whether the caller has this role. Scopes that need a role are given with it only.
    #[must_use]
    pub fn has_role(&self, role: Role) -> bool {
        self.token.claims().roles.contains(&role)
    }

    /// Everything that the token says.
    #[must_use]
    pub fn claims(&self) -> &AccessToken {
        self.token.claims()
    }
}

/// The component that calls on its own behalf. Taking it as an argument makes a route demand a service's valid
/// token with the scope `S`; a user's is refused.
#[derive(Debug, Clone)]
pub struct Service<S> {
    token: Arc<Verified>,
    scope: PhantomData<fn() -> S>,
}

impl<S> Service<S> {
    /// Which client calls: a component's name.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.token.claims().client_id
    }
}

impl<T: Send + Sync, S: Scope> FromRequestParts<T> for Caller<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &T) -> Result<Self, Self::Rejection> {
        let token = token(parts)?;
        let Subject::User(subject) = token.subject() else { return Err(Rejection::NotAUser.into()) };
        demand::<S>(&token)?;
        Ok(Self { subject, token, scope: PhantomData })
    }
}

impl<T: Send + Sync, S: Scope> OptionalFromRequestParts<T> for Caller<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Option<Self>, Self::Rejection> {
        // A wrong token does not come this far: the layer refuses it.
        Ok(<Self as FromRequestParts<T>>::from_request_parts(parts, state).await.ok())
    }
}

impl<T: Send + Sync, S: Scope> FromRequestParts<T> for Service<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &T) -> Result<Self, Self::Rejection> {
        let token = token(parts)?;
        if token.subject() != Subject::Service {
            return Err(Rejection::NotAService.into());
        }
        demand::<S>(&token)?;
        Ok(Self { token, scope: PhantomData })
    }
}

/// What the layer found out. Routes without the layer accept nobody.
fn token(parts: &Parts) -> Result<Arc<Verified>, Rejection> {
    parts.extensions.get::<Arc<Verified>>().cloned().ok_or(Rejection::Missing)
}

fn demand<S: Scope>(token: &Verified) -> Result<(), Rejection> {
    if token.claims().scope.contains(S::NAME) { Ok(()) } else { Err(Rejection::InsufficientScope(S::NAME)) }
}
