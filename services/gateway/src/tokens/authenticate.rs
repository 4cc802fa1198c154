//! The phase *authenticate*: from a bearer token to a caller. The signature is checked once a token, by the
//! check that all services have; here is only what one thread remembers of it.

use std::rc::Rc;
use std::time::{Duration, Instant};

use http::{HeaderMap, header};
use platform_auth::{CLOCK_DIFFERENCE, Rejection};

use super::exchange::digest;
use super::{Caller, Callers, Tokens};

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
) -> Result<Rc<Caller>, Rejection> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        // None, or more than one: the common check says what that means.
        return tokens.authenticator.authenticate(headers).await.and(Err(Rejection::Missing));
    };
    let digest = digest(value.as_bytes());
    let known = callers.0.borrow_mut().get(&digest);
    if let Some(known) = known.filter(|it| it.checked.elapsed() < TRUSTED && !is_over(it)) {
        return Ok(known);
    }
    let verified = match tokens.authenticator.authenticate(headers).await {
        Ok(verified) => verified,
        Err(rejection) => {
            callers.0.borrow_mut().remove(&digest);
            return Err(rejection);
        }
    };
    let slots = callers.0.borrow_mut().get(&digest).map(|it| it.slots.clone()).unwrap_or_default();
    let caller = Rc::new(Caller { verified, digest, checked: Instant::now(), slots });
    callers.0.borrow_mut().put(digest, caller.clone());
    Ok(caller)
}

fn is_over(caller: &Caller) -> bool {
    caller.verified.claims().exp.saturating_add(CLOCK_DIFFERENCE) <= super::exchange::now_seconds()
}
