//! What the routes of accounts demand of their caller.

use http::{HeaderValue, header};
use platform_auth::Caller;
use platform_auth::scope::{AccountManage, IdentityAdmin};
use platform_http::{Problem, problem};
use uuid::Uuid;

/// Somebody who manages their own account.
pub(super) type Own = Caller<AccountManage>;
/// An administrator.
pub(super) type Admin = Caller<IdentityAdmin>;

/// How long ago the password may have been given for what can't be undone, in seconds.
const RECENTLY: i64 = 5 * 60;
/// RFC 9470 §3: what the client has to ask for.
const CHALLENGE: HeaderValue =
    HeaderValue::from_static(r#"Bearer error="insufficient_user_authentication", max_age="300""#);

/// The session in which the token was given, when there is one.
pub(super) fn session(caller: &Own) -> Option<Uuid> {
    caller.claims().sid
}

/// Passes when the password was given within the last five minutes: what can't be undone is not done with a
/// token that somebody found.
pub(super) fn signed_in_recently(caller: &Own) -> Result<(), Problem> {
    let now = platform_service::now().unix_timestamp();
    if caller.claims().auth_time.is_some_and(|at| now - at <= RECENTLY) {
        return Ok(());
    }
    let detail = "sign in again: the password must have been given within the last 5 minutes";
    Err(problem::UNAUTHENTICATED.detail(detail).header(header::WWW_AUTHENTICATE, CHALLENGE))
}
