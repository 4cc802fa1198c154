//! Accounts in PostgreSQL.

use async_trait::async_trait;
use sqlx::{FromRow, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{AccountStore, StoreError};
use crate::accounts::domain::{Account, Roles};

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
        Self::Database(Box::new(error))
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
    locked_at: Option<OffsetDateTime>,
    created_at: OffsetDateTime,
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
            locked_at: self.locked_at,
            created_at: self.created_at,
            version: self.version,
        }
    }
}
