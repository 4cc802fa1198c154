//! Where consents are kept: one trait, two engines, one suite of tests for both (`tests/engines.rs`).

mod postgres;
mod sqlserver;

use async_trait::async_trait;
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::Consent;
use crate::accounts::StoreError;
use crate::oauth::Scopes;

pub(crate) use postgres::PostgresConsents;
pub(crate) use sqlserver::SqlServerConsents;

/// Consents in the service's own database.
#[async_trait]
pub(crate) trait ConsentStore: Send + Sync {
    /// What somebody agreed to, the latest first. At most 200.
    async fn of_account(&self, account: Uuid) -> Result<Vec<Consent>, StoreError>;

    /// What somebody agreed to give to a client.
    async fn given(&self, account: Uuid, client_id: &str) -> Result<Option<Scopes>, StoreError>;

    /// Stores what somebody agrees to, in place of what was there.
    async fn give(
        &self,
        account: Uuid,
        client_id: &str,
        scopes: &Scopes,
        now: OffsetDateTime,
    ) -> Result<(), StoreError>;

    /// Deletes a consent and ends what came of it, in one transaction: codes that were not exchanged, and families of
    /// refresh tokens with their access tokens. Answers whether there was one.
    async fn withdraw(&self, account: Uuid, client_id: &str, at: OffsetDateTime) -> Result<bool, StoreError>;
}
