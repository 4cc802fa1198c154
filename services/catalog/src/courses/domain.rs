//! The rules of courses. No I/O.

use platform_money::{Currency, Money, define_id};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::categories::CategoryId;
use crate::name::Name;
use crate::slug::slug;

define_id!(
    /// Identifies a course.
    CourseId
);

/// The longest description in characters.
pub(crate) const LONGEST_DESCRIPTION: usize = 5000;
/// The highest price in minor units. A typing error of two more digits is refused.
const HIGHEST_PRICE: i64 = 10_000_000;

/// Where a course stands between its first line and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// Its owner works on it; nobody else sees it.
    Draft,
    /// Everybody sees it and may buy it.
    Published,
    /// Not on sale any more; those who bought it keep it.
    Archived,
}

/// The language that a course is taught in (ISO 639-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    /// Turkish.
    #[default]
    Tr,
    /// English.
    En,
}

/// What a list shows of a course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) id: CourseId,
    /// The user who made it.
    pub(crate) owner: Uuid,
    pub(crate) name: Name,
    pub(crate) language: Language,
    pub(crate) category_id: CategoryId,
    pub(crate) price: Money,
    /// The photo's id: SHA-256 of its content.
    pub(crate) picture: Option<String>,
    pub(crate) status: Status,
    /// To the millisecond, as the store keeps it.
    pub(crate) created_at: OffsetDateTime,
    pub(crate) rev: i64,
}

impl Card {
    /// The readable part of its address.
    pub(crate) fn slug(&self) -> String {
        slug(self.name.as_str(), "course")
    }
}

/// A course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) card: Card,
    pub(crate) description: String,
    pub(crate) updated_at: OffsetDateTime,
}

impl Course {
    /// The course under another name, at `now`. Everything else stays, the time it was made included.
    pub(crate) fn renamed(&self, name: Name, now: OffsetDateTime) -> Self {
        let card = Card { name, rev: self.card.rev + 1, ..self.card.clone() };
        Self { card, updated_at: to_millis(now), ..self.clone() }
    }
}

/// Says what is wrong with a price, if anything, where everything is sold in `currency`.
pub(crate) fn check_price(price: Money, currency: Currency) -> Result<(), (&'static str, String)> {
    if !(0..=HIGHEST_PRICE).contains(&price.amount) {
        return Err(("/price/amount", format!("must be between 0 and {HIGHEST_PRICE} minor units")));
    }
    if price.currency != currency {
        return Err(("/price/currency", format!("must be {currency}")));
    }
    Ok(())
}

/// Whether a text is a photo's id: 64 lower-case hexadecimal digits.
pub(crate) fn is_photo_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// MongoDB's times have milliseconds.
pub(crate) fn to_millis(time: OffsetDateTime) -> OffsetDateTime {
    time.replace_millisecond(time.millisecond()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn course() -> Course {
        let created_at = datetime!(2026-01-02 03:04:05.678 UTC);
        let card = Card {
            id: CourseId::generate(),
            owner: Uuid::now_v7(),
            name: "Rust".parse().unwrap(),
            language: Language::En,
            category_id: CategoryId::generate(),
            price: Money::new(1999, Currency::TRY),
            picture: None,
            status: Status::Published,
            created_at,
            rev: 1,
        };
        Course { card, description: "All of it".to_owned(), updated_at: created_at }
    }

    #[test]
    fn a_rename_changes_the_name_the_revision_and_the_time_of_change_only() {
        let course = course();
        let now = datetime!(2026-02-03 04:05:06.789 UTC);
        let renamed = course.renamed("Rust'a giriş".parse().unwrap(), now);
        assert_eq!((renamed.card.rev, renamed.card.slug().as_str()), (2, "rusta-giris"));
        assert_eq!(renamed.updated_at, now);
        let back = Card { name: course.card.name.clone(), rev: 1, ..renamed.card };
        assert_eq!(Course { card: back, updated_at: course.updated_at, ..renamed }, course);
    }

    #[test]
    fn prices_are_in_bounds_and_in_the_currency_of_the_platform() {
        let check = |amount, currency: &str| {
            check_price(Money::new(amount, currency.parse().unwrap()), Currency::TRY).map_err(|it| it.0)
        };
        assert_eq!(check(0, "TRY"), Ok(()));
        assert_eq!(check(HIGHEST_PRICE, "TRY"), Ok(()));
        assert_eq!(check(HIGHEST_PRICE + 1, "TRY"), Err("/price/amount"));
        assert_eq!(check(-1, "TRY"), Err("/price/amount"));
        assert_eq!(check(1, "EUR"), Err("/price/currency"));
    }

    #[test]
    fn a_photo_is_named_by_its_hash() {
        assert!(is_photo_id(&"0a".repeat(32)));
        for wrong in ["", "../../etc/passwd", &"0A".repeat(32), &"0a".repeat(33), &"ğ".repeat(32)] {
            assert!(!is_photo_id(wrong), "{wrong}");
        }
    }

    #[test]
    fn times_are_cut_to_milliseconds() {
        let time = datetime!(2026-01-02 03:04:05.678_901_234 UTC);
        assert_eq!(to_millis(time), datetime!(2026-01-02 03:04:05.678 UTC));
    }
}
