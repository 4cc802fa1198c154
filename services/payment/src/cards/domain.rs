//! What a card is, and the token that stands for it. No I/O, and no way to print a number.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng as _;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use sha2::{Digest as _, Sha256};
use time::{Date, Duration, OffsetDateTime};
use zeroize::{Zeroize as _, Zeroizing};

/// A token can be used for this long.
pub(crate) const TOKEN_LIFE: Duration = Duration::minutes(10);
/// 256 random bits: holding a token is the proof, so it must not be guessable.
const TOKEN_BYTES: usize = 32;
/// A card that ends later than this is a mistake of typing.
const LATEST_EXPIRY_YEARS: i32 = 30;

/// Text that a caller typed and nobody may see again. It is wiped when dropped, `Debug` hides it, and a value
/// of another type is refused without being repeated.
pub(crate) struct Sensitive(Zeroizing<String>);

impl Sensitive {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Sensitive {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl<'de> Deserialize<'de> for Sensitive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SensitiveVisitor)
    }
}

struct SensitiveVisitor;

/// serde's own refusals repeat the value, and a number typed without quotes is still a number.
macro_rules! refuse {
    ($($method:ident: $type:ty),*) => {
        $(fn $method<E: de::Error>(self, _: $type) -> Result<Self::Value, E> {
            Err(E::custom("must be a string"))
        })*
    };
}

impl<'de> Visitor<'de> for SensitiveVisitor {
    type Value = Sensitive;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Sensitive::from(text))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Sensitive(Zeroizing::new(text)))
    }

    refuse! { visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_i128: i128, visit_u128: u128, visit_f64: f64 }
}

/// A text that is no acceptable part of a card. Never contains the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CardError {
    #[error("must be 12 to 19 digits")]
    Number,
    #[error("has a mistake: its check digit is wrong")]
    CheckDigit,
    #[error("must be a month like 2030-09")]
    Expiry,
    #[error("is over")]
    Expired,
    #[error("must be 3 or 4 digits")]
    Cvc,
    #[error("must be 1 to 100 characters without control characters")]
    Holder,
}

/// The digits of a card, checked by Luhn's formula (ISO/IEC 7812-1, annex B).
#[derive(Clone)]
pub(crate) struct CardNumber(Zeroizing<String>);

impl CardNumber {
    pub(crate) fn digits(&self) -> &str {
        &self.0
    }
}

impl FromStr for CardNumber {
    type Err = CardError;

    /// Reads digits in groups, as they are printed on a card: spaces and hyphens don't count.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut digits = Zeroizing::new(String::with_capacity(text.len()));
        digits.extend(text.chars().filter(|character| !matches!(character, ' ' | '-')));
        if !(12..=19).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CardError::Number);
        }
        if !luhn_sum(&digits).is_multiple_of(10) {
            return Err(CardError::CheckDigit);
        }
        Ok(Self(digits))
    }
}

impl fmt::Debug for CardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardNumber(…)")
    }
}

/// From the right, every second digit counts double, with the digits of the double added up.
fn luhn_sum(digits: &str) -> u32 {
    let weigh = |(place, byte): (usize, u8)| {
        let digit = u32::from(byte - b'0');
        if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 }
    };
    digits.bytes().rev().enumerate().map(weigh).sum()
}

/// The last month in which a card can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expiry {
    year: i32,
    month: u8,
}

impl Expiry {
    /// Whether the card can be used on `today`.
    pub(crate) fn check(self, today: Date) -> Result<(), CardError> {
        if (self.year, self.month) < (today.year(), u8::from(today.month())) {
            return Err(CardError::Expired);
        }
        if self.year > today.year() + LATEST_EXPIRY_YEARS { Err(CardError::Expiry) } else { Ok(()) }
    }
}

impl FromStr for Expiry {
    type Err = CardError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        match text.split_once('-') {
            Some((year, month)) if year.len() == 4 && month.len() == 2 && digits(year) && digits(month) => {
                let year = year.parse().map_err(|_| CardError::Expiry)?;
                let month = month.parse().map_err(|_| CardError::Expiry)?;
                if (1..=12).contains(&month) { Ok(Self { year, month }) } else { Err(CardError::Expiry) }
            }
            _ => Err(CardError::Expiry),
        }
    }
}

/// A card as the provider gets it, once. What is not needed to ask the provider is checked and forgotten.
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) number: CardNumber,
}

/// Checks the three or four digits on the back. They are never kept, not even for a moment longer.
pub(crate) fn check_cvc(text: &str) -> Result<(), CardError> {
    let acceptable = matches!(text.len(), 3 | 4) && text.bytes().all(|byte| byte.is_ascii_digit());
    if acceptable { Ok(()) } else { Err(CardError::Cvc) }
}

/// Checks the name on the card.
pub(crate) fn check_holder(text: &str) -> Result<(), CardError> {
    let length = text.chars().count();
    let acceptable =
        (1..=100).contains(&length) && !text.trim().is_empty() && !text.chars().any(char::is_control);
    if acceptable { Ok(()) } else { Err(CardError::Holder) }
}

