//! HTTP writes that must not happen twice: the `Idempotency-Key` of a request is stored in the transaction of
//! its effect, with the answer or with the resource from which the answer is derived.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlserver")]
pub mod sqlserver;

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

#[cfg(feature = "postgres")]
pub use postgres::{begin, save};

/// How long a key is remembered.
pub const KEEP_KEYS: Duration = Duration::from_secs(24 * 3600);

/// A keyed hash of a request's body: tells whether it is the same without keeping it or letting it be guessed.
pub type BodyHmac = [u8; 32];

/// Hashes `body` with the service's own `key`.
#[must_use]
pub fn body_hmac(key: &[u8; 32], body: &[u8]) -> BodyHmac {
    // RFC 2104: a key shorter than the hash's block is padded with zeros.
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(body);
    mac.finalize().into_bytes().into()
}

/// Whose request, which route, which key. A key of one caller or route says nothing about another's.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The caller's subject.
    pub principal: &'a str,
    /// Method and route, such as `POST /v1/orders`.
    pub route: &'a str,
    /// The `Idempotency-Key`.
    pub key: &'a str,
    /// Of the body, by [`body_hmac`].
    pub body_hmac: BodyHmac,
}

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is new: do it, then save the answer in the same transaction.
    Start,
    /// It was done: answer the same again.
    Saved(Answer),
    /// The key was used for another body: 422.
    Mismatch,
}

/// What was stored with the effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The resource that the request made.
    pub resource_id: Option<Uuid>,
    /// Status; `None` when the answer is derived from the resource's state.
    pub status: Option<u16>,
    /// Body; `None` like the status.
    pub body: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_hmac_sha256_as_others_compute_it() {
        // printf '{"a":1}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707…07
        let hash = body_hmac(&[7; 32], br#"{"a":1}"#);
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "0d733feec304f131c0dcbceb873c317e2bcc4789397082bd429646222a2eb027");
    }
}
