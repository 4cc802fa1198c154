//! Where grants are kept: one trait, two engines, one suite of tests for both (`tests/engines.rs`). Only hashes
//! of what clients hold come here.

mod postgres;
mod sqlserver;

use std::sync::Arc;

use async_trait::async_trait;
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{Code, Family, Holder, Rotation};
use crate::oauth::Hash;

pub(crate) use postgres::PostgresGrants;
pub(crate) use sqlserver::SqlServerGrants;

/// Why the store has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// A row that this version can't read.
    #[error("a grant in the database is not readable")]
    Corrupt,
    /// The database is away or refuses.
    #[error("the database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The same failure as that of others who asked together with this one.
    #[error(transparent)]
    Shared(Arc<StoreError>),
    /// Nobody answers any more.
    #[error("the look at the database was given up")]
    GivenUp,
}

/// What an access token names, as far as the store knows about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    pub(crate) jti: Hash,
    /// The grant that it came from, which must not be revoked.
    pub(crate) family: Option<Uuid>,
    /// The user and the session, for a user's token.
    pub(crate) account: Option<Uuid>,
    pub(crate) session: Option<Uuid>,
}

impl Named {
    /// Whether it ends with nothing but itself.
    pub(super) fn is_alone(&self) -> bool {
        self.family.is_none() && self.account.is_none() && self.session.is_none()
    }
}

/// What the store knows about an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenState {
    /// It was revoked, its session ended, or its user is locked or gone.
    Ended,
    /// A service's token that nobody revoked.
    Service,
    /// A user's token that is still good, and what the user is now.
    User(Holder),
}

/// Grants in the service's own database.
#[async_trait]
pub(crate) trait GrantStore: Send + Sync {
    async fn insert_code(&self, hash: &Hash, code: &Code) -> Result<(), StoreError>;

    async fn find_code(&self, hash: &Hash) -> Result<Option<Code>, StoreError>;

    /// Marks a code as used and stores the family that it gives, in one transaction. Answers whether it was the
    /// first time and its session is still there; otherwise nothing is stored. A sign-out that happens meanwhile
    /// is waited for.
    async fn redeem(&self, hash: &Hash, family: &Family) -> Result<bool, StoreError>;

    /// Stores a family of no session, of an account that still has this password, has no second factor, and is neither
    /// locked nor deleted; answers whether it is so.
    async fn insert_family(&self, family: &Family, password_hash: &str) -> Result<bool, StoreError>;

    /// A family, and who holds it.
    async fn find_family(
        &self,
        id: Uuid,
        now: OffsetDateTime,
    ) -> Result<Option<(Family, Option<Holder>)>, StoreError>;

    /// Replaces a family's token if it still is the one that the rotation begins with; answers whether it was.
    async fn rotate(&self, family: Uuid, rotation: &Rotation) -> Result<bool, StoreError>;

    async fn revoke_family(&self, id: Uuid, now: OffsetDateTime) -> Result<(), StoreError>;

    /// Revokes families of clients that are not among `clients`, when they were made before `before`; `limit` at
    /// most. Answers how many.
    async fn revoke_families_without_client(
        &self,
        clients: &[String],
        before: OffsetDateTime,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<u64, StoreError>;

    /// Who somebody is who holds a session, for a code that is exchanged.
    async fn holder(
        &self,
        account: Uuid,
        session: Option<Uuid>,
        now: OffsetDateTime,
    ) -> Result<Option<Holder>, StoreError>;

    /// What is known about each of these tokens, in their order.
    async fn token_states(
        &self,
        tokens: &[Named],
        now: OffsetDateTime,
    ) -> Result<Vec<TokenState>, StoreError>;

    /// Notes that an assertion was used; answers whether it was the first time.
    async fn use_assertion(&self, hash: &Hash, expires_at: OffsetDateTime) -> Result<bool, StoreError>;

    /// Revokes an access token that would live until `expires_at`.
    async fn revoke_token(&self, jti: &Hash, expires_at: OffsetDateTime) -> Result<(), StoreError>;

    /// Deletes what expired before `before`, `limit` rows of each kind at most; answers how many. Several
    /// replicas may do it at the same time.
    async fn sweep(&self, before: OffsetDateTime, limit: u32) -> Result<u64, StoreError>;
}
