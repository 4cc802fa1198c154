//! Where failures are counted and devices remembered: one trait, two engines, one suite of tests for both.

mod postgres;
mod sqlserver;

use async_trait::async_trait;
use time::OffsetDateTime;
use uuid::Uuid;

use super::policy::Policy;
use crate::accounts::StoreError;
use crate::capability::Hash;

pub(crate) use postgres::{PostgresThrottle, forget_devices_in};
pub(crate) use sqlserver::{SqlServerThrottle, forget_devices_on_sqlserver};

/// Failures and known devices in the service's own database.
#[async_trait]
pub(crate) trait ThrottleStore: Send + Sync {
    /// Counts an attempt, unless the key has to wait: then answers until when, and counts nothing.
    async fn count(
        &self,
        key: &Hash,
        policy: &Policy,
        now: OffsetDateTime,
    ) -> Result<Option<OffsetDateTime>, StoreError>;

    /// Takes back an attempt that was none, and the wait that it began.
    async fn take_back(&self, key: &Hash) -> Result<(), StoreError>;

    /// Forgets every failure of a key.
    async fn forget(&self, key: &Hash) -> Result<(), StoreError>;

    /// Whether this device was remembered for this account.
    async fn is_known(&self, device: &Hash, account: Uuid, now: OffsetDateTime) -> Result<bool, StoreError>;

    /// Remembers a new device for an account that still has this password; answers whether it has.
    async fn remember(
        &self,
        device: &Hash,
        account: Uuid,
        password_hash: &str,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Deletes what is forgotten.
    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError>;
}
