//! Whose browser it is. A stand-in that only reads and ends sessions.

use http::{HeaderMap, HeaderValue, header};
use platform_service::sqlserver::{Pool, SqlServerError, utc};
use sqlx::PgPool;
use std::sync::Arc;
use time::{OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

use super::domain::Session;
use crate::accounts::{Account, AccountStore, StoreError};
use crate::oauth::sha256;

#[derive(Clone)]
pub(crate) enum SessionPool {
    Postgres(PgPool),
    SqlServer(Pool),
}

/// Sessions. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sessions {
    pool: SessionPool,
    accounts: Arc<dyn AccountStore>,
}

impl Sessions {
    pub(crate) fn new(pool: SessionPool, accounts: Arc<dyn AccountStore>) -> Self {
        Self { pool, accounts }
    }

    pub(crate) async fn current(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<(Session, Account)>, StoreError> {
        let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let Some((_, value)) = pairs.find(|(name, _)| *name == "id" || *name == "__Secure-id") else {
            return Ok(None);
        };
        let Some(session) = self.find_by(&sha256(value.as_bytes())).await? else { return Ok(None) };
        let account = self.accounts.find(session.account_id).await?;
        Ok(account.filter(|account| account.locked_at.is_none()).map(|account| (session, account)))
    }

    async fn find_by(&self, hash: &[u8; 32]) -> Result<Option<Session>, StoreError> {
        let now = platform_service::now();
        match &self.pool {
            SessionPool::Postgres(pool) => {
                type Row = (Uuid, Uuid, OffsetDateTime, OffsetDateTime, OffsetDateTime, OffsetDateTime, String);
                let row: Option<Row> = sqlx::query_as(
                    "SELECT id, account_id, auth_time, created_at, last_seen_at, expires_at, user_agent
                     FROM sessions WHERE cookie_hash = $1 AND ended_at IS NULL AND expires_at > $2",
                )
                .bind(hash.as_slice())
                .bind(now)
                .fetch_optional(pool)
                .await?;
                Ok(row.map(|(id, account_id, auth_time, created_at, last_seen_at, expires_at, user_agent)| {
                    Session { id, account_id, auth_time, created_at, last_seen_at, expires_at, user_agent }
                }))
            }
            SessionPool::SqlServer(pool) => {
                let mut connection = pool.get().await.map_err(SqlServerError::from)?;
                let sql = "SELECT id, account_id, auth_time, created_at, last_seen_at, expires_at, user_agent
                           FROM sessions WHERE cookie_hash = @P1 AND ended_at IS NULL AND expires_at > @P2";
                let rows = connection.query(sql, &[&hash.as_slice(), &utc(now)]).await?;
                let Some(row) = rows.first() else { return Ok(None) };
                let id = |column| row.get::<&[u8], _>(column).and_then(|id| Uuid::from_slice(id).ok());
                let at = |column| row.get::<PrimitiveDateTime, _>(column).map(PrimitiveDateTime::assume_utc);
                let read = || {
                    Some(Session {
                        id: id("id")?,
                        account_id: id("account_id")?,
                        auth_time: at("auth_time")?,
                        created_at: at("created_at")?,
                        last_seen_at: at("last_seen_at")?,
                        expires_at: at("expires_at")?,
                        user_agent: row.get::<&str, _>("user_agent")?.to_owned(),
                    })
                };
                read().map(Some).ok_or(StoreError::Corrupt("a session"))
            }
        }
    }

    pub(crate) async fn end(&self, id: Uuid) -> Result<(), StoreError> {
        let now = platform_service::now();
        match &self.pool {
            SessionPool::Postgres(pool) => {
                sqlx::query("UPDATE sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL")
                    .bind(id)
                    .bind(now)
                    .execute(pool)
                    .await?;
            }
            SessionPool::SqlServer(pool) => {
                let mut connection = pool.get().await.map_err(SqlServerError::from)?;
                let sql = "UPDATE sessions SET ended_at = @P2 WHERE id = @P1 AND ended_at IS NULL";
                connection.execute(sql, &[&id.as_bytes().as_slice(), &utc(now)]).await?;
            }
        }
        Ok(())
    }

    pub(crate) fn signed_out_cookie(&self) -> Option<HeaderValue> {
        Some(HeaderValue::from_static("id=; Path=/identity; Max-Age=0; SameSite=Lax; HttpOnly"))
    }
}
