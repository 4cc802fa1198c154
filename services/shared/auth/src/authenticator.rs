//! From a bearer token to a caller.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, header};
use platform_http::Problem;

use crate::cache::{self, VerifiedTokens};
use crate::token::{self, Expected, Invalid};
use crate::{Keys, LONGEST_TOKEN, Rejection, Verified};

/// Checks access tokens of one issuer, for one audience. Cheap to clone; clones share what they checked.
#[derive(Clone, Debug)]
pub struct Authenticator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    expected: Expected,
    keys: Keys,
    checked: VerifiedTokens,
}

impl Authenticator {
    /// Accepts tokens of `issuer` for `audience` that are signed with one of `keys`.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>, keys: Keys) -> Self {
        Self::expecting(Expected { issuer: issuer.into(), audience: Some(audience.into()) }, keys)
    }

    /// Accepts tokens of `issuer` for whatever audience: for who passes tokens on or tells about them. The
    /// audience of what it accepts is still to be looked at.
    #[must_use]
    pub fn for_any_audience(issuer: impl Into<String>, keys: Keys) -> Self {
        Self::expecting(Expected { issuer: issuer.into(), audience: None }, keys)
    }

    fn expecting(expected: Expected, keys: Keys) -> Self {
        Self(Arc::new(Inner { expected, keys, checked: VerifiedTokens::default() }))
    }

    /// Checks a token. One whose key is not known waits for one look at the provider, if that is due.
    ///
    /// # Errors
    /// [`Rejection::Invalid`], or [`Rejection::NoKeys`] when it can't be checked.
    pub async fn verify(&self, token: &str) -> Result<Arc<Verified>, Rejection> {
        match self.verify_now(token) {
            Err(Rejection::Invalid(Invalid::UnknownKey)) => {
                self.0.keys.refetch().await;
                self.verify_now(token)
            }
            other => other,
        }
    }

    /// Checks a token with the keys that are there.
    ///
    /// # Errors
    /// As [`Authenticator::verify`].
    pub fn verify_now(&self, token: &str) -> Result<Arc<Verified>, Rejection> {
        let Inner { expected, keys, checked } = &*self.0;
        if token.len() > LONGEST_TOKEN {
            return Err(Invalid::Malformed.into());
        }
        let keys = keys.current().ok_or(Rejection::NoKeys)?;
        let (hash, now) = (cache::hash(token), now());
        if let Some(verified) = checked.get(&hash, &keys, now) {
            return Ok(verified);
        }
        let verified = Arc::new(token::verify(token, &keys, expected, now)?);
        checked.put(hash, Arc::clone(&verified));
        Ok(verified)
    }

    /// Checks the `Authorization` header: one, with one bearer token (RFC 6750 §2.1). Tokens anywhere else are
    /// not looked for.
    ///
    /// # Errors
    /// [`Rejection`], without any part of the token.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Verified>, Rejection> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().ok_or(Rejection::Missing)?;
        if values.next().is_some() {
            return Err(Invalid::Malformed.into());
        }
        self.verify(bearer(value)?).await
    }

    /// Whether the token was checked before and is still good, so that [`Authenticator::authenticate`] looks at no
    /// signature: for who must save the work of looking at new ones.
    #[must_use]
    pub fn knows(&self, headers: &HeaderMap) -> bool {
        let Inner { keys, checked, .. } = &*self.0;
        let token = headers.get(header::AUTHORIZATION).and_then(|value| bearer(value).ok());
        let (Some(token), Some(keys)) = (token, keys.current()) else { return false };
        checked.get(&cache::hash(token), &keys, now()).is_some()
    }

    /// Surrounds routes: a request with a wrong token is refused whatever it asks for, a good one has its
    /// [`Caller`](crate::Caller) or [`Service`](crate::Service), and what needs one is up to each route.
    pub fn protect(&self, routes: Router) -> Router {
        routes.layer(middleware::from_fn_with_state(self.clone(), authenticate))
    }
}

async fn authenticate(
    State(authenticator): State<Authenticator>,
    mut request: Request,
    next: Next,
) -> Response {
    match authenticator.authenticate(request.headers()).await {
        Ok(verified) => drop(request.extensions_mut().insert(verified)),
        Err(Rejection::Missing) => {}
        Err(rejection) => {
            tracing::debug!(%rejection, "token refused");
            return Problem::from(rejection).into_response();
        }
    }
    next.run(request).await
}

/// The token of `Bearer <token>`; the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(value: &HeaderValue) -> Result<&str, Rejection> {
    let Ok(value) = value.to_str() else { return Err(Invalid::Malformed.into()) };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Rejection::Missing);
    }
    Ok(token.trim_matches(' '))
}

fn now() -> i64 {
    // A clock before 1970 accepts nothing: every token is of the future.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
