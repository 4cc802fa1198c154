//! Random secrets and their hashes. What a client was given is 256 random bits; the database has the hash.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const BYTES: usize = 32;
/// 32 bytes in base64url without padding.
const ENCODED: usize = 43;

/// The SHA-256 of a secret.
pub(crate) type Hash = [u8; BYTES];

/// The SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = [0; BYTES];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// Whether two byte strings are equal, in a time that tells only whether their lengths are.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    verify_slices_are_equal(a, b).is_ok()
}

/// Random bytes. The generator of the library can only fail when the system has no randomness; then it ends
/// the process itself.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if rand::fill(&mut bytes).is_err() {
        // Predictable secrets are worse than no service.
        std::process::abort();
    }
    bytes
}

/// 256 random bits. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret([u8; BYTES]);

impl Secret {
    pub(crate) fn new() -> Self {
        Self(random())
    }

    pub(crate) const fn from_bytes(bytes: [u8; BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    /// As the client gets it: base64url.
    pub(crate) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Back from what a client sends; only the one spelling that [`encode`](Self::encode) gives.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        if text.len() != ENCODED {
            return None;
        }
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    pub(crate) fn hash(&self) -> Hash {
        sha256(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_one_spelling() {
        let text = Secret::from_bytes([0; BYTES]).encode();
        assert!(Secret::decode(&text).is_some());
        // The last character has two bits that the bytes have not.
        let other = format!("{}B", &text[..ENCODED - 1]);
        for wrong in
            [other.as_str(), "", "AAAA", &text[1..], &format!("{text}="), &format!(" {}", &text[1..])]
        {
            assert!(Secret::decode(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn secrets_differ() {
        assert!(Secret::new() != Secret::new());
    }
}
