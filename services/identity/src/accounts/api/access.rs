//! What the routes of accounts demand of their caller.

use http::{HeaderValue, header};
use platform_auth::scope::{AccountManage, IdentityAdmin};
use platform_auth::{Caller, INSUFFICIENT_SCOPE};
use platform_http::Problem;
use uuid::Uuid;

/// How long ago the password may have been given for what can't be undone, in seconds.
const RECENTLY: i64 = 5 * 60;

/// Somebody who manages their own account.
pub(super) type Own = Caller<AccountManage>;
/// An administrator.
pub(super) type Admin = Caller<IdentityAdmin>;

/// The session in which the token was given, when there is one.
pub(super) fn session(caller: &Own) -> Option<Uuid> {
    caller.claims().sid
}

/// Passes when the password was given within the last five minutes: what can't be undone is not done with a
/// token that somebody found. The challenge is that of RFC 9470 §3.
pub(super) fn signed_in_recently(caller: &Own) -> Result<(), Problem> {
    let since = platform_service::now().unix_timestamp() - RECENTLY;
    if caller.claims().auth_time.is_some_and(|auth_time| auth_time >= since) {
        return Ok(());
    }
    let challenge = r#"Bearer error="insufficient_user_authentication", max_age="300""#;
    Err(INSUFFICIENT_SCOPE
        .detail("sign in again: this takes a sign-in within the last five minutes")
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge)))
}
