//! What has to happen before a client gets a code: nothing, a sign-in, or consent. No I/O.

use time::OffsetDateTime;
use uuid::Uuid;

use super::request::AuthorizationRequest;
use crate::oauth::Scopes;
use crate::sessions::Session;

/// How long the sign-in page may be open before its sign-in does not count as the one that was asked for.
const PATIENCE: i64 = 10 * 60;

/// Whether somebody has to give the password (again): nobody is signed in, the client wants it (`prompt`), it was
/// too long ago (`max_age`), or somebody else is expected (`id_token_hint`).
pub(super) fn needs_sign_in(
    request: &AuthorizationRequest,
    session: Option<&Session>,
    expected: Option<Uuid>,
    now: OffsetDateTime,
) -> bool {
    let Some(session) = session else { return true };
    if expected.is_some_and(|expected| expected != session.account_id) {
        return true;
    }
    let (auth_time, now) = (session.auth_time.unix_timestamp(), now.unix_timestamp());
    // They come back from the sign-in page to which this sent them. The time in the address is not secret and
    // proves nothing: whoever can change it sits in front of the browser, and clients look at `auth_time`.
    if let Some(after) = request.signed_in_after {
        if auth_time < after {
            return true;
        }
        if after >= now.saturating_sub(PATIENCE) {
            return false;
        }
    }
    request.prompt.sign_in || request.max_age.is_some_and(|age| auth_time.saturating_add(age) < now)
}

/// Whether the person has to agree: always when the client wants to ask or anybody could be it, else once for what
/// is new to a client that is not ours.
pub(super) fn needs_consent(request: &AuthorizationRequest, given: Option<&Scopes>) -> bool {
    let client = &request.recipient.client;
    let covered = || given.is_some_and(|given| given.covers(&request.scopes));
    // RFC 8252 §8.6: an app without a secret proves who it is by nothing but an https address that is its own.
    let anybody = || client.public && !request.recipient.redirect_uri.starts_with("https://");
    request.prompt.consent || (!client.first_party && (anybody() || !covered()))
}
