//! Sessions in PostgreSQL.

use async_trait::async_trait;
use sqlx::{FromRow, PgPool, PgTransaction};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{By, SessionStore};
use crate::accounts::{Account, StoreError};
use crate::capability::Hash;
use crate::mail;
use crate::sessions::domain::{Methods, Session};

/// Sessions in PostgreSQL. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PostgresSessions(PgPool);

impl PostgresSessions {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self(pool)
    }
}

#[async_trait]
impl SessionStore for PostgresSessions {
    async fn find(&self, by: By, now: OffsetDateTime) -> Result<Option<Session>, StoreError> {
        const BY_ID: &str = "SELECT * FROM sessions WHERE id = $1 AND ended_at IS NULL AND expires_at > $2";
        const BY_COOKIE: &str =
            "SELECT * FROM sessions WHERE cookie_hash = $1 AND ended_at IS NULL AND expires_at > $2";
        let query = match &by {
            By::Id(id) => sqlx::query_as(BY_ID).bind(*id),
            By::Cookie(hash) => sqlx::query_as(BY_COOKIE).bind(hash.as_slice()),
        };
        Ok(query.bind(now).fetch_optional(&self.0).await?.map(Row::into_session))
    }

    async fn of_account(&self, account: Uuid, now: OffsetDateTime) -> Result<Vec<Session>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM sessions WHERE account_id = $1 AND ended_at IS NULL AND expires_at > $2
             ORDER BY last_seen_at DESC, id LIMIT 200",
        )
        .bind(account)
        .bind(now)
        .fetch_all(&self.0)
        .await?;
        Ok(rows.into_iter().map(Row::into_session).collect())
    }

    async fn insert(&self, session: &Session, cookie: &Hash, account: &Account) -> Result<bool, StoreError> {
        // The lock on the account's row makes a change of it come wholly before, or wholly after and see this.
        let inserted = sqlx::query(
            "INSERT INTO sessions (id, cookie_hash, account_id, auth_time, created_at, last_seen_at,
                                   expires_at, user_agent, amr)
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 FROM accounts
             WHERE id = $3 AND password_hash = $10 AND (second_factor_at IS NOT NULL) = $11
               AND locked_at IS NULL AND deleted_at IS NULL FOR SHARE",
        )
        .bind(session.id)
        .bind(cookie.as_slice())
        .bind(session.account_id)
        .bind(session.auth_time)
        .bind(session.created_at)
        .bind(session.last_seen_at)
        .bind(session.expires_at)
        .bind(&session.user_agent)
        .bind(session.methods.as_str())
        .bind(&account.password_hash)
        .bind(account.second_factor_at.is_some())
        .execute(&self.0)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }

    async fn renew(&self, session: &Session, cookie: &Hash) -> Result<bool, StoreError> {
        let renewed = sqlx::query(
            "UPDATE sessions SET cookie_hash = $2, auth_time = $3, last_seen_at = $4, expires_at = $5,
                    user_agent = $6, amr = $7
             WHERE id = $1 AND ended_at IS NULL",
        )
        .bind(session.id)
        .bind(cookie.as_slice())
        .bind(session.auth_time)
        .bind(session.last_seen_at)
        .bind(session.expires_at)
        .bind(&session.user_agent)
        .bind(session.methods.as_str())
        .execute(&self.0)
        .await?;
        Ok(renewed.rows_affected() == 1)
    }

    async fn seen(&self, id: Uuid, at: OffsetDateTime) -> Result<(), StoreError> {
        let sql = "UPDATE sessions SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2";
        sqlx::query(sql).bind(id).bind(at).execute(&self.0).await?;
        Ok(())
    }

    async fn end(&self, id: Uuid, at: OffsetDateTime) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        for sql in [
            "UPDATE sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL",
            "UPDATE refresh_families SET revoked_at = $2 WHERE session_id = $1 AND revoked_at IS NULL",
        ] {
            sqlx::query(sql).bind(id).bind(at).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn end_all(&self, account: Uuid, but: Option<Uuid>, at: OffsetDateTime) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        end_all_in(&mut tx, account, but, at).await?;
        Ok(tx.commit().await?)
    }

    async fn sweep(&self, before: OffsetDateTime) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM sessions s WHERE expires_at < $1
               AND NOT EXISTS (SELECT 1 FROM authorization_codes c WHERE c.session_id = s.id)
               AND NOT EXISTS (SELECT 1 FROM refresh_families f WHERE f.session_id = s.id)",
        )
        .bind(before)
        .execute(&self.0)
        .await?;
        Ok(())
    }
}

/// As [`SessionStore::end_all`], in a transaction of the caller's.
pub(crate) async fn end_all_in(
    tx: &mut PgTransaction<'_>,
    account: Uuid,
    but: Option<Uuid>,
    at: OffsetDateTime,
) -> Result<(), StoreError> {
    for sql in [
        "UPDATE sessions SET ended_at = $2 WHERE account_id = $1 AND ended_at IS NULL
         AND ($3::uuid IS NULL OR id <> $3)",
        "UPDATE refresh_families SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL
         AND ($3::uuid IS NULL OR session_id IS DISTINCT FROM $3)",
    ] {
        sqlx::query(sql).bind(account).bind(at).bind(but).execute(&mut **tx).await?;
    }
    // Whoever ends them may want somebody out, who must not come back by a sign-in that is under way, nor by a link.
    sqlx::query("DELETE FROM sign_in_steps WHERE account_id = $1").bind(account).execute(&mut **tx).await?;
    mail::withdraw_in(tx, account).await
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    account_id: Uuid,
    auth_time: OffsetDateTime,
    amr: String,
    created_at: OffsetDateTime,
    last_seen_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    user_agent: String,
}

impl Row {
    fn into_session(self) -> Session {
        Session {
            id: self.id,
            account_id: self.account_id,
            auth_time: self.auth_time,
            methods: Methods::stored(&self.amr),
            created_at: self.created_at,
            last_seen_at: self.last_seen_at,
            expires_at: self.expires_at,
            user_agent: self.user_agent,
        }
    }
}
