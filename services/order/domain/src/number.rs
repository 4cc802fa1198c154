//! The order's number: what people read to each other on the telephone.

use std::fmt;
use std::str::FromStr;

use crate::OrderId;

/// Crockford's base 32: no I, L, O, U, so nothing is confused with a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DIGITS: usize = 10;
const BITS_PER_DIGIT: usize = 5;

/// `XXXXX-XXXXX`: fifty bits of the order's id that are random in a UUID of version 7 (RFC 9562 §5.7). It says
/// nothing about how many orders there are, and it is no secret: owning an order is checked by its buyer.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OrderNumber([u8; DIGITS]);

/// A text that is no order number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order number looks like 7K2M9-04QXT")]
pub struct OrderNumberError;

impl OrderNumber {
    /// The number of an order: the same for ever.
    #[must_use]
    pub fn of(order: OrderId) -> Self {
        let bits = order.0.as_u128();
        let digit = |place: usize| ALPHABET[(bits >> (place * BITS_PER_DIGIT)) as usize % ALPHABET.len()];
        Self(std::array::from_fn(|index| digit(DIGITS - 1 - index)))
    }

    fn digits(&self) -> &str {
        // Only letters and digits of the alphabet are ever stored; an empty text would show if not.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for OrderNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.digits().split_at(DIGITS / 2);
        write!(f, "{first}-{second}")
    }
}

impl fmt::Debug for OrderNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for OrderNumber {
    type Err = OrderNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, second) = text.split_once('-').ok_or(OrderNumberError)?;
        if first.len() != DIGITS / 2 || second.len() != DIGITS / 2 {
            return Err(OrderNumberError);
        }
        let mut digits = [0; DIGITS];
        for (place, byte) in digits.iter_mut().zip(first.bytes().chain(second.bytes())) {
            *place = ALPHABET.iter().copied().find(|digit| *digit == byte).ok_or(OrderNumberError)?;
        }
        Ok(Self(digits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_number_of_an_order_never_changes() {
        // Pinned: numbers are on receipts.
        let order: OrderId = "01936d5e-1c2b-7abc-9def-0123456789ab".parse().unwrap();
        assert_eq!(OrderNumber::of(order).to_string(), "R14D2-PF2DB");
    }

    #[test]
    fn orders_of_one_moment_have_different_numbers() {
        let numbers: std::collections::HashSet<_> =
            (0..1000).map(|_| OrderNumber::of(OrderId::generate())).collect();
        assert_eq!(numbers.len(), 1000);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "7K2M9", "7K2M904QXT", "7K2M9-04QXI", "7k2m9-04qxt", "7K2M9-04QX", "ÇK2M-04QXT"] {
            assert!(text.parse::<OrderNumber>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_number_is_read_as_it_was_written(bits in any::<u128>()) {
            let number = OrderNumber::of(OrderId(platform_money::Uuid::from_u128(bits)));
            prop_assert_eq!(number.to_string().parse::<OrderNumber>().unwrap(), number);
        }
    }
}
