//! Where second factors are kept: one trait, two engines, one suite of tests for both (`tests/people`,
//! `tests/engines`). What changes with the account is a [`Change`] in the account's own transaction.

mod postgres;
mod sqlserver;

use async_trait::async_trait;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::StoreError;
use crate::capability::Hash;
use crate::keys::Sealed;
use crate::mail::Mail;

pub(crate) use postgres::{PostgresSecondFactors, apply_in};
pub(crate) use sqlserver::{SqlServerSecondFactors, apply_on_sqlserver};

/// An authenticator as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) sealed: Sealed,
    pub(crate) created_at: OffsetDateTime,
    /// Since when it counts; absent while it is being set up.
    pub(crate) confirmed_at: Option<OffsetDateTime>,
}

/// What becomes of a second factor with a change of its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// The one that is being set up counts from now on, if its sealed secret still is this. The code of this step is
    /// spent.
    Confirm { secret: Vec<u8>, step: i64, codes: Vec<Hash> },
    /// Other recovery codes.
    Renew { codes: Vec<Hash> },
    /// It is gone, with its recovery codes.
    Remove,
}

/// Second factors in the service's own database.
#[async_trait]
pub(crate) trait SecondFactorStore: Send + Sync {
    async fn find(&self, account: Uuid) -> Result<Option<Kept>, StoreError>;

    /// Begins a set-up, in place of one that was begun before. Answers `false`, and keeps nothing, when the account
    /// has a second factor or is gone.
    async fn begin(&self, account: Uuid, sealed: &Sealed, now: OffsetDateTime) -> Result<bool, StoreError>;

    /// Notes that the code of a step was accepted; answers `false` when that or a later one was before. Of several at
    /// the same moment one succeeds.
    async fn accept(&self, account: Uuid, step: i64) -> Result<bool, StoreError>;

    /// Spends a recovery code, of which a mail tells; answers `false` when there is none such. Of several at the same
    /// moment one succeeds.
    async fn spend(&self, account: Uuid, code: &Hash, mail: &Mail) -> Result<bool, StoreError>;

    async fn codes_left(&self, account: Uuid) -> Result<u32, StoreError>;

    /// Opens the step after the password, for an account that still has this one and is neither locked nor deleted;
    /// answers whether it is so.
    async fn open_step(
        &self,
        step: &Hash,
        account: Uuid,
        password_hash: &str,
        until: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Whose step it is, while it is open and fewer than `most` codes were tried.
    async fn step(&self, step: &Hash, most: i32, now: OffsetDateTime) -> Result<Option<Uuid>, StoreError>;

    /// Counts a try; answers `false` when the step is over or somebody else's.
    async fn count_try(
        &self,
        step: &Hash,
        account: Uuid,
        most: i32,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Ends a step; answers whether it was there.
    async fn end_step(&self, step: &Hash) -> Result<bool, StoreError>;

    /// Deletes steps that are over, and set-ups that were begun before `begun` and not confirmed.
    async fn sweep(&self, now: OffsetDateTime, begun: OffsetDateTime) -> Result<(), StoreError>;
}
