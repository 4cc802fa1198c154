//! The rules of baskets. No I/O.

use platform_money::{Money, MoneyError};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::catalog::Quote;

/// The most courses that a basket holds.
pub(crate) const MOST_ITEMS: usize = 100;

/// A course in a basket. There is no quantity to choose: one buys a course once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) course_id: Uuid,
    pub(crate) name: String,
    pub(crate) price: Money,
    pub(crate) added_at: OffsetDateTime,
}

/// What somebody wants to buy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Basket {
    /// Set when the first course is added. Another one after the basket has expired.
    pub(crate) id: Option<Uuid>,
    /// Rises with every change and never goes back; 0 for a basket that is not there.
    pub(crate) version: i64,
    /// In the order in which they were added.
    pub(crate) items: Vec<Item>,
}

impl Basket {
    /// The sum of all prices; `None` for an empty basket, which has no currency.
    pub(crate) fn total(&self) -> Result<Option<Money>, MoneyError> {
        let Some(first) = self.items.first() else { return Ok(None) };
        Money::sum(first.price.currency, self.items.iter().map(|item| item.price)).map(Some)
    }
}

/// Why a course can't be put into a basket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The caller teaches it.
    OwnCourse,
    /// It is not published.
    NotOnSale,
}

/// Whether `user` may buy what `quote` says.
pub(crate) fn may_add(user: Uuid, quote: &Quote) -> Result<(), Refusal> {
    if quote.owner == user {
        return Err(Refusal::OwnCourse);
    }
    if quote.is_on_sale() { Ok(()) } else { Err(Refusal::NotOnSale) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform_money::Currency;

    fn quote(owner: u128, status: &str) -> Quote {
        Quote {
            course_id: Uuid::nil(),
            owner: Uuid::from_u128(owner),
            name: "Rust".to_owned(),
            price: Money::new(1999, Currency::TRY),
            status: status.to_owned(),
            version: 1,
        }
    }

    #[test]
    fn only_what_others_sell_goes_into_a_basket() {
        let user = Uuid::from_u128(1);
        assert_eq!(may_add(user, &quote(2, "published")), Ok(()));
        assert_eq!(may_add(user, &quote(1, "published")), Err(Refusal::OwnCourse));
        for status in ["draft", "archived", "something new"] {
            assert_eq!(may_add(user, &quote(2, status)), Err(Refusal::NotOnSale), "{status}");
        }
    }

    #[test]
    fn the_total_is_the_sum_and_an_empty_basket_has_none() {
        let item = |amount| Item {
            course_id: Uuid::now_v7(),
            name: "Rust".to_owned(),
            price: Money::new(amount, Currency::TRY),
            added_at: OffsetDateTime::UNIX_EPOCH,
        };
        let basket = Basket { items: vec![item(1999), item(1)], ..Basket::default() };
        assert_eq!(basket.total(), Ok(Some(Money::new(2000, Currency::TRY))));
        assert_eq!(Basket::default().total(), Ok(None));
    }
}
