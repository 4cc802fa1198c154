//! Signing keys in PostgreSQL.

use async_trait::async_trait;
use sqlx::{FromRow, PgPool};
use time::OffsetDateTime;

use super::{KeyStore, StoreError};
use crate::keys::domain::StoredKey;
use crate::keys::keyring::Sealed;

/// Signing keys in PostgreSQL.
pub(crate) struct PostgresKeys(PgPool);

impl PostgresKeys {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self(pool)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

#[async_trait]
impl KeyStore for PostgresKeys {
    async fn all(&self) -> Result<Vec<StoredKey>, StoreError> {
        let rows: Vec<Row> =
            sqlx::query_as("SELECT * FROM signing_keys ORDER BY generation").fetch_all(&self.0).await?;
        Ok(rows.into_iter().map(Row::into_key).collect())
    }

    async fn insert(&self, key: &StoredKey) -> Result<bool, StoreError> {
        let inserted = sqlx::query(
            "INSERT INTO signing_keys (kid, generation, algorithm, public_key, private_key, kek_id,
                                       created_at, published_at, not_before, retired_at)
             VALUES ($1, $2, 'ES256', $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (generation) DO NOTHING",
        )
        .bind(&key.kid)
        .bind(key.generation)
        .bind(&key.public_key)
        .bind(&key.private_key.bytes)
        .bind(&key.private_key.kek_id)
        .bind(key.created_at)
        .bind(key.published_at)
        .bind(key.not_before)
        .bind(key.retired_at)
        .execute(&self.0)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }

    async fn retire(&self, generation: i64, at: OffsetDateTime) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE signing_keys SET retired_at = greatest($2, created_at)
             WHERE generation = $1 AND (retired_at IS NULL OR retired_at > $2)",
        )
        .bind(generation)
        .bind(at)
        .execute(&self.0)
        .await?;
        Ok(())
    }
}

#[derive(FromRow)]
struct Row {
    kid: String,
    generation: i64,
    public_key: Vec<u8>,
    private_key: Vec<u8>,
    kek_id: String,
    created_at: OffsetDateTime,
    published_at: OffsetDateTime,
    not_before: OffsetDateTime,
    retired_at: Option<OffsetDateTime>,
}

impl Row {
    fn into_key(self) -> StoredKey {
        StoredKey {
            kid: self.kid,
            generation: self.generation,
            public_key: self.public_key,
            private_key: Sealed { kek_id: self.kek_id, bytes: self.private_key },
            created_at: self.created_at,
            published_at: self.published_at,
            not_before: self.not_before,
            retired_at: self.retired_at,
        }
    }
}
