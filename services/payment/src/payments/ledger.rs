//! The double-entry ledger: amounts move between accounts, nothing appears or vanishes.
//!
//! The database refuses at commit what does not sum to zero, and every change of what was booked; this
//! module only ever builds movements that balance.

use platform_money::Money;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::PaymentId;

/// A place where amounts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// What buyers have on their cards; it goes below zero as amounts are held.
    BuyersCards,
    /// Held for orders and not captured yet.
    Authorized,
}

impl Account {
    fn as_str(self) -> &'static str {
        match self {
            Self::BuyersCards => "buyers_cards",
            Self::Authorized => "authorized",
        }
    }
}

/// One movement from one account to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Movement {
    from: Account,
    to: Account,
    amount: Money,
}

/// Why an amount can't be moved.
#[derive(Debug, thiserror::Error)]
#[error("an amount that moves is more than zero")]
pub(crate) struct MovementError;

impl Movement {
    /// Holds `amount` on the buyer's card.
    pub(crate) fn authorization(amount: Money) -> Result<Self, MovementError> {
        if amount.amount <= 0 {
            return Err(MovementError);
        }
        Ok(Self { from: Account::BuyersCards, to: Account::Authorized, amount })
    }

    /// The entries, in minor units: they sum to zero.
    pub(crate) fn entries(&self) -> [(Account, i64); 2] {
        [(self.from, -self.amount.amount), (self.to, self.amount.amount)]
    }
}

/// Books a movement for a payment, in the transaction of the payment's change.
pub(crate) async fn book(
    connection: &mut PgConnection,
    payment: PaymentId,
    movement: &Movement,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let movement_id = Uuid::now_v7();
    for (account, amount) in movement.entries() {
        sqlx::query(
            "INSERT INTO ledger_entries (movement_id, payment_id, account, amount, currency, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(movement_id)
        .bind(payment.0)
        .bind(account.as_str())
        .bind(amount)
        .bind(movement.amount.currency.as_str())
        .bind(now)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform_money::Currency;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_movement_sums_to_zero(amount in 1i64..) {
            let movement = Movement::authorization(Money::new(amount, Currency::TRY)).unwrap();
            prop_assert_eq!(movement.entries().iter().map(|(_, amount)| amount).sum::<i64>(), 0);
        }
    }

    #[test]
    fn nothing_and_less_than_nothing_do_not_move() {
        for amount in [0, -1, i64::MIN] {
            assert!(Movement::authorization(Money::new(amount, Currency::TRY)).is_err());
        }
    }
}
