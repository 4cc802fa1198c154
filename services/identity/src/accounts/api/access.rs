//! What the routes of accounts demand of their caller: a token that is good now, and not only one that was when it
//! was signed. The gateway passes it as it is, so nobody else has asked.

use std::sync::Arc;

use axum::Router;
use axum::extract::{self, FromRequestParts, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderValue, header};
use platform_auth::scope::{AccountManage, IdentityAdmin};
use platform_auth::{Caller, Rejection, Scope as _, Verified};
use platform_http::{Problem, problem};
use uuid::Uuid;

use super::State;
use super::problems::OWN_ACCOUNT;
use crate::accounts::domain::Account;
use crate::grants::{TokenState, TokenStates};

/// Somebody who manages their own account.
pub(super) type Own = Caller<AccountManage>;
/// An administrator: by the token's scope, and by the account as it is now. A role that was taken away counts at
/// once, or its holder could give it back.
pub(super) struct Admin {
    subject: Uuid,
}

impl Admin {
    /// Who it is.
    pub(super) fn id(&self) -> Uuid {
        self.subject
    }

    /// Passes when the account is somebody else's: nobody locks themselves out.
    pub(super) fn is_not(&self, account: Uuid) -> Result<(), Problem> {
        if self.subject == account {
            return Err(OWN_ACCOUNT.detail("ask another administrator"));
        }
        Ok(())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let caller = <Caller<IdentityAdmin> as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        match parts.extensions.get() {
            Some(TokenState::User(holder)) if holder.roles.admin => Ok(Self { subject: caller.subject }),
            _ => Err(Rejection::InsufficientScope(IdentityAdmin::NAME).into()),
        }
    }
}

/// Surrounds routes, inside of the layer that checks signatures: a token that has ended (revoked, signed out, its
/// user locked or gone) is refused whatever it asks for.
pub(crate) fn refuse_ended(routes: Router, states: TokenStates) -> Router {
    routes.layer(middleware::from_fn_with_state(states, still_good))
}

async fn still_good(
    extract::State(states): extract::State<TokenStates>,
    mut request: Request,
    next: Next,
) -> Response {
    let token = request.extensions().get::<Arc<Verified>>().cloned();
    if let Some(token) = token {
        match states.now(&token, platform_service::now()).await {
            Ok(TokenState::Ended) => {
                let challenge = HeaderValue::from_static(r#"Bearer error="invalid_token""#);
                let problem = problem::UNAUTHENTICATED.detail("the token is not valid any more");
                return problem.header(header::WWW_AUTHENTICATE, challenge).into_response();
            }
            Ok(state) => drop(request.extensions_mut().insert(state)),
            Err(error) => return Problem::unavailable("database", &error).into_response(),
        }
    }
    next.run(request).await
}

/// How long ago the password may have been given for what can't be undone, in seconds.
const RECENTLY: i64 = 5 * 60;
/// RFC 9470 §3: what the client has to ask for.
const CHALLENGE: HeaderValue =
    HeaderValue::from_static(r#"Bearer error="insufficient_user_authentication", max_age="300""#);

/// Somebody who manages their own account and has given the password within the last five minutes: what can't be
/// undone is not done with a token that somebody found.
pub(super) struct Recent {
    pub(super) account: Account,
    /// The session in which the token was given, when there is one.
    pub(super) session: Option<Uuid>,
}

impl FromRequestParts<State> for Recent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Self::Rejection> {
        let caller = <Own as FromRequestParts<State>>::from_request_parts(parts, state).await?;
        let now = platform_service::now().unix_timestamp();
        if caller.claims().auth_time.is_none_or(|at| now - at > RECENTLY) {
            let detail = "sign in again: the password must have been given within the last 5 minutes";
            return Err(problem::UNAUTHENTICATED.detail(detail).header(header::WWW_AUTHENTICATE, CHALLENGE));
        }
        Ok(Self { account: state.account(caller.subject).await?, session: session(&caller) })
    }
}

/// The session in which the token was given, when there is one.
pub(super) fn session(caller: &Own) -> Option<Uuid> {
    caller.claims().sid
}
