//! What a signing key is: a pair on P-256, its public form for verifiers, its life. No I/O.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use super::keyring::{Keyring, SealError, Sealed};

/// An uncompressed point: a byte that says so, then x and y (SEC 1 §2.3.3).
const POINT_BYTES: usize = 65;
const UNCOMPRESSED: u8 = 4;
/// Clocks of replicas differ: a key that another one has just published is not of the future. Publishing a
/// little early does no harm.
const CLOCK_SKEW: Duration = Duration::MINUTE;

/// Why a key can't be made or used. Never contains a key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    /// The private half does not open.
    #[error("signing key {kid} can't be opened: {cause}")]
    Sealed { kid: String, cause: SealError },
    /// The key is not what it says it is.
    #[error("signing key {kid} is damaged: {what}")]
    Damaged { kid: String, what: &'static str },
    /// The cryptographic library refused.
    #[error("a signing key can't be made")]
    Failed,
}

/// A signing key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredKey {
    /// Its thumbprint (RFC 7638), so that a key can't change under its name.
    pub(crate) kid: String,
    /// 1 for the first key of a provider, and so on.
    pub(crate) generation: i64,
    /// The uncompressed point.
    pub(crate) public_key: Vec<u8>,
    /// PKCS #8 under the keyring, bound to the kid.
    pub(crate) private_key: Sealed,
    pub(crate) created_at: OffsetDateTime,
    /// In the JWKS from here on.
    pub(crate) published_at: OffsetDateTime,
    /// Signs from here on.
    pub(crate) not_before: OffsetDateTime,
    /// Trusted no more from here on.
    pub(crate) retired_at: Option<OffsetDateTime>,
}

impl StoredKey {
    /// The first key of a provider: published and in use at once, since nobody has cached a set without it.
    pub(crate) fn first(keyring: &Keyring, now: OffsetDateTime) -> Result<Self, KeyError> {
        Self::make(keyring, 1, now, now)
    }

    /// A new key of this generation, in the JWKS from `now` on, that signs from `not_before` on.
    pub(crate) fn make(
        keyring: &Keyring,
        generation: i64,
        now: OffsetDateTime,
        not_before: OffsetDateTime,
    ) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| KeyError::Failed)?;
        let public_key = pair.public_key().as_ref().to_vec();
        let kid = coordinates(&public_key).map(|(x, y)| thumbprint(&x, &y)).ok_or(KeyError::Failed)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| KeyError::Failed)?;
        let private_key = keyring
            .seal(&kid, pkcs8.as_ref())
            .map_err(|cause| KeyError::Sealed { kid: kid.clone(), cause })?;
        Ok(Self {
            kid,
            generation,
            public_key,
            private_key,
            created_at: now,
            published_at: now,
            not_before,
            retired_at: None,
        })
    }

    /// Opens the private half and checks that it belongs to the public one and to the name.
    pub(crate) fn open(&self, keyring: &Keyring) -> Result<EcdsaKeyPair, KeyError> {
        let damaged = |what| KeyError::Damaged { kid: self.kid.clone(), what };
        let pkcs8 = keyring
            .open(&self.kid, &self.private_key)
            .map_err(|cause| KeyError::Sealed { kid: self.kid.clone(), cause })?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8)
            .map_err(|_| damaged("its private half is no key on P-256"))?;
        if pair.public_key().as_ref() != self.public_key.as_slice() {
            return Err(damaged("its halves don't belong together"));
        }
        self.jwk()?;
        Ok(pair)
    }

    /// The form for verifiers.
    pub(crate) fn jwk(&self) -> Result<Jwk, KeyError> {
        let damaged = |what| KeyError::Damaged { kid: self.kid.clone(), what };
        let (x, y) = coordinates(&self.public_key).ok_or_else(|| damaged("its public half is no point"))?;
        if thumbprint(&x, &y) != self.kid {
            return Err(damaged("its name is not its thumbprint"));
        }
        Ok(Jwk { kty: "EC", crv: "P-256", usage: "sig", alg: "ES256", kid: self.kid.clone(), x, y })
    }

    /// Whether verifiers should know the key at `now`.
    pub(crate) fn is_published_at(&self, now: OffsetDateTime) -> bool {
        self.published_at <= now + CLOCK_SKEW && self.retired_at.is_none_or(|end| now < end)
    }
}

/// A public key (RFC 7517, RFC 7518 §6.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Jwk {
    kty: &'static str,
    crv: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
    alg: &'static str,
    /// The key's thumbprint (RFC 7638); a token's header names it.
    kid: String,
    x: String,
    y: String,
}

/// The public keys that tokens are checked with (RFC 7517 §5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Jwks {
    pub(crate) keys: Vec<Jwk>,
}

/// x and y of an uncompressed point, in base64url.
fn coordinates(point: &[u8]) -> Option<(String, String)> {
    let (marker, rest) = point.split_first()?;
    if *marker != UNCOMPRESSED || point.len() != POINT_BYTES {
        return None;
    }
    let (x, y) = rest.split_at(rest.len() / 2);
    Some((URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y)))
}

/// RFC 7638 §3: the hash of the required members in the order of their names, without white space.
fn thumbprint(x: &str, y: &str) -> String {
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::keyring::tests::keyring;
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn what_the_private_half_signs_the_published_half_verifies() {
        let ring = keyring("a", 1);
        let key = StoredKey::first(&ring, NOW).unwrap();
        let signature = key.open(&ring).unwrap().sign(&SystemRandom::new(), b"message").unwrap();
        let jwk = key.jwk().unwrap();
        let mut point = vec![UNCOMPRESSED];
        point.extend(URL_SAFE_NO_PAD.decode(&jwk.x).unwrap());
        point.extend(URL_SAFE_NO_PAD.decode(&jwk.y).unwrap());
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(b"message", signature.as_ref())
            .unwrap();
    }

    #[test]
    fn a_thumbprint_is_that_of_rfc_7638() {
        // Computed with another implementation for the example key of RFC 7517, appendix A.1.
        let (x, y) =
            ("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM");
        assert_eq!(thumbprint(x, y), "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
    }

    #[test]
    fn a_key_that_was_changed_is_not_used() {
        let ring = keyring("a", 1);
        let key = StoredKey::first(&ring, NOW).unwrap();
        let other = StoredKey::first(&ring, NOW).unwrap();
        let mixed = StoredKey { public_key: other.public_key.clone(), ..key.clone() };
        assert!(matches!(mixed.open(&ring), Err(KeyError::Damaged { .. })));
        let renamed = StoredKey { kid: other.kid, ..key.clone() };
        assert!(matches!(renamed.open(&ring), Err(KeyError::Sealed { .. })));
        assert!(renamed.jwk().is_err());
        assert!(StoredKey { public_key: vec![4; 10], ..key }.jwk().is_err());
    }

    #[test]
    fn a_key_is_published_until_it_retires() {
        let key = StoredKey::first(&keyring("a", 1), NOW).unwrap();
        assert!(key.is_published_at(NOW) && key.is_published_at(NOW - CLOCK_SKEW));
        assert!(!key.is_published_at(NOW - Duration::HOUR));
        let retired = StoredKey { retired_at: Some(NOW + Duration::HOUR), ..key };
        assert!(retired.is_published_at(NOW) && !retired.is_published_at(NOW + Duration::HOUR));
    }
}
