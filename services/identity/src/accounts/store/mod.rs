//! Where accounts are kept: one trait, two engines, one suite of tests for both (`tests/engines.rs`).

mod postgres;
mod sqlserver;

use async_trait::async_trait;
use uuid::Uuid;

use super::domain::Account;

pub(crate) use postgres::PostgresAccounts;
pub(crate) use sqlserver::SqlServerAccounts;

/// Why the store has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Another account has this e-mail address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// A row that this version can't read.
    #[error("an account in the database is not readable: {0}")]
    Corrupt(&'static str),
    /// The database is away or refuses.
    #[error("the database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Accounts in the service's own database. Deleted ones are not found.
#[async_trait]
pub(crate) trait AccountStore: Send + Sync {
    /// The account with this id.
    async fn find(&self, id: Uuid) -> Result<Option<Account>, StoreError>;

    /// The account with this address in the form that is compared.
    async fn find_by_email(&self, email_key: &str) -> Result<Option<Account>, StoreError>;
}
