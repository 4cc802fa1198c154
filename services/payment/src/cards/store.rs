//! Card tokens in PostgreSQL, by their hash.

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{CardToken, token_expiry};
use crate::provider::ProviderCard;

/// Card tokens in the service's own database. Cheap to clone.
#[derive(Clone)]
pub(crate) struct CardStore(PgPool);

impl CardStore {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    /// Stores what `token` stands for, and answers when it ends. Forgets tokens that have ended.
    pub(crate) async fn insert(
        &self,
        token: &CardToken,
        buyer: Uuid,
        card: &ProviderCard,
        now: OffsetDateTime,
    ) -> Result<OffsetDateTime, sqlx::Error> {
        sqlx::query("DELETE FROM card_tokens WHERE expires_at <= $1").bind(now).execute(&self.0).await?;
        let expires_at = token_expiry(now);
        sqlx::query(
            "INSERT INTO card_tokens (token_hash, buyer, provider_card, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(token.hash().as_slice())
        .bind(buyer)
        .bind(card.as_str())
        .bind(now)
        .bind(expires_at)
        .execute(&self.0)
        .await?;
        Ok(expires_at)
    }
}

/// Uses a token of `buyer` for `order`, in the transaction of the payment. `None` when it is unknown, somebody
/// else's, used or over, which are the same to whoever asks.
pub(crate) async fn redeem(
    connection: &mut PgConnection,
    token: &CardToken,
    buyer: Uuid,
    order: Uuid,
    now: OffsetDateTime,
) -> Result<Option<ProviderCard>, sqlx::Error> {
    let card: Option<String> = sqlx::query_scalar(
        "UPDATE card_tokens SET used_for_order = $3
         WHERE token_hash = $1 AND buyer = $2 AND used_for_order IS NULL AND expires_at > $4
         RETURNING provider_card",
    )
    .bind(token.hash().as_slice())
    .bind(buyer)
    .bind(order)
    .bind(now)
    .fetch_optional(connection)
    .await?;
    Ok(card.map(ProviderCard::from_stored))
}
