//! Accounts in SQL Server.

use async_trait::async_trait;
use platform_messaging::outbox;
use platform_service::sqlserver::{Columns as _, Pool, SqlServerError, Transaction, utc};
use tiberius::{Row, ToSql};
use uuid::Uuid;

use super::{AccountStore, Effects, EndSessions, Position, StoreError};
use crate::accounts::domain::{Account, Roles};
use crate::mail::{self, Mail};
use crate::{second_factor, sessions, throttle};

/// Accounts in SQL Server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SqlServerAccounts(Pool);

impl SqlServerAccounts {
    pub(crate) fn new(pool: Pool) -> Self {
        Self(pool)
    }

    async fn one(&self, condition: &str, value: &dyn ToSql) -> Result<Option<Account>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM accounts WHERE {condition} AND deleted_at IS NULL");
        let rows = self.0.query(&sql, &[value]).await?;
        rows.first().map(|row| read(row).ok_or(StoreError::UNREADABLE)).transpose()
    }
}

impl From<SqlServerError> for StoreError {
    fn from(error: SqlServerError) -> Self {
        Self::Database(Box::new(error))
    }
}

const COLUMNS: &str = "id, email, email_verified_at, name, city, language, password_hash, instructor, admin, \
                       second_factor_at, locked_at, created_at, updated_at, version";

#[async_trait]
impl AccountStore for SqlServerAccounts {
    async fn find(&self, id: Uuid) -> Result<Option<Account>, StoreError> {
        self.one("id = @P1", &id.as_bytes().as_slice()).await
    }

    async fn find_by_email(&self, email_key: &str) -> Result<Option<Account>, StoreError> {
        self.one("email_key = @P1", &email_key).await
    }

    async fn has_administrator(&self) -> Result<bool, StoreError> {
        let rows = self.0.query("SELECT TOP (1) id FROM accounts WHERE admin = 1", &[]).await?;
        Ok(!rows.is_empty())
    }

    async fn list(
        &self,
        search: Option<&str>,
        after: Option<Position>,
        count: u16,
    ) -> Result<Vec<Account>, StoreError> {
        let sql = format!(
            "SELECT TOP (@P4) {COLUMNS} FROM accounts
             WHERE deleted_at IS NULL
               AND (@P1 IS NULL OR CHARINDEX(@P1, email_key) > 0 OR CHARINDEX(@P1, LOWER(name)) > 0)
               AND (@P2 IS NULL OR created_at < @P2 OR (created_at = @P2 AND id < @P3))
             ORDER BY created_at DESC, id DESC"
        );
        let (at, id) = after.unzip();
        let at = at.map(utc);
        let id = id.unwrap_or(Uuid::max());
        let parameters: [&dyn ToSql; 4] = [&search, &at, &id.as_bytes().as_slice(), &i64::from(count)];
        let rows = self.0.query(&sql, &parameters).await?;
        rows.iter().map(|row| read(row).ok_or(StoreError::UNREADABLE)).collect()
    }

