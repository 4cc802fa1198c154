//! Where sessions are kept: one trait, two engines, one suite of tests for both (`tests/engines.rs`).

mod postgres;
mod sqlserver;

use async_trait::async_trait;
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::Session;
use crate::accounts::{Account, StoreError};
use crate::capability::Hash;

pub(crate) use postgres::{PostgresSessions, end_all_in};
pub(crate) use sqlserver::{SqlServerSessions, end_all_on_sqlserver};

/// How a session is found.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By {
    Id(Uuid),
    Cookie(Hash),
}

/// Sessions in the service's own database. Those that have ended or expired are not found.
#[async_trait]
pub(crate) trait SessionStore: Send + Sync {
    async fn find(&self, by: By, now: OffsetDateTime) -> Result<Option<Session>, StoreError>;

    /// The account's sessions, the last one seen first.
    async fn of_account(&self, account: Uuid, now: OffsetDateTime) -> Result<Vec<Session>, StoreError>;

    /// Stores a session of an account that still has this password, has a second factor or none as before, and is
    /// neither locked nor deleted; answers whether it is so. A change of the account that happens meanwhile is waited
    /// for.
    async fn insert(&self, session: &Session, cookie: &Hash, account: &Account) -> Result<bool, StoreError>;

    /// Gives a session a new cookie and the times of a new sign-in; the old cookie is worth nothing any more.
    /// Answers `false` when it has ended.
    async fn renew(&self, session: &Session, cookie: &Hash) -> Result<bool, StoreError>;

    async fn seen(&self, id: Uuid, at: OffsetDateTime) -> Result<(), StoreError>;

    /// Ends a session, and with it the refresh tokens that it gave. Harmless when it has ended.
    async fn end(&self, id: Uuid, at: OffsetDateTime) -> Result<(), StoreError>;

    /// Ends every session of an account but one, and every refresh token that was not given in that one; withdraws
    /// the mailed links that would give the account away, and ends sign-ins that wait for their second factor.
    async fn end_all(&self, account: Uuid, but: Option<Uuid>, at: OffsetDateTime) -> Result<(), StoreError>;

    /// Deletes what expired before `before` and nothing refers to.
    async fn sweep(&self, before: OffsetDateTime) -> Result<(), StoreError>;
}
