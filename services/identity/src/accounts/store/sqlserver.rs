//! Accounts in SQL Server.

use async_trait::async_trait;
use platform_service::sqlserver::{Pool, SqlServerError};
use tiberius::{Row, ToSql};
use time::{OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

use super::{AccountStore, StoreError};
use crate::accounts::domain::{Account, Roles};

/// Accounts in SQL Server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SqlServerAccounts(Pool);

impl SqlServerAccounts {
    pub(crate) fn new(pool: Pool) -> Self {
        Self(pool)
    }

    async fn one(&self, condition: &str, value: &dyn ToSql) -> Result<Option<Account>, StoreError> {
        let mut connection = self.0.get().await.map_err(SqlServerError::from)?;
        let sql = format!("SELECT {COLUMNS} FROM accounts WHERE {condition} AND deleted_at IS NULL");
        let rows = connection.query(&sql, &[value]).await?;
        rows.first().map(|row| read(row).ok_or(UNREADABLE)).transpose()
    }
}

impl From<SqlServerError> for StoreError {
    fn from(error: SqlServerError) -> Self {
        Self::Database(Box::new(error))
    }
}

const COLUMNS: &str = "id, email, email_verified_at, name, city, language, password_hash, instructor, admin, \
                       locked_at, created_at, version";
const UNREADABLE: StoreError = StoreError::Corrupt("a column has another type or is empty");

#[async_trait]
impl AccountStore for SqlServerAccounts {
    async fn find(&self, id: Uuid) -> Result<Option<Account>, StoreError> {
        self.one("id = @P1", &id.as_bytes().as_slice()).await
    }

    async fn find_by_email(&self, email_key: &str) -> Result<Option<Account>, StoreError> {
        self.one("email_key = @P1", &email_key).await
    }
}

fn read(row: &Row) -> Option<Account> {
    let text = |column| row.try_get::<&str, _>(column).ok().flatten().map(str::to_owned);
    let flag = |column| row.try_get::<bool, _>(column).ok().flatten();
    let instant = |column| -> Option<OffsetDateTime> {
        row.try_get::<PrimitiveDateTime, _>(column).ok().flatten().map(PrimitiveDateTime::assume_utc)
    };
    Some(Account {
        id: row.try_get::<&[u8], _>("id").ok().flatten().and_then(|id| Uuid::from_slice(id).ok())?,
        email: text("email")?,
        email_verified_at: instant("email_verified_at"),
        name: text("name")?,
        city: text("city")?,
        language: text("language")?,
        password_hash: text("password_hash")?,
        roles: Roles { instructor: flag("instructor")?, admin: flag("admin")? },
        locked_at: instant("locked_at"),
        created_at: instant("created_at")?,
        version: row.try_get("version").ok()??,
    })
}