/// A one-time capability that stands for a card: 256 random bits. Only its hash is stored.
pub(crate) struct CardToken(Zeroizing<[u8; TOKEN_BYTES]>);

/// A text that is no card token.
#[derive(Debug, thiserror::Error)]
#[error("is not a card token")]
pub(crate) struct TokenError;

impl CardToken {
    /// A token that nobody can guess.
    pub(crate) fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        rand::rng().fill_bytes(&mut *bytes);
        Self(bytes)
    }

    /// The text that the caller gets, once.
    pub(crate) fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(*self.0)
    }

    /// What is stored. The token has 256 bits of its own, so a fast hash hides it well enough.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(*self.0).into()
    }
}

impl FromStr for CardToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        // One byte more of room: a longer text must not be taken for its beginning.
        let mut decoded = Zeroizing::new([0; TOKEN_BYTES + 1]);
        match URL_SAFE_NO_PAD.decode_slice(text, &mut *decoded) {
            Ok(TOKEN_BYTES) => {
                bytes.copy_from_slice(&decoded[..TOKEN_BYTES]);
                decoded.zeroize();
                Ok(Self(bytes))
            }
            _ => Err(TokenError),
        }
    }
}

impl fmt::Debug for CardToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardToken(…)")
    }
}

/// When a token that is made at `now` ends.
pub(crate) fn token_expiry(now: OffsetDateTime) -> OffsetDateTime {
    now + TOKEN_LIFE
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::date;

    #[test]
    fn a_number_is_read_as_it_is_printed_on_the_card() {
        for text in ["4242424242424242", "4242 4242 4242 4242", "4242-4242-4242-4242"] {
            assert_eq!(text.parse::<CardNumber>().unwrap().digits(), "4242424242424242");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for (text, error) in [
            ("", CardError::Number),
            ("4242", CardError::Number),
            ("42424242424242424242", CardError::Number),
            ("4242424242424241", CardError::CheckDigit),
            ("4242４２４２42424242", CardError::Number),
            ("4242424242424242; drop", CardError::Number),
        ] {
            assert_eq!(text.parse::<CardNumber>().unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn nothing_that_is_secret_can_be_printed() {
        let number: CardNumber = "4242424242424242".parse().unwrap();
        let token = CardToken::generate();
        let texts = [
            format!("{number:?}"),
            format!("{:?}", Card { number }),
            format!("{:?}", Sensitive::from("4242")),
            format!("{token:?}"),
        ];
        for text in texts {
            assert!(!text.contains("4242") && !text.contains(&token.expose()), "{text}");
        }
    }

    #[test]
    fn a_sensitive_value_of_another_type_is_refused_without_being_repeated() {
        for json in ["4242424242424242", "4242.5", "[4242]", r#"{"4242":1}"#, "true", "null"] {
            let error = serde_json::from_str::<Sensitive>(json).unwrap_err().to_string();
            assert!(!error.contains("4242"), "{error}");
        }
    }

    #[test]
    fn a_card_is_good_until_the_end_of_its_month() {
        let expiry: Expiry = "2030-09".parse().unwrap();
        assert_eq!(expiry.check(date!(2030 - 09 - 30)), Ok(()));
        assert_eq!(expiry.check(date!(2030 - 10 - 01)), Err(CardError::Expired));
        assert_eq!("2099-01".parse::<Expiry>().unwrap().check(date!(2030 - 01 - 01)), Err(CardError::Expiry));
        for wrong in ["", "2030", "09-2030", "2030-13", "2030-00", "2030-9", "+203-09", "２０３０-09"] {
            assert!(wrong.parse::<Expiry>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_itself_when_read_again_and_nothing_else_is_one() {
        let token = CardToken::generate();
        assert_eq!(token.expose().parse::<CardToken>().unwrap().hash(), token.hash());
        assert_ne!(token.hash(), CardToken::generate().hash());
        for wrong in
            [String::new(), "x".to_owned(), token.expose() + "A", token.expose() + "AA", "=".repeat(43)]
        {
            assert!(wrong.parse::<CardToken>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn one_wrong_digit_is_always_noticed(
            digits in prop::collection::vec(0u8..10, 11..18), at in any::<prop::sample::Index>(), by in 1u8..10,
        ) {
            let text = |digits: &[u8]| digits.iter().map(|digit| char::from(b'0' + digit)).collect::<String>();
            // The check digit that makes the number right.
            let check = (0..10).find(|check| {
                let with_check: Vec<u8> = digits.iter().copied().chain([*check]).collect();
                luhn_sum(&text(&with_check)).is_multiple_of(10)
            });
            let mut digits = digits;
            digits.push(check.unwrap());
            prop_assert!(text(&digits).parse::<CardNumber>().is_ok());
            let at = at.index(digits.len());
            digits[at] = (digits[at] + by) % 10;
            prop_assert_eq!(text(&digits).parse::<CardNumber>().unwrap_err(), CardError::CheckDigit);
        }
    }
}
