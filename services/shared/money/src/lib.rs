//! Money in minor units, and identifiers.
//!
//! Amounts are whole numbers of the currency's smallest unit (1999 is ₺19.99); there is no floating point
//! and no conversion. Every operation that could overflow or mix currencies says so by its type.

mod id;
mod money;

pub use money::{Currency, CurrencyError, Money, MoneyError};
pub use uuid::Uuid;
