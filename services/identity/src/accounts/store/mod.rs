//! Where accounts are kept: one trait, two engines, one suite of tests for both (`tests/engines.rs`).
//!
//! A change and everything that belongs to it ([`Effects`]: events, mails, sessions that end, the link that
//! is spent) are one transaction, so that nothing of it can be lost or happen alone.

mod postgres;
mod sqlserver;

use async_trait::async_trait;
use platform_messaging::{CloudEvent, OutboxError};
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::Account;
use crate::capability::Hash;
use crate::mail::Mail;
use crate::second_factor::Change;

pub(crate) use postgres::PostgresAccounts;
pub(crate) use sqlserver::SqlServerAccounts;

/// Why the store has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Another account has this e-mail address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// The link was used before, or is too old.
    #[error("the link is spent")]
    LinkSpent,
    /// Nobody would be an administrator any more.
    #[error("it is the last administrator")]
    LastAdministrator,
    /// Another second factor is being set up, or none.
    #[error("the second factor that was set up is not there any more")]
    SetUpOver,
    /// The keyring does not open a shared secret, or can't be read.
    #[error("the keyring does not seal or open a shared secret")]
    Sealing(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row that this version can't read.
    #[error("an account in the database is not readable: {0}")]
    Corrupt(&'static str),
    /// The database is away or refuses.
    #[error("the database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// A row without what its table demands.
    pub(crate) const UNREADABLE: Self = Self::Corrupt("a column has another type or is empty");
}

impl From<OutboxError> for StoreError {
    fn from(error: OutboxError) -> Self {
        Self::Database(Box::new(error))
    }
}

/// Which of an account's sessions end with a change, and with them the refresh tokens that they gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndSessions {
    None,
    All,
    /// Every one but this.
    AllBut(Uuid),
}

/// What belongs to a change of an account.
#[derive(Debug, Clone)]
pub(crate) struct Effects {
    /// When it happens.
    pub(crate) at: OffsetDateTime,
    pub(crate) events: Vec<CloudEvent>,
    pub(crate) mails: Vec<Mail>,
    pub(crate) end_sessions: EndSessions,
    /// The link that allows it; the change does not happen when it is spent.
    pub(crate) spends: Option<Hash>,
    /// Withdraws every other link that would give the account away. Ending sessions does that anyway.
    pub(crate) withdraws_links: bool,
    /// Browsers that were known for the account are strangers from now on.
    pub(crate) forgets_devices: bool,
    /// The account is an administrator's who will be none. It does not happen to the last one, however many try it
    /// with each other at the same moment.
    pub(crate) takes_an_administrator: bool,
    /// What becomes of the second factor.
    pub(crate) second_factor: Option<Change>,
}

impl Effects {
    /// None, at this time.
    pub(crate) fn none(at: OffsetDateTime) -> Self {
        Self {
            at,
            events: Vec::new(),
            mails: Vec::new(),
            end_sessions: EndSessions::None,
            spends: None,
            withdraws_links: false,
            forgets_devices: false,
            takes_an_administrator: false,
            second_factor: None,
        }
    }
}

/// The position of an account in the list, newest first.
pub(crate) type Position = (OffsetDateTime, Uuid);

/// Accounts in the service's own database. Deleted ones are not found.
#[async_trait]
pub(crate) trait AccountStore: Send + Sync {
    /// The account with this id.
    async fn find(&self, id: Uuid) -> Result<Option<Account>, StoreError>;

    /// The account with this address in the form that is compared.
    async fn find_by_email(&self, email_key: &str) -> Result<Option<Account>, StoreError>;

    /// Whether an account is an administrator's, or was one's when it was deleted.
    async fn has_administrator(&self) -> Result<bool, StoreError>;

    /// At most `count` accounts whose address or name contains `search` (in lower case), newest first.
    async fn list(
        &self,
        search: Option<&str>,
        after: Option<Position>,
        count: u16,
    ) -> Result<Vec<Account>, StoreError>;

    /// Stores a new account.
    async fn insert(&self, account: &Account, effects: &Effects) -> Result<(), StoreError>;

    /// Stores a changed account, whose version is one more than the stored one's. Answers `false`, and
    /// changes nothing, when somebody else has changed it.
    async fn update(&self, account: &Account, effects: &Effects) -> Result<bool, StoreError>;

    /// Takes everything personal away from an account; its row stays, so that its id is never given again.
    /// `version` as in [`update`](Self::update).
    async fn erase(&self, id: Uuid, version: i64, effects: &Effects) -> Result<bool, StoreError>;

    /// Lets mails wait that belong to no change.
    async fn enqueue(&self, mails: &[Mail]) -> Result<(), StoreError>;
}
