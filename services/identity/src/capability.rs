//! Random texts that let whoever knows them do something: cookies and mailed links. Only their hashes are kept.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// 256 bits: more than can be guessed, so a fast hash is enough.
const BYTES: usize = 32;

/// The SHA-256 of a capability.
pub(crate) type Hash = [u8; 32];

/// The system has no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random numbers")]
pub(crate) struct NoRandomness;

/// A new capability: 43 characters that fit into cookies and addresses.
pub(crate) fn generate() -> Result<String, NoRandomness> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    rand::fill(bytes.as_mut_slice()).map_err(|_| NoRandomness)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
}

/// What is kept of a capability; `None` when the text can't be one.
pub(crate) fn hash(text: &str) -> Option<Hash> {
    let plausible =
        text.len() == 43 && text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-' || it == b'_');
    plausible.then(|| sha256(text.as_bytes()))
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_is_unlike_the_next_and_only_its_form_is_hashed() {
        let (one, two) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one, two);
        assert!(hash(&one).is_some() && hash(&one) != hash(&two));
        for wrong in ["", "short", &"a".repeat(44), &format!("{}!", "a".repeat(42)), &"ğ".repeat(21)] {
            assert_eq!(hash(wrong), None, "{wrong}");
        }
    }
}
