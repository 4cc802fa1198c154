//! The phase *authenticate*: from a bearer token to a caller. The signature is checked once a token, by the
//! check that all services have; here is only what one thread remembers of it.

use std::rc::Rc;
use std::time::Duration;

use http::{HeaderMap, header};
use platform_auth::{CLOCK_DIFFERENCE, Rejection};

use super::exchange::digest;
use super::{Caller, Callers, Tokens};
use crate::clock::Moment;

/// How long a thread trusts its own memory: a key that was removed is refused at most so much later.
const TRUSTED: Duration = Duration::from_secs(5);

/// Who calls.
///
/// # Errors
/// [`Rejection`], without any part of the token.
pub(super) async fn caller(
    callers: &Callers,
    tokens: &Tokens,
    headers: &HeaderMap,
    now: Moment,
) -> Result<Rc<Caller>, Rejection> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        // None, or more than one: the common check says what that means.
        let rejected = Box::pin(tokens.authenticator.authenticate(headers));
        return rejected.await.and(Err(Rejection::Missing));
    };
    let known = callers.0.borrow_mut().get(value.as_bytes());
    let fresh = |it: &Rc<Caller>| now.instant.saturating_duration_since(it.checked) < TRUSTED;
    if let Some(known) = known.filter(|it| fresh(it) && !is_over(it, now)) {
        return Ok(known);
    }
    // Seldom, so it must not make every request's state larger.
    let checked = Box::pin(tokens.authenticator.authenticate(headers));
    let verified = match checked.await {
        Ok(verified) => verified,
        Err(rejection) => {
            callers.0.borrow_mut().remove(value.as_bytes());
            return Err(rejection);
        }
    };
    let slots = callers.0.borrow_mut().get(value.as_bytes()).map(|it| it.slots.clone()).unwrap_or_default();
    let digest = digest(value.as_bytes());
    let caller = Rc::new(Caller { verified, digest, checked: now.instant, slots });
    callers.0.borrow_mut().put(value.as_bytes().into(), caller.clone());
    Ok(caller)
}

pub(super) fn is_over(caller: &Caller, now: Moment) -> bool {
    let seconds = i64::try_from(now.unix.as_secs()).unwrap_or(i64::MAX);
    caller.verified.claims().exp.saturating_add(CLOCK_DIFFERENCE) <= seconds
}
