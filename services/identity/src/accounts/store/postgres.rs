//! Accounts in PostgreSQL.

use async_trait::async_trait;
use platform_messaging::outbox;
use sqlx::{FromRow, PgPool, PgTransaction};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{AccountStore, Effects, EndSessions, Position, StoreError};
use crate::accounts::domain::{Account, Roles};
use crate::mail::{self, Mail};
use crate::{second_factor, sessions, throttle};

/// Accounts in PostgreSQL. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PostgresAccounts(PgPool);

impl PostgresAccounts {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self(pool)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let duplicate = |error: &dyn sqlx::error::DatabaseError| {
            error.is_unique_violation() && error.constraint() == Some("accounts_email_key_key")
        };
        match error.as_database_error() {
            Some(refused) if duplicate(refused) => Self::EmailTaken,
            _ => Self::Database(Box::new(error)),
        }
    }
}

#[async_trait]
impl AccountStore for PostgresAccounts {
    async fn find(&self, id: Uuid) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query_as("SELECT * FROM accounts WHERE id = $1 AND deleted_at IS NULL").bind(id);
        Ok(row.fetch_optional(&self.0).await?.map(Row::into_account))
    }

    async fn find_by_email(&self, email_key: &str) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query_as("SELECT * FROM accounts WHERE email_key = $1").bind(email_key);
        Ok(row.fetch_optional(&self.0).await?.map(Row::into_account))
    }

    async fn has_administrator(&self) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM accounts WHERE admin)";
        Ok(sqlx::query_scalar(sql).fetch_one(&self.0).await?)
    }

    async fn list(
        &self,
        search: Option<&str>,
        after: Option<Position>,
        count: u16,
    ) -> Result<Vec<Account>, StoreError> {
        let (at, id) = after.unzip();
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM accounts
             WHERE deleted_at IS NULL
               AND ($1::text IS NULL OR position($1 IN email_key) > 0 OR position($1 IN lower(name)) > 0)
               AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3))
             ORDER BY created_at DESC, id DESC LIMIT $4",
        )
        .bind(search)
        .bind(at)
        .bind(id)
        .bind(i64::from(count))
        .fetch_all(&self.0)
        .await?;
        Ok(rows.into_iter().map(Row::into_account).collect())
    }

    async fn insert(&self, account: &Account, effects: &Effects) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        sqlx::query(
            "INSERT INTO accounts (id, email, email_key, email_verified_at, name, city, language,
                                   password_hash, instructor, admin, locked_at, created_at, version,
                                   updated_at, second_factor_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        )
        .bind(account.id)
        .bind(&account.email)
        .bind(account.email_key())
        .bind(account.email_verified_at)
        .bind(&account.name)
        .bind(&account.city)
        .bind(&account.language)
        .bind(&account.password_hash)
        .bind(account.roles.instructor)
        .bind(account.roles.admin)
        .bind(account.locked_at)
        .bind(account.created_at)
        .bind(account.version)
        .bind(account.updated_at)
        .bind(account.second_factor_at)
        .execute(&mut *tx)
        .await?;
        apply(&mut tx, account.id, effects).await?;
        Ok(tx.commit().await?)
    }

    async fn update(&self, account: &Account, effects: &Effects) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        if effects.takes_an_administrator {
            another_administrator(&mut tx, account.id).await?;
        }
        let updated = sqlx::query(
            "UPDATE accounts SET email = $3, email_key = $4, email_verified_at = $5, name = $6, city = $7,
                    language = $8, password_hash = $9, instructor = $10, admin = $11, locked_at = $12,
                    version = $2, updated_at = $13, second_factor_at = $14
             WHERE id = $1 AND version = $2 - 1 AND deleted_at IS NULL",
        )
        .bind(account.id)
        .bind(account.version)
        .bind(&account.email)
        .bind(account.email_key())
        .bind(account.email_verified_at)
        .bind(&account.name)
        .bind(&account.city)
        .bind(&account.language)
        .bind(&account.password_hash)
        .bind(account.roles.instructor)
        .bind(account.roles.admin)
        .bind(account.locked_at)
        .bind(account.updated_at)
        .bind(account.second_factor_at)
        .execute(&mut *tx)
        .await?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        apply(&mut tx, account.id, effects).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn erase(&self, id: Uuid, version: i64, effects: &Effects) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        if effects.takes_an_administrator {
            another_administrator(&mut tx, id).await?;
        }
        let updated = sqlx::query(
            "UPDATE accounts SET email = NULL, email_key = NULL, email_verified_at = NULL, name = '', city = '',
                    password_hash = NULL, second_factor_at = NULL, deleted_at = $3, version = $2
             WHERE id = $1 AND version = $2 - 1 AND deleted_at IS NULL",
        )
        .bind(id)
        .bind(version)
        .bind(effects.at)
        .execute(&mut *tx)
        .await?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        apply(&mut tx, id, effects).await?;
        for personal in [
            "DELETE FROM mails WHERE account_id = $1",
            "DELETE FROM mailed_links WHERE account_id = $1",
            "DELETE FROM known_devices WHERE account_id = $1",
            "DELETE FROM consents WHERE account_id = $1",
            "UPDATE sessions SET user_agent = '' WHERE account_id = $1",
        ] {
            sqlx::query(personal).bind(id).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn enqueue(&self, mails: &[Mail]) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        for mail in mails {
            mail::enqueue_in(&mut tx, mail).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// Passes when somebody else is an administrator, who stays one until this transaction ends: all of them are locked,
/// in one order, so that two who take the role from each other come one after the other.
async fn another_administrator(tx: &mut PgTransaction<'_>, account: Uuid) -> Result<(), StoreError> {
    let sql = "SELECT id FROM accounts WHERE admin AND locked_at IS NULL AND deleted_at IS NULL
               ORDER BY id FOR UPDATE";
    let all: Vec<Uuid> = sqlx::query_scalar(sql).fetch_all(&mut **tx).await?;
    if all.iter().any(|id| *id != account) { Ok(()) } else { Err(StoreError::LastAdministrator) }
}

/// Everything that belongs to a change, after the account's own row was changed.
async fn apply(tx: &mut PgTransaction<'_>, account: Uuid, effects: &Effects) -> Result<(), StoreError> {
    if let Some(hash) = &effects.spends {
        let spent = sqlx::query(
            "UPDATE mailed_links SET used_at = $3
             WHERE token_hash = $1 AND account_id = $2 AND used_at IS NULL AND expires_at > $3",
        )
        .bind(hash.as_slice())
        .bind(account)
        .bind(effects.at)
        .execute(&mut **tx)
        .await?;
        if spent.rows_affected() == 0 {
            return Err(StoreError::LinkSpent);
        }
    }
    match effects.end_sessions {
        EndSessions::None if effects.withdraws_links => mail::withdraw_in(tx, account).await?,
        EndSessions::None => {}
        EndSessions::All => sessions::end_all_in(tx, account, None, effects.at).await?,
        EndSessions::AllBut(session) => {
            sessions::end_all_in(tx, account, Some(session), effects.at).await?;
        }
    }
    if effects.forgets_devices {
        throttle::forget_devices_in(tx, account).await?;
    }
    if let Some(change) = &effects.second_factor {
        second_factor::apply_in(tx, account, change, effects.at).await?;
    }
    for mail in &effects.mails {
        mail::enqueue_in(tx, mail).await?;
    }
    for event in &effects.events {
        outbox::postgres::append(tx, event).await?;
    }
    Ok(())
}

/// A row of an account that is not deleted.
#[derive(FromRow)]
struct Row {
    id: Uuid,
    email: String,
    email_verified_at: Option<OffsetDateTime>,
    name: String,
    city: String,
    language: String,
    password_hash: String,
    instructor: bool,
    admin: bool,
    second_factor_at: Option<OffsetDateTime>,
    locked_at: Option<OffsetDateTime>,
    created_at: OffsetDateTime,
    /// Absent in rows of before it was kept.
    updated_at: Option<OffsetDateTime>,
    version: i64,
}

impl Row {
    fn into_account(self) -> Account {
        Account {
            id: self.id,
            email: self.email,
            email_verified_at: self.email_verified_at,
            name: self.name,
            city: self.city,
            language: self.language,
            password_hash: self.password_hash,
            roles: Roles { instructor: self.instructor, admin: self.admin },
            second_factor_at: self.second_factor_at,
            locked_at: self.locked_at,
            created_at: self.created_at,
            updated_at: self.updated_at.unwrap_or(self.created_at),
            version: self.version,
        }
    }
}
