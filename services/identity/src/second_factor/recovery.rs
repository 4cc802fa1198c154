//! Recovery codes: each lets its owner in once, when the authenticator is lost. No I/O.

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::otp::{base32, is_base32};
use crate::capability::{Hash, NoRandomness, sha256};

/// 120 bits: more than the 112 below which a hash would have to be slow (ASVS 6.5.2).
const BYTES: usize = 15;
const LETTERS: usize = 24;
/// Letters that are written together.
const GROUP: usize = 4;
/// How many somebody gets at a time.
const COUNT: usize = 10;

/// A code as its owner writes it down. Only its hash is kept.
pub(crate) struct RecoveryCode(Zeroizing<String>);

impl RecoveryCode {
    /// New ones, for one account.
    pub(super) fn generate() -> Result<Vec<Self>, NoRandomness> {
        let one = |_| {
            let mut bytes = Zeroizing::new([0; BYTES]);
            rand::fill(bytes.as_mut_slice()).map_err(|_| NoRandomness)?;
            Ok(Self(Zeroizing::new(base32(bytes.as_slice()))))
        };
        (0..COUNT).map(one).collect()
    }

    /// What is kept of it.
    pub(super) fn hash(&self) -> Hash {
        sha256(self.0.as_bytes())
    }

    /// In groups, for people.
    pub(crate) fn shown(&self) -> String {
        grouped(&self.0, "-")
    }
}

/// What is kept of the code in a text, whatever stands between its letters and whatever their case; `None` when it
/// can't be one.
pub(super) fn hash(text: &str) -> Option<Hash> {
    let mut letters = Zeroizing::new(String::with_capacity(LETTERS));
    for letter in text.chars().filter(|it| !it.is_whitespace() && *it != '-') {
        let letter = letter.to_ascii_uppercase();
        if letters.len() == LETTERS || !u8::try_from(letter).is_ok_and(is_base32) {
            return None;
        }
        letters.push(letter);
    }
    (letters.len() == LETTERS).then(|| sha256(letters.as_bytes()))
}

/// In groups of four letters.
pub(crate) fn grouped(text: &str, between: &str) -> String {
    let groups: Vec<_> = text.as_bytes().chunks(GROUP).map(String::from_utf8_lossy).collect();
    groups.join(between)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_recovery_code_is_random_and_known_in_every_spelling() {
        let codes = RecoveryCode::generate().unwrap();
        let hashes: BTreeSet<_> = codes.iter().map(RecoveryCode::hash).collect();
        assert_eq!(hashes.len(), COUNT);
        for code in &codes {
            let shown = code.shown();
            assert_eq!(shown.len(), LETTERS + 5, "{shown}");
            for spelling in
                [shown.clone(), shown.to_lowercase(), shown.replace('-', ""), shown.replace('-', " ")]
            {
                assert_eq!(hash(&spelling), Some(code.hash()), "{spelling}");
            }
        }
    }

    #[test]
    fn what_is_no_recovery_code_has_no_hash() {
        let code = "A".repeat(LETTERS);
        assert!(hash(&code).is_some());
        for text in [
            "",
            "-",
            "123456",
            &code[1..],
            &format!("{code}A"),
            &code.replacen('A', "1", 1),
            &code.replacen('A', "Ａ", 1),
            &"A".repeat(100_000),
        ] {
            assert!(hash(text).is_none(), "{text}");
        }
    }
}
