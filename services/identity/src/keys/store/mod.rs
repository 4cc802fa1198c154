//! Where signing keys are kept: one trait, two engines, one suite of tests for both (`tests/engines.rs`).

mod postgres;
mod sqlserver;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::domain::StoredKey;

pub(crate) use postgres::PostgresKeys;
pub(crate) use sqlserver::SqlServerKeys;

/// Why the store has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// A row that this version can't read.
    #[error("a signing key in the database is not readable: {0}")]
    Corrupt(&'static str),
    /// The database is away or refuses.
    #[error("the database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Signing keys in the service's own database.
#[async_trait]
pub(crate) trait KeyStore: Send + Sync {
    /// Every key, by generation.
    async fn all(&self) -> Result<Vec<StoredKey>, StoreError>;

    /// Stores a key unless there is one of its generation; whoever comes second keeps nothing. Answers
    /// whether it was stored.
    async fn insert(&self, key: &StoredKey) -> Result<bool, StoreError>;

    /// Sets the end of a key, unless it has an earlier one.
    async fn retire(&self, generation: i64, at: OffsetDateTime) -> Result<(), StoreError>;
}
