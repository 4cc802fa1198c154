//! Consents in PostgreSQL.

use async_trait::async_trait;
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use super::ConsentStore;
use crate::accounts::StoreError;
use crate::consents::domain::Consent;
use crate::oauth::Scopes;

/// Consents in PostgreSQL. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PostgresConsents(PgPool);

impl PostgresConsents {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self(pool)
    }
}

#[async_trait]
impl ConsentStore for PostgresConsents {
    async fn of_account(&self, account: Uuid) -> Result<Vec<Consent>, StoreError> {
        let rows: Vec<(String, String, OffsetDateTime)> = sqlx::query_as(
            "SELECT client_id, scope, given_at FROM consents WHERE account_id = $1
             ORDER BY given_at DESC, client_id LIMIT 200",
        )
        .bind(account)
        .fetch_all(&self.0)
        .await?;
        let consent = |(client_id, scope, given_at): (String, String, OffsetDateTime)| Consent {
            client_id,
            scopes: Scopes::stored(&scope),
            given_at,
        };
        Ok(rows.into_iter().map(consent).collect())
    }

    async fn given(&self, account: Uuid, client_id: &str) -> Result<Option<Scopes>, StoreError> {
        let query = sqlx::query_scalar("SELECT scope FROM consents WHERE account_id = $1 AND client_id = $2");
        let scope: Option<String> = query.bind(account).bind(client_id).fetch_optional(&self.0).await?;
        Ok(scope.map(|scope| Scopes::stored(&scope)))
    }

    async fn give(
        &self,
        account: Uuid,
        client_id: &str,
        scopes: &Scopes,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO consents (account_id, client_id, scope, given_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (account_id, client_id) DO UPDATE SET scope = $3, given_at = $4",
        )
        .bind(account)
        .bind(client_id)
        .bind(scopes.to_string())
        .bind(now)
        .execute(&self.0)
        .await?;
        Ok(())
    }

    async fn withdraw(&self, account: Uuid, client_id: &str, at: OffsetDateTime) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        let consents = sqlx::query("DELETE FROM consents WHERE account_id = $1 AND client_id = $2")
            .bind(account)
            .bind(client_id)
            .execute(&mut *tx)
            .await?;
        if consents.rows_affected() == 0 {
            return Ok(false);
        }
        // Codes first: one that is being exchanged is waited for, and its family is there then.
        sqlx::query(
            "DELETE FROM authorization_codes WHERE account_id = $1 AND client_id = $2 AND used_at IS NULL",
        )
        .bind(account)
        .bind(client_id)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "UPDATE refresh_families SET revoked_at = $3
             WHERE account_id = $1 AND client_id = $2 AND revoked_at IS NULL",
        )
        .bind(account)
        .bind(client_id)
        .bind(at)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }
}
