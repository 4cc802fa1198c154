//! Checks one token: form, signature, claims (RFC 9068 §4, RFC 8725). Nothing in a token chooses how it is
//! checked: there is one type, one algorithm, and a key comes from the trusted set or not at all.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use uuid::Uuid;

use crate::key_set::VerifyingKey;
use crate::{AccessToken, KeySet};

/// Longer tokens are refused unread; ours have less than a kilobyte.
pub const LONGEST_TOKEN: usize = 8 * 1024;
/// Clocks of two machines may differ by this many seconds.
pub const CLOCK_DIFFERENCE: i64 = 30;
/// r and s (RFC 7518 §3.4).
const SIGNATURE_BYTES: usize = 64;

/// What is wrong with a token. The text may be shown and logged: nothing of the token is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is no signed JWT, or one with more or less in it than ours have.
    #[error("the token is malformed")]
    Malformed,
    /// Its `typ` is not that of an access token, so it was made for something else.
    #[error("the token is not an access token")]
    WrongType,
    /// It is signed in another way than ours, or not at all.
    #[error("the token is not signed with ES256")]
    WrongAlgorithm,
    /// Its key is not, or no longer, one of the provider's.
    #[error("the token's key is not known")]
    UnknownKey,
    /// The signature is not that of the key.
    #[error("the token's signature is wrong")]
    WrongSignature,
    /// A claim is missing or makes no sense.
    #[error("the token's claims are not those of an access token")]
    WrongClaims,
    /// Somebody else made it.
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    WrongAudience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYet,
}

/// Whom a token speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A user, with this id.
    User(Uuid),
    /// A client on its own behalf, named by `client_id`.
    Service,
}

/// A token that was checked.
#[derive(Debug)]
pub struct Verified {
    claims: AccessToken,
    subject: Subject,
    key: Arc<VerifyingKey>,
}

impl Verified {
    /// Everything that it says.
    #[must_use]
    pub fn claims(&self) -> &AccessToken {
        &self.claims
    }

    /// Whom it speaks for.
    #[must_use]
    pub fn subject(&self) -> Subject {
        self.subject
    }

    /// Whether it would still be accepted at `now`, with these keys.
    pub(crate) fn holds(&self, keys: &KeySet, now: i64) -> bool {
        !is_over(self.claims.exp, now) && keys.has(&self.key)
    }
}

/// What a token must say besides being signed.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) issuer: String,
    /// `None`: whatever it says.
    pub(crate) audience: Option<String>,
}

/// The header of our tokens, and of no others: a field that is not known here could only ask for something
/// (`crit`, `jwk`, `jku`, `x5c`, `b64`, `zip`) that is not done. Borrowed: a text with escapes is not ours.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    typ: &'a str,
    alg: &'a str,
    kid: &'a str,
}

/// Checks a token at `now`, in seconds since 1970.
pub(crate) fn verify(token: &str, keys: &KeySet, expected: &Expected, now: i64) -> Result<Verified, Invalid> {
    if token.len() > LONGEST_TOKEN {
        return Err(Invalid::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(Invalid::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(Invalid::Malformed)?;
    let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);

    let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| Invalid::Malformed)?;
    if !matches!(header.typ, "at+jwt" | "application/at+jwt") {
        return Err(Invalid::WrongType);
    }
    if header.alg != "ES256" {
        return Err(Invalid::WrongAlgorithm);
    }
    let key = keys.get(header.kid).ok_or(Invalid::UnknownKey)?;
    if signature.len() != SIGNATURE_BYTES || !key.verifies(message.as_bytes(), &signature) {
        return Err(Invalid::WrongSignature);
    }

    // Only now: what was not signed is not worth reading.
    let claims: AccessToken = serde_json::from_slice(&payload).map_err(|_| Invalid::WrongClaims)?;
    if claims.iss != expected.issuer {
        return Err(Invalid::WrongIssuer);
    }
    if expected.audience.as_ref().is_some_and(|audience| !claims.aud.contains(audience)) {
        return Err(Invalid::WrongAudience);
    }
    if is_over(claims.exp, now) {
        return Err(Invalid::Expired);
    }
    let latest = now.saturating_add(CLOCK_DIFFERENCE);
    if claims.iat > latest || claims.nbf.is_some_and(|nbf| nbf > latest) {
        return Err(Invalid::NotYet);
    }
    let subject = subject(&claims)?;
    Ok(Verified { claims, subject, key: Arc::clone(key) })
}

fn is_over(exp: i64, now: i64) -> bool {
    exp.saturating_add(CLOCK_DIFFERENCE) <= now
}

/// Base64url without padding, in its one canonical form. The alphabet has no dot, so there are three parts.
fn decode(part: &str) -> Result<Vec<u8>, Invalid> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Invalid::Malformed)
}

/// A user's id is a UUID and a client's id never is, so that neither can be taken for the other.
fn subject(claims: &AccessToken) -> Result<Subject, Invalid> {
    if claims.client_id.is_empty() || claims.jti.is_empty() {
        return Err(Invalid::WrongClaims);
    }
    if let Ok(user) = claims.sub.parse::<Uuid>() {
        // One user has one spelling, or two tokens of theirs would be two owners somewhere.
        let canonical = user.hyphenated().to_string() == claims.sub;
        return if canonical && claims.client_id != claims.sub {
            Ok(Subject::User(user))
        } else {
            Err(Invalid::WrongClaims)
        };
    }
    let of_a_user = claims.sid.is_some() || claims.auth_time.is_some() || !claims.roles.is_empty();
    if claims.sub == claims.client_id && !of_a_user {
        Ok(Subject::Service)
    } else {
        Err(Invalid::WrongClaims)
    }
}
