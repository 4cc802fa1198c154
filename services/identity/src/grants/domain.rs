//! What clients were given: codes, and families of refresh tokens. No I/O.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::accounts::Roles;
use crate::oauth::{Hash, Scopes, Secret, equal, random, sha256};
use crate::sessions::Methods;

/// The scope with which a grant outlives its session (OpenID Connect Core §11).
const OFFLINE: &str = "offline_access";

/// What an authorization code stands for (RFC 6749 §4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) account_id: Uuid,
    pub(crate) session_id: Uuid,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Scopes,
    pub(crate) nonce: Option<String>,
    /// S256 of the verifier (RFC 7636 §4.2).
    pub(crate) challenge: String,
    pub(crate) auth_time: OffsetDateTime,
    pub(crate) methods: Methods,
    pub(crate) issued_at: OffsetDateTime,
    pub(crate) expires_at: OffsetDateTime,
    pub(crate) used_at: Option<OffsetDateTime>,
    /// What it was exchanged for.
    pub(crate) family_id: Option<Uuid>,
}

/// A chain of refresh tokens, of which the last one is valid; or, for a client without refresh tokens, what its
/// access tokens end with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Family {
    pub(crate) id: Uuid,
    pub(crate) client_id: String,
    pub(crate) account_id: Uuid,
    /// Absent when it came from the password grant.
    pub(crate) session_id: Option<Uuid>,
    pub(crate) scopes: Scopes,
    pub(crate) auth_time: OffsetDateTime,
    /// How its user had signed in.
    pub(crate) methods: Methods,
    pub(crate) current: Hash,
    pub(crate) previous: Option<Hash>,
    pub(crate) salt: Option<Hash>,
    pub(crate) rotated_at: OffsetDateTime,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) idle_until: OffsetDateTime,
    pub(crate) expires_at: OffsetDateTime,
    pub(crate) revoked_at: Option<OffsetDateTime>,
}

/// The next token of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rotation {
    pub(crate) from: Hash,
    pub(crate) to: Hash,
    pub(crate) salt: Hash,
    pub(crate) at: OffsetDateTime,
    pub(crate) idle_until: OffsetDateTime,
}

/// Who holds a grant, as it is now. There is none when the account is locked or gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) roles: Roles,
    pub(crate) email_verified: bool,
    /// Whether the session of the grant neither ended nor expired; false when it has none.
    pub(crate) session_active: bool,
}

/// A refresh token as the client has it: 128 random bits that stay the same, and 256 that change.
///
/// The family's id is the hash of the first part, and access tokens name the family by it. So nobody who sees
/// one of those can make up what looks like an old refresh token, which would end the family.
pub(crate) struct RefreshToken {
    handle: [u8; HANDLE],
    pub(crate) secret: Secret,
}

const HANDLE: usize = 16;
/// 48 bytes in base64url.
const ENCODED: usize = 64;

impl RefreshToken {
    /// The first token of a new family.
    pub(crate) fn new() -> Self {
        Self { handle: random(), secret: Secret::new() }
    }

    /// The same family's token with another secret.
    pub(crate) fn with(&self, secret: Secret) -> Self {
        Self { handle: self.handle, secret }
    }

    /// Its family's id.
    pub(crate) fn family(&self) -> Uuid {
        let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = sha256(&self.handle);
        uuid::Builder::from_random_bytes(id).into_uuid()
    }

    /// base64url of both parts.
    pub(crate) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode([self.handle.as_slice(), self.secret.bytes()].concat())
    }

    /// Back from what a client sends.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        if text.len() != ENCODED {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (handle, secret) = bytes.split_at_checked(HANDLE)?;
        Some(Self { handle: handle.try_into().ok()?, secret: Secret::from_bytes(secret.try_into().ok()?) })
    }
}

/// What a refresh token that somebody sends is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The valid one.
    Current,
    /// The one before, while its successor was not used: the answer with it may have been lost.
    JustReplaced,
    /// One that was replaced: somebody has a copy (RFC 9700 §4.14.2).
    Reused,
}

impl Family {
    /// What `secret` is worth at `now`.
    pub(crate) fn standing(&self, secret: &Secret, grace: Duration, now: OffsetDateTime) -> Standing {
        let hash = secret.hash();
        if equal(&hash, &self.current) {
            return Standing::Current;
        }
        let replaced = self.previous.is_some_and(|previous| equal(&previous, &hash));
        if replaced && now - self.rotated_at <= grace { Standing::JustReplaced } else { Standing::Reused }
    }

    /// Whether it can give tokens at `now`.
    pub(crate) fn is_alive(&self, now: OffsetDateTime) -> bool {
        self.revoked_at.is_none() && now < self.idle_until && now < self.expires_at
    }

    /// Whether its session goes on, or it may outlive it.
    pub(crate) fn is_held_by(&self, holder: &Holder) -> bool {
        self.session_id.is_none() || holder.session_active || self.scopes.contains(OFFLINE)
    }
}

/// The successor of a token: whoever has the token and sees the salt gets the same one again.
pub(crate) fn successor(secret: &Secret, salt: &Hash) -> Secret {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), secret.bytes());
    let mut bytes = Hash::default();
    bytes.copy_from_slice(tag.as_ref());
    Secret::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;
    const GRACE: Duration = Duration::seconds(30);

    fn family(current: &Secret, previous: &Secret) -> Family {
        Family {
            id: Uuid::nil(),
            client_id: "web".to_owned(),
            account_id: Uuid::nil(),
            session_id: None,
            scopes: Scopes::default(),
            auth_time: NOW,
            methods: Methods::Password,
            current: current.hash(),
            previous: Some(previous.hash()),
            salt: Some([7; 32]),
            rotated_at: NOW,
            created_at: NOW,
            idle_until: NOW + Duration::HOUR,
            expires_at: NOW + Duration::DAY,
            revoked_at: None,
        }
    }

    #[test]
    fn the_token_before_is_forgiven_for_the_grace_and_older_ones_never() {
        let (older, previous) = (Secret::new(), Secret::new());
        let current = successor(&previous, &[7; 32]);
        let family = family(&current, &previous);
        assert_eq!(family.standing(&current, GRACE, NOW + Duration::DAY), Standing::Current);
        assert_eq!(family.standing(&previous, GRACE, NOW + GRACE), Standing::JustReplaced);
        assert_eq!(family.standing(&previous, GRACE, NOW + GRACE + Duration::SECOND), Standing::Reused);
        assert_eq!(family.standing(&older, GRACE, NOW), Standing::Reused);
    }

    #[test]
    fn a_family_ends_when_it_idles_when_it_is_old_and_when_it_is_revoked() {
        let family = family(&Secret::new(), &Secret::new());
        assert!(family.is_alive(NOW) && !family.is_alive(NOW + Duration::HOUR));
        assert!(!Family { expires_at: NOW, ..family.clone() }.is_alive(NOW));
        assert!(!Family { revoked_at: Some(NOW), ..family }.is_alive(NOW));
    }

    #[test]
    fn a_refresh_token_has_one_spelling() {
        let token = RefreshToken::new();
        let text = token.encode();
        let back = RefreshToken::decode(&text).unwrap();
        assert!(back.family() == token.family() && back.secret == token.secret);
        assert_eq!(token.with(Secret::new()).family(), token.family());
        for wrong in ["", "AAAA", &text[1..], &format!("{text}A"), &text.replace(&text[..1], "*")] {
            assert!(RefreshToken::decode(wrong).is_none(), "{wrong}");
        }
    }
}
