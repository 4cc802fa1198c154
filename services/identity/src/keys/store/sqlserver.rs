//! Signing keys in SQL Server.

use async_trait::async_trait;
use platform_service::sqlserver::{Columns as _, Pool, SqlServerError, utc};
use tiberius::Row;
use time::OffsetDateTime;

use super::{KeyStore, StoreError};
use crate::keys::domain::StoredKey;
use crate::keys::keyring::Sealed;

/// Signing keys in SQL Server.
pub(crate) struct SqlServerKeys(Pool);

impl SqlServerKeys {
    pub(crate) fn new(pool: Pool) -> Self {
        Self(pool)
    }
}

impl From<SqlServerError> for StoreError {
    fn from(error: SqlServerError) -> Self {
        Self::Database(Box::new(error))
    }
}

#[async_trait]
impl KeyStore for SqlServerKeys {
    async fn all(&self) -> Result<Vec<StoredKey>, StoreError> {
        let sql = "SELECT kid, generation, public_key, private_key, kek_id,
                          created_at, published_at, not_before, retired_at
                   FROM signing_keys ORDER BY generation";
        self.0.query(sql, &[]).await?.iter().map(|row| read(row).ok_or(UNREADABLE)).collect()
    }

    async fn insert(&self, key: &StoredKey) -> Result<bool, StoreError> {
        let inserted = self
            .0
            .execute(
                "INSERT INTO signing_keys (kid, generation, algorithm, public_key, private_key, kek_id,
                                           created_at, published_at, not_before, retired_at)
                 VALUES (@P1, @P2, 'ES256', @P3, @P4, @P5, @P6, @P7, @P8, @P9)",
                &[
                    &key.kid.as_str(),
                    &key.generation,
                    &key.public_key.as_slice(),
                    &key.private_key.bytes.as_slice(),
                    &key.private_key.kek_id.as_str(),
                    &utc(key.created_at),
                    &utc(key.published_at),
                    &utc(key.not_before),
                    &key.retired_at.map(utc),
                ],
            )
            .await;
        match inserted {
            Ok(_) => Ok(true),
            Err(error) if error.is_duplicate() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn retire(&self, generation: i64, at: OffsetDateTime) -> Result<(), StoreError> {
        let sql = "UPDATE signing_keys
                   SET retired_at = CASE WHEN created_at > @P2 THEN created_at ELSE @P2 END
                   WHERE generation = @P1 AND (retired_at IS NULL OR retired_at > @P2)";
        self.0.execute(sql, &[&generation, &utc(at)]).await?;
        Ok(())
    }
}

const UNREADABLE: StoreError = StoreError::Corrupt("a column has another type or is empty");

fn read(row: &Row) -> Option<StoredKey> {
    Some(StoredKey {
        kid: row.text("kid")?,
        generation: row.value("generation")?,
        public_key: row.bytes("public_key")?,
        private_key: Sealed { kek_id: row.text("kek_id")?, bytes: row.bytes("private_key")? },
        created_at: row.instant("created_at")?,
        published_at: row.instant("published_at")?,
        not_before: row.instant("not_before")?,
        retired_at: row.instant("retired_at"),
    })
}
