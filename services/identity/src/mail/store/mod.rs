//! Where mails wait and links are kept: one trait, two engines, one suite of tests for both
//! (`tests/engines.rs`). Mails are put there in the transaction of the change that they are about.

mod postgres;
mod sqlserver;

use async_trait::async_trait;
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{Link, Mail, Purpose};
use crate::accounts::StoreError;
use crate::capability::Hash;

pub(crate) use postgres::{PostgresMails, enqueue_in, withdraw_in};
pub(crate) use sqlserver::{SqlServerMails, enqueue_on_sqlserver, withdraw_on_sqlserver};

/// Mails and links in the service's own database.
#[async_trait]
pub(crate) trait MailStore: Send + Sync {
    /// Takes the mail that has waited longest, when one is due, and keeps others from taking it until `until`.
    async fn take(&self, now: OffsetDateTime, until: OffsetDateTime) -> Result<Option<Mail>, StoreError>;

    /// It is on its way, or given up.
    async fn done(&self, id: Uuid) -> Result<(), StoreError>;

    /// It is to be tried again from then on.
    async fn postpone(&self, id: Uuid, at: OffsetDateTime) -> Result<(), StoreError>;

    /// Keeps the hash of a link that is about to be mailed. Answers `false`, and keeps nothing, when the mail was
    /// withdrawn since it was taken.
    async fn insert_link(
        &self,
        hash: &Hash,
        mail: &Mail,
        purpose: Purpose,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// A link of this purpose that still works.
    async fn link(
        &self,
        hash: &Hash,
        purpose: Purpose,
        now: OffsetDateTime,
    ) -> Result<Option<Link>, StoreError>;

    /// Deletes links that work no more.
    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError>;
}
