//! Keys in the form that requests use them: opened or parsed once, and kept.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, EcdsaKeyPair, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;
use tokio::sync::watch;

use super::domain::{Jwks, KeyError, StoredKey};
use super::keeper::Known;
use super::keyring::Keyring;

/// The first look at the keys takes no longer unless the database is away.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// A key that signs from a moment on.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    not_before: OffsetDateTime,
    /// Encoded once: `typ` of an access token (RFC 9068 §2.1) and of an ID token.
    access_header: String,
    id_header: String,
    pair: EcdsaKeyPair,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `at+jwt` (RFC 9068).
    Access,
    /// `JWT`.
    Id,
}

impl SigningKey {
    pub(super) fn open(key: &StoredKey, keyring: &Keyring) -> Result<Self, KeyError> {
        let header = |typ: &str| {
            URL_SAFE_NO_PAD.encode(format!(r#"{{"typ":"{typ}","alg":"ES256","kid":"{}"}}"#, key.kid))
        };
        Ok(Self {
            pair: key.open(keyring)?,
            access_header: header("at+jwt"),
            id_header: header("JWT"),
            kid: key.kid.clone(),
            not_before: key.not_before,
        })
    }

    /// A JWS in its compact form (RFC 7515 §7.1) over these claims, which are JSON.
    pub(crate) fn sign(&self, kind: Kind, claims: &[u8]) -> Result<String, KeyError> {
        let header = match kind {
            Kind::Access => &self.access_header,
            Kind::Id => &self.id_header,
        };
        // Room for the header, the claims, two dots and a signature of 64 bytes.
        let mut token = String::with_capacity(header.len() + claims.len() * 4 / 3 + 4 + 88);
        token.push_str(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature =
            self.pair.sign(&SystemRandom::new(), token.as_bytes()).map_err(|_| KeyError::Failed)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
        Ok(token)
    }
}

/// A key that tokens are checked with.
pub(crate) struct VerifyingKey {
    pub(super) key: StoredKey,
    public: ParsedPublicKey,
}

impl VerifyingKey {
    pub(super) fn parse(key: &StoredKey) -> Result<Self, KeyError> {
        let damaged = || KeyError::Damaged { kid: key.kid.clone(), what: "its public half is no point" };
        let public =
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.public_key).map_err(|_| damaged())?;
        Ok(Self { key: key.clone(), public })
    }

    /// Whether the signature over `message` is this key's.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(message, signature).is_ok()
    }
}

/// The keys as they are now. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Keys(watch::Receiver<Known>);

impl Keys {
    pub(super) fn new(known: watch::Receiver<Known>) -> Self {
        Self(known)
    }

    /// Waits for the first look at the keys, which a process takes as it starts. Only then can it be said that there
    /// are none; whoever asks before readiness says yes would get an error that is over in a moment.
    pub(crate) async fn looked_at(&self) {
        if self.0.borrow().state.is_some() {
            return;
        }
        let mut known = self.0.clone();
        // In time or not: the caller sees what is there.
        let first_look = known.wait_for(|known| known.state.is_some());
        let _ = tokio::time::timeout(FIRST_LOOK, first_look).await;
    }

    /// The published set; `None` until it could be read.
    pub(crate) fn jwks(&self) -> Option<Arc<Jwks>> {
        self.0.borrow().jwks.clone()
    }

    /// The key that signs at `now`: the newest whose time has come. It was published long enough before for
    /// every replica and verifier to know it.
    pub(crate) fn signing(&self, now: OffsetDateTime) -> Option<Arc<SigningKey>> {
        let known = self.0.borrow();
        known.signing.iter().rev().find(|key| key.not_before <= now).map(Arc::clone)
    }

    /// The key with this name, when it is trusted at `now`.
    pub(crate) fn verifying(&self, kid: &str, now: OffsetDateTime) -> Option<Arc<VerifyingKey>> {
        let known = self.0.borrow();
        let found = known.verifying.iter().find(|it| it.key.kid == kid);
        found.filter(|it| it.key.is_published_at(now)).map(Arc::clone)
    }
}
