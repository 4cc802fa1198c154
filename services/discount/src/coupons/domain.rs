//! The rules of coupons. No I/O.

use std::fmt;
use std::str::FromStr;

use platform_money::{Money, define_id};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

define_id!(
    /// Identifies a coupon.
    CouponId
);

/// Letters and digits that nobody confuses when reading a code aloud (no I, O, 0, 1).
const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// 16 characters of 5 bits: 80 random bits can't be guessed.
const GENERATED_LENGTH: usize = 16;

/// A coupon's code: 4 to 32 of A–Z, 0–9 and hyphen. Typed in any case, kept in capitals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Code(String);

/// A text that is no code.
#[derive(Debug, thiserror::Error)]
#[error("a code has 4 to 32 characters of A-Z, 0-9 and hyphen")]
pub(crate) struct CodeError;

impl Code {
    /// A code that can't be guessed.
    pub(crate) fn generate() -> Self {
        let mut random = rand::rng();
        let letters =
            (0..GENERATED_LENGTH).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())]));
        Self(letters.collect())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Code {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let code = text.trim().to_ascii_uppercase();
        let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
        if (4..=32).contains(&code.len()) && code.bytes().all(allowed) {
            Ok(Self(code))
        } else {
            Err(CodeError)
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a coupon takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Reduction {
    /// A share of the price in percent, 1 to 100.
    Percent(u8),
    /// A fixed amount, never more than the price.
    Amount(Money),
}

impl Reduction {
    /// Checks what the type can't say.
    pub(crate) fn check(self) -> Result<(), &'static str> {
        match self {
            Self::Percent(1..=100) => Ok(()),
            Self::Percent(_) => Err("must be between 1 and 100"),
            Self::Amount(money) if money.amount > 0 => Ok(()),
            Self::Amount(_) => Err("must be more than zero"),
        }
    }
}

/// A coupon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coupon {
    pub(crate) id: CouponId,
    pub(crate) owner: Uuid,
    pub(crate) code: Code,
    pub(crate) reduction: Reduction,
    /// The one course that it is for; every course when absent.
    pub(crate) course_id: Option<Uuid>,
    pub(crate) valid_from: OffsetDateTime,
    /// For ever when absent.
    pub(crate) valid_until: Option<OffsetDateTime>,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) version: i64,
}

impl Coupon {
    /// Whether the coupon can be used at `now`.
    pub(crate) fn is_valid_at(&self, now: OffsetDateTime) -> bool {
        self.valid_from <= now && self.valid_until.is_none_or(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;

    #[test]
    fn codes_are_read_in_any_case_and_refused_when_odd() {
        assert_eq!("summer-26".parse::<Code>().unwrap().as_str(), "SUMMER-26");
        for wrong in ["", "abc", "with space", "ğüşi", &"A".repeat(33), "semi;colon"] {
            assert!(wrong.parse::<Code>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_generated_code_is_a_code_and_never_the_same() {
        let (one, two) = (Code::generate(), Code::generate());
        assert_eq!(one.as_str().parse::<Code>().unwrap(), one);
        assert_ne!(one, two);
    }

    #[test]
    fn a_coupon_is_valid_from_its_beginning_until_before_its_end() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let coupon = Coupon {
            id: CouponId::generate(),
            owner: Uuid::nil(),
            code: Code::generate(),
            reduction: Reduction::Percent(10),
            course_id: None,
            valid_from: now,
            valid_until: Some(now + Duration::HOUR),
            created_at: now,
            version: 1,
        };
        assert!(!coupon.is_valid_at(now - Duration::SECOND));
        assert!(coupon.is_valid_at(now));
        assert!(!coupon.is_valid_at(now + Duration::HOUR));
    }
}
