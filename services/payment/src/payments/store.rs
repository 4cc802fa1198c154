//! Payments in PostgreSQL.

use platform_money::{Currency, Money};
use sqlx::{FromRow, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{Payment, PaymentId, PaymentState, Request};
use super::ledger::{self, Movement, MovementError};
use crate::cards::{self, CardToken};
use crate::provider::{Decision, DeclineReason, ProviderCard};

/// Why the store has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The card token is unknown, somebody else's, used or over.
    #[error("is unknown, used or over: make a new one")]
    CardTokenUnusable,
    /// A row that this version can't read.
    #[error("payment {id} in the database is not readable: {what}")]
    Corrupt { id: Uuid, what: &'static str },
    /// An amount that no movement can have.
    #[error(transparent)]
    Movement(#[from] MovementError),
    /// The database is away or refuses.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// What became of the wish to begin a payment.
#[derive(Debug)]
pub(crate) enum Begun {
    /// It is new.
    Made(Payment),
    /// The order has this one already.
    Existing(Payment),
}

/// Payments in the service's own database. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PaymentStore(PgPool);

impl PaymentStore {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    /// Begins the payment of an order, or finds the one that it has: ONE transaction uses the card token and
    /// stores the payment, so a token is never used for nothing.
    ///
    /// # Errors
    /// [`StoreError::CardTokenUnusable`] when the order has no payment and the token can't begin one.
    pub(crate) async fn begin(
        &self,
        request: Request,
        token: &CardToken,
        now: OffsetDateTime,
    ) -> Result<Begun, StoreError> {
        if let Some(existing) = self.of_order(request.order_id).await? {
            return Ok(Begun::Existing(existing));
        }
        let mut tx = self.0.begin().await?;
        let card = cards::redeem(&mut tx, token, request.buyer, request.order_id, now).await?;
        if let Some(card) = card {
            let payment = Payment::begin(request, card, now);
            let inserted = sqlx::query(
                "INSERT INTO payments (id, order_id, buyer, amount, currency, provider_card, state, created_at, version)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (order_id) DO NOTHING",
            )
            .bind(payment.id.0)
            .bind(payment.order_id)
            .bind(payment.buyer)
            .bind(payment.amount.amount)
            .bind(payment.amount.currency.as_str())
            .bind(payment.card.as_str())
            .bind(payment.state.as_str())
            .bind(payment.created_at)
            .bind(payment.version)
            .execute(&mut *tx)
            .await?;
            if inserted.rows_affected() == 1 {
                tx.commit().await?;
                return Ok(Begun::Made(payment));
            }
        }
        // Either the token can't be used, or the same request ran beside this one and was first.
        tx.rollback().await?;
        self.of_order(request.order_id).await?.map(Begun::Existing).ok_or(StoreError::CardTokenUnusable)
    }

    /// Writes down the provider's decision with its movement in the ledger, once: who comes second gets what
    /// the first wrote.
    pub(crate) async fn decide(
        &self,
        payment: Payment,
        decision: Decision,
        now: OffsetDateTime,
    ) -> Result<Payment, StoreError> {
        let state = PaymentState::from(decision);
        let mut tx = self.0.begin().await?;
        let updated = sqlx::query(
            "UPDATE payments SET state = $3, decline_reason = $4, version = version + 1
             WHERE id = $1 AND version = $2 AND state = 'pending'",
        )
        .bind(payment.id.0)
        .bind(payment.version)
        .bind(state.as_str())
        .bind(state.decline_reason().map(DeclineReason::as_str))
        .execute(&mut *tx)
        .await?;
        if updated.rows_affected() == 0 {
            tx.rollback().await?;
            let current = self.find(payment.id).await?;
            return current.ok_or(StoreError::Corrupt { id: payment.id.0, what: "it is gone" });
        }
        if decision == Decision::Authorized {
            ledger::book(&mut tx, payment.id, &Movement::authorization(payment.amount)?, now).await?;
        }
        tx.commit().await?;
        Ok(Payment { state, version: payment.version + 1, ..payment })
    }

    /// The payment with this id.
    pub(crate) async fn find(&self, id: PaymentId) -> Result<Option<Payment>, StoreError> {
        let row = sqlx::query_as("SELECT * FROM payments WHERE id = $1").bind(id.0);
        row.fetch_optional(&self.0).await?.map(Row::into_payment).transpose()
    }

    async fn of_order(&self, order_id: Uuid) -> Result<Option<Payment>, StoreError> {
        let row = sqlx::query_as("SELECT * FROM payments WHERE order_id = $1").bind(order_id);
        row.fetch_optional(&self.0).await?.map(Row::into_payment).transpose()
    }
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    order_id: Uuid,
    buyer: Uuid,
    amount: i64,
    currency: String,
    provider_card: String,
    state: String,
    decline_reason: Option<String>,
    created_at: OffsetDateTime,
    version: i64,
}

impl Row {
    fn into_payment(self) -> Result<Payment, StoreError> {
        let corrupt = |what| StoreError::Corrupt { id: self.id, what };
        let currency: Currency = self.currency.parse().map_err(|_| corrupt("currency"))?;
        let state = match (self.state.as_str(), self.decline_reason.as_deref()) {
            ("pending", None) => PaymentState::Pending,
            ("authorized", None) => PaymentState::Authorized,
            ("declined", Some("refused")) => PaymentState::Declined(DeclineReason::Refused),
            ("declined", Some("insufficient_funds")) => {
                PaymentState::Declined(DeclineReason::InsufficientFunds)
            }
            _ => return Err(corrupt("state")),
        };
        Ok(Payment {
            id: PaymentId(self.id),
            order_id: self.order_id,
            buyer: self.buyer,
            amount: Money::new(self.amount, currency),
            card: ProviderCard::from_stored(self.provider_card),
            state,
            created_at: self.created_at,
            version: self.version,
        })
    }
}
