//! The phase *authenticate*: from a bearer token to a caller. The signature is checked once a token, by the
//! check that all services have; here is only what one thread remembers of it.

use std::rc::Rc;
use std::time::Duration;

use http::{HeaderMap, header};
use platform_auth::{CLOCK_DIFFERENCE, Invalid, Rejection};
use platform_http::Problem;

use super::exchange::digest;
use super::{Caller, Callers, Tokens};
use crate::clock::Moment;
use crate::limit;

/// How long a thread trusts its own memory: a key that was removed is refused at most so much later.
const TRUSTED: Duration = Duration::from_secs(5);

/// Why there is no caller.
pub(super) enum Refused {
    /// Nothing of the token is in it.
    Token(Rejection),
    /// It was not looked at: too many wrong ones came from the same address.
    Unread(Box<Problem>),
}

/// Who calls, from `address`.
///
/// # Errors
/// [`Refused`].
pub(super) async fn caller(
    callers: &Callers,
    tokens: &Tokens,
    headers: &HeaderMap,
    address: limit::Address<'_>,
    now: Moment,
) -> Result<Rc<Caller>, Refused> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        // None, or more than one: the common check says what that means.
        let rejected = Box::pin(tokens.authenticator.authenticate(headers));
        return Err(Refused::Token(rejected.await.err().unwrap_or(Rejection::Missing)));
    };
    let known = callers.known.borrow_mut().get(value.as_bytes());
    let fresh = |it: &Rc<Caller>| now.instant.saturating_duration_since(it.checked) < TRUSTED;
    if let Some(known) = known.filter(|it| fresh(it) && !is_over(it, now)) {
        return Ok(known);
    }
    let digest = digest(value.as_bytes());
    if callers.expired.borrow_mut().get(&digest).is_some() {
        return Err(Refused::Token(Invalid::Expired.into()));
    }
    if let Some(spent) = address.is_spent()
        && !tokens.authenticator.knows(headers)
    {
        return Err(Refused::Unread(Box::new(address.refuse(&spent))));
    }
    // Seldom, so it must not make every request's state larger.
    let checked = Box::pin(tokens.authenticator.authenticate(headers));
    let verified = match checked.await {
        Ok(verified) => verified,
        Err(rejection) => {
            callers.known.borrow_mut().remove(value.as_bytes());
            match rejection {
                Rejection::Invalid(Invalid::Expired) => callers.expired.borrow_mut().put(digest, ()),
                Rejection::Invalid(_) => address.charge(),
                _ => {}
            }
            return Err(Refused::Token(rejection));
        }
    };
    let slots =
        callers.known.borrow_mut().get(value.as_bytes()).map(|it| it.slots.clone()).unwrap_or_default();
    let caller = Rc::new(Caller { verified, digest, checked: now.instant, slots });
    callers.known.borrow_mut().put(value.as_bytes().into(), caller.clone());
    Ok(caller)
}

pub(super) fn is_over(caller: &Caller, now: Moment) -> bool {
    let seconds = i64::try_from(now.unix.as_secs()).unwrap_or(i64::MAX);
    caller.verified.claims().exp.saturating_add(CLOCK_DIFFERENCE) <= seconds
}