    async fn insert(&self, account: &Account, effects: &Effects) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        let inserted = tx
            .execute(
                "INSERT INTO accounts (id, email, email_key, email_verified_at, name, city, language,
                                       password_hash, instructor, admin, locked_at, created_at, version,
                                       updated_at, second_factor_at)
                 VALUES (@P1, @P2, @P3, @P4, @P5, @P6, @P7, @P8, @P9, @P10, @P11, @P12, @P13, @P14, @P15)",
                &[
                    &account.id.as_bytes().as_slice(),
                    &account.email.as_str(),
                    &account.email_key().as_str(),
                    &account.email_verified_at.map(utc),
                    &account.name.as_str(),
                    &account.city.as_str(),
                    &account.language.as_str(),
                    &account.password_hash.as_str(),
                    &account.roles.instructor,
                    &account.roles.admin,
                    &account.locked_at.map(utc),
                    &utc(account.created_at),
                    &account.version,
                    &utc(account.updated_at),
                    &account.second_factor_at.map(utc),
                ],
            )
            .await;
        inserted.map_err(taken)?;
        apply(&mut tx, account.id, effects).await?;
        Ok(tx.commit().await?)
    }

    async fn update(&self, account: &Account, effects: &Effects) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        if effects.takes_an_administrator {
            another_administrator(&mut tx, account.id).await?;
        }
        let updated = tx
            .execute(
                "UPDATE accounts SET email = @P3, email_key = @P4, email_verified_at = @P5, name = @P6,
                        city = @P7, language = @P8, password_hash = @P9, instructor = @P10, admin = @P11,
                        locked_at = @P12, version = @P2, updated_at = @P13, second_factor_at = @P14
                 WHERE id = @P1 AND version = @P2 - 1 AND deleted_at IS NULL",
                &[
                    &account.id.as_bytes().as_slice(),
                    &account.version,
                    &account.email.as_str(),
                    &account.email_key().as_str(),
                    &account.email_verified_at.map(utc),
                    &account.name.as_str(),
                    &account.city.as_str(),
                    &account.language.as_str(),
                    &account.password_hash.as_str(),
                    &account.roles.instructor,
                    &account.roles.admin,
                    &account.locked_at.map(utc),
                    &utc(account.updated_at),
                    &account.second_factor_at.map(utc),
                ],
            )
            .await;
        if updated.map_err(taken)? == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        apply(&mut tx, account.id, effects).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn erase(&self, id: Uuid, version: i64, effects: &Effects) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        let bytes = id.as_bytes().as_slice();
        if effects.takes_an_administrator {
            another_administrator(&mut tx, id).await?;
        }
        let updated = tx
            .execute(
                "UPDATE accounts SET email = NULL, email_key = NULL, email_verified_at = NULL, name = '',
                        city = '', password_hash = NULL, second_factor_at = NULL, deleted_at = @P3,
                        version = @P2
                 WHERE id = @P1 AND version = @P2 - 1 AND deleted_at IS NULL",
                &[&bytes, &version, &utc(effects.at)],
            )
            .await?;
        if updated == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        apply(&mut tx, id, effects).await?;
        for personal in [
            "DELETE FROM mails WHERE account_id = @P1",
            "DELETE FROM mailed_links WHERE account_id = @P1",
            "DELETE FROM known_devices WHERE account_id = @P1",
            "DELETE FROM consents WHERE account_id = @P1",
            "UPDATE sessions SET user_agent = '' WHERE account_id = @P1",
        ] {
            tx.execute(personal, &[&bytes]).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn enqueue(&self, mails: &[Mail]) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        for mail in mails {
            mail::enqueue_on_sqlserver(&mut tx, mail).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// `accounts_by_email` is the only unique index that a caller's values can hit.
fn taken(error: SqlServerError) -> StoreError {
    if error.is_duplicate() { StoreError::EmailTaken } else { error.into() }
}

/// Passes when somebody else is an administrator, who stays one until this transaction ends: all of them are locked,
/// in one order, so that two who take the role from each other come one after the other.
async fn another_administrator(tx: &mut Transaction, account: Uuid) -> Result<(), StoreError> {
    let rows = tx
        .query(
            "SELECT id FROM accounts WITH (UPDLOCK)
             WHERE admin = 1 AND locked_at IS NULL AND deleted_at IS NULL ORDER BY id",
            &[],
        )
        .await?;
    let another = rows.iter().any(|row| row.id("id") != Some(account));
    if another { Ok(()) } else { Err(StoreError::LastAdministrator) }
}

/// Everything that belongs to a change, after the account's own row was changed.
async fn apply(tx: &mut Transaction, account: Uuid, effects: &Effects) -> Result<(), StoreError> {
    if let Some(hash) = &effects.spends {
        let spent = tx
            .execute(
                "UPDATE mailed_links SET used_at = @P3
                 WHERE token_hash = @P1 AND account_id = @P2 AND used_at IS NULL AND expires_at > @P3",
                &[&hash.as_slice(), &account.as_bytes().as_slice(), &utc(effects.at)],
            )
            .await?;
        if spent == 0 {
            return Err(StoreError::LinkSpent);
        }
    }
    match effects.end_sessions {
        EndSessions::None if effects.withdraws_links => mail::withdraw_on_sqlserver(tx, account).await?,
        EndSessions::None => {}
        EndSessions::All => sessions::end_all_on_sqlserver(tx, account, None, effects.at).await?,
        EndSessions::AllBut(session) => {
            sessions::end_all_on_sqlserver(tx, account, Some(session), effects.at).await?;
        }
    }
    if effects.forgets_devices {
        throttle::forget_devices_on_sqlserver(tx, account).await?;
    }
    if let Some(change) = &effects.second_factor {
        second_factor::apply_on_sqlserver(tx, account, change, effects.at).await?;
    }
    for mail in &effects.mails {
        mail::enqueue_on_sqlserver(tx, mail).await?;
    }
    for event in &effects.events {
        outbox::sqlserver::append(tx, event).await?;
    }
    Ok(())
}

fn read(row: &Row) -> Option<Account> {
    Some(Account {
        id: row.id("id")?,
        email: row.text("email")?,
        email_verified_at: row.instant("email_verified_at"),
        name: row.text("name")?,
        city: row.text("city")?,
        language: row.text("language")?,
        password_hash: row.text("password_hash")?,
        roles: Roles { instructor: row.value("instructor")?, admin: row.value("admin")? },
        second_factor_at: row.instant("second_factor_at"),
        locked_at: row.instant("locked_at"),
        created_at: row.instant("created_at")?,
        updated_at: row.instant("updated_at").or_else(|| row.instant("created_at"))?,
        version: row.value("version")?,
    })
}
