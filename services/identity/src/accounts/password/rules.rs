//! Which passwords may be chosen (ASVS 5.0, 6.2): long ones that are not among those that everybody tries
//! first. There are no rules of composition.

use std::fmt;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::words::Words;
use crate::accounts::domain::{Email, Unacceptable};

const SHORTEST: usize = 10;
const LONGEST: usize = 128;

/// The most common passwords in lower case, sorted: the first 10,000 of zxcvbn's list and all of its 30,000
/// that are long enough to be chosen here (Copyright 2012-2016 Dropbox, Inc. and Joshua Holmer, MIT licence).
static COMMON: LazyLock<Vec<&'static str>> = LazyLock::new(|| include_str!("common.txt").lines().collect());

/// A password, as somebody typed it and in the one form in which it is hashed (NFC). Wiped when dropped.
#[derive(Clone)]
pub(crate) struct Password(Zeroizing<String>);

impl Password {
    const MISSING: Unacceptable =
        Unacceptable { detail: "must not be empty", key: "error-new-password-missing" };
    const SHORT: Unacceptable =
        Unacceptable { detail: "must have at least 10 characters", key: "error-new-password-short" };
    const LONG: Unacceptable =
        Unacceptable { detail: "must have at most 128 characters", key: "error-new-password-long" };
    const COMMON: Unacceptable = Unacceptable {
        detail: "must not be one of the passwords that are tried first",
        key: "error-new-password-common",
    };
    const EMAIL: Unacceptable =
        Unacceptable { detail: "must not be the e-mail address", key: "error-new-password-email" };

    const WORDS: Unacceptable = Unacceptable {
        detail: "must not be made of the person's name or e-mail address, or of this platform's own words",
        key: "error-new-password-words",
    };

    /// A password to be compared; whether it may be chosen does not matter.
    pub(crate) fn typed(text: &str) -> Self {
        // What is too long was never chosen; there is no need to hash all of it.
        Self(Zeroizing::new(text.nfc().take(LONGEST + 1).collect()))
    }

    /// A password to be kept for the account with this address, and not made of these words.
    pub(crate) fn chosen(text: &str, email: Option<&Email>, words: &Words) -> Result<Self, Unacceptable> {
        if text.is_empty() {
            return Err(Self::MISSING);
        }
        let password = Self::typed(text);
        match password.0.chars().count() {
            0..SHORTEST => return Err(Self::SHORT),
            SHORTEST..=LONGEST => {}
            _ => return Err(Self::LONG),
        }
        let folded = Zeroizing::new(password.0.to_lowercase());
        if email.is_some_and(|email| is_address(&folded, email)) {
            return Err(Self::EMAIL);
        }
        if is_common(&folded) {
            return Err(Self::COMMON);
        }
        if words.make_up(&password.0) {
            return Err(Self::WORDS);
        }
        Ok(password)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The address, or the part of it before the @.
fn is_address(folded: &str, email: &Email) -> bool {
    let typed = email.as_str().to_lowercase();
    [typed.as_str(), email.key()].into_iter().any(|address| {
        folded == address || address.rsplit_once('@').is_some_and(|(local, _)| folded == local)
    })
}

/// A common password, also twice or with a few digits and signs behind it; or few characters again and again.
fn is_common(folded: &str) -> bool {
    let common = |text: &str| COMMON.binary_search(&text).is_ok();
    let bare = folded.trim_end_matches(|it: char| it.is_ascii_digit() || it.is_ascii_punctuation());
    let tail = folded.len() - bare.len();
    let twice = folded.split_at_checked(folded.len() / 2).is_some_and(|(one, two)| one == two && common(one));
    common(folded) || twice || (tail <= 4 && common(bare)) || repeats(folded)
}

/// Up to three characters again and again.
fn repeats(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    (1..=3).any(|period| letters.iter().zip(letters.iter().skip(period)).all(|(one, two)| one == two))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Option<&'static str> {
        let email = Email::parse("Ada.Lovelace@example.com").unwrap();
        Password::chosen(text, Some(&email), &Words::default()).err().map(|error| error.key)
    }

    #[test]
    fn length_is_counted_in_characters_of_any_kind() {
        assert_eq!(refused(""), Some("error-new-password-missing"));
        assert_eq!(refused("kısa parol"), None);
        assert_eq!(refused("9 letters"), Some("error-new-password-short"));
        let long: String = (0..128).map(|at| char::from(b'a' + at % 26)).collect();
        assert_eq!(refused(&long), None);
        assert_eq!(refused(&format!("{long}x")), Some("error-new-password-long"));
        assert_eq!(refused(&"ğü😀ş".repeat(32)), None);
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
        for text in [
            "qwertyuiop",
            "1234567890",
            "Password123",
            "passwordpassword",
            "sunshine123!",
            "QwertyUiop",
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "1q2w3e4r5t6y",
        ] {
            assert_eq!(refused(text), Some("error-new-password-common"), "{text}");
        }
        for text in ["correct horse battery", "Karabük'te üç gün", "sunshine over Izmir"] {
            assert_eq!(refused(text), None, "{text}");
        }
    }

    #[test]
    fn the_address_is_no_password() {
        for text in ["ada.lovelace@example.com", "ADA.LOVELACE@EXAMPLE.COM", "ada.lovelace"] {
            assert_eq!(refused(text), Some("error-new-password-email"), "{text}");
        }
    }

    #[test]
    fn two_ways_to_write_the_same_letters_are_the_same_password() {
        let (composed, decomposed) = ("gölgede üç kuş", "go\u{308}lgede u\u{308}c\u{327} kus\u{327}");
        assert_eq!(Password::typed(composed).as_bytes(), Password::typed(decomposed).as_bytes());
    }

    #[test]
    fn the_list_is_sorted_as_the_search_expects() {
        assert!(COMMON.is_sorted() && COMMON.len() > 10_000);
    }

    #[test]
    fn a_password_is_never_printed() {
        assert!(!format!("{:?}", Password::typed("hunter2hunter2")).contains("hunter"));
    }
}
