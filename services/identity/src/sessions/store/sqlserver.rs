//! Sessions in SQL Server.

use async_trait::async_trait;
use platform_service::sqlserver::{Columns as _, Pool, Transaction, utc};
use tiberius::{Row, ToSql};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{By, SessionStore};
use crate::accounts::{Account, StoreError};
use crate::capability::Hash;
use crate::mail;
use crate::sessions::domain::{Methods, Session};

/// Sessions in SQL Server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SqlServerSessions(Pool);

impl SqlServerSessions {
    pub(crate) fn new(pool: Pool) -> Self {
        Self(pool)
    }

    async fn select(&self, rest: &str, parameters: &[&dyn ToSql]) -> Result<Vec<Session>, StoreError> {
        let sql = format!(
            "SELECT TOP (200) id, account_id, auth_time, amr, created_at, last_seen_at, expires_at, user_agent
             FROM sessions WHERE ended_at IS NULL AND expires_at > @P2 AND {rest}"
        );
        let rows = self.0.query(&sql, parameters).await?;
        rows.iter().map(|row| read(row).ok_or(StoreError::UNREADABLE)).collect()
    }
}

#[async_trait]
impl SessionStore for SqlServerSessions {
    async fn find(&self, by: By, now: OffsetDateTime) -> Result<Option<Session>, StoreError> {
        let mut found = match &by {
            By::Id(id) => self.select("id = @P1", &[&id.as_bytes().as_slice(), &utc(now)]).await?,
            By::Cookie(hash) => self.select("cookie_hash = @P1", &[&hash.as_slice(), &utc(now)]).await?,
        };
        Ok(found.pop())
    }

    async fn of_account(&self, account: Uuid, now: OffsetDateTime) -> Result<Vec<Session>, StoreError> {
        let rest = "account_id = @P1 ORDER BY last_seen_at DESC, id";
        self.select(rest, &[&account.as_bytes().as_slice(), &utc(now)]).await
    }

    async fn insert(&self, session: &Session, cookie: &Hash, account: &Account) -> Result<bool, StoreError> {
        // The lock on the account's row makes a change of it come wholly before, or wholly after and see this.
        let inserted = self
            .0
            .execute(
                "INSERT INTO sessions (id, cookie_hash, account_id, auth_time, created_at, last_seen_at,
                                       expires_at, user_agent, amr)
                 SELECT @P1, @P2, @P3, @P4, @P5, @P6, @P7, @P8, @P9 FROM accounts WITH (UPDLOCK)
                 WHERE id = @P3 AND password_hash = @P10
                   AND CASE WHEN second_factor_at IS NULL THEN 0 ELSE 1 END = @P11
                   AND locked_at IS NULL AND deleted_at IS NULL",
                &[
                    &session.id.as_bytes().as_slice(),
                    &cookie.as_slice(),
                    &session.account_id.as_bytes().as_slice(),
                    &utc(session.auth_time),
                    &utc(session.created_at),
                    &utc(session.last_seen_at),
                    &utc(session.expires_at),
                    &session.user_agent.as_str(),
                    &session.methods.as_str(),
                    &account.password_hash.as_str(),
                    &i32::from(account.second_factor_at.is_some()),
                ],
            )
            .await?;
        Ok(inserted == 1)
    }

    async fn renew(&self, session: &Session, cookie: &Hash) -> Result<bool, StoreError> {
        let renewed = self
            .0
            .execute(
                "UPDATE sessions SET cookie_hash = @P2, auth_time = @P3, last_seen_at = @P4,
                        expires_at = @P5, user_agent = @P6, amr = @P7
                 WHERE id = @P1 AND ended_at IS NULL",
                &[
                    &session.id.as_bytes().as_slice(),
                    &cookie.as_slice(),
                    &utc(session.auth_time),
                    &utc(session.last_seen_at),
                    &utc(session.expires_at),
                    &session.user_agent.as_str(),
                    &session.methods.as_str(),
                ],
            )
            .await?;
        Ok(renewed == 1)
    }

    async fn seen(&self, id: Uuid, at: OffsetDateTime) -> Result<(), StoreError> {
        let sql = "UPDATE sessions SET last_seen_at = @P2 WHERE id = @P1 AND last_seen_at < @P2";
        self.0.execute(sql, &[&id.as_bytes().as_slice(), &utc(at)]).await?;
        Ok(())
    }

    async fn end(&self, id: Uuid, at: OffsetDateTime) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        for sql in [
            "UPDATE sessions SET ended_at = @P2 WHERE id = @P1 AND ended_at IS NULL",
            "UPDATE refresh_families SET revoked_at = @P2 WHERE session_id = @P1 AND revoked_at IS NULL",
        ] {
            tx.execute(sql, &[&id.as_bytes().as_slice(), &utc(at)]).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn end_all(&self, account: Uuid, but: Option<Uuid>, at: OffsetDateTime) -> Result<(), StoreError> {
        let mut tx = self.0.begin().await?;
        end_all_on_sqlserver(&mut tx, account, but, at).await?;
        Ok(tx.commit().await?)
    }

    async fn sweep(&self, before: OffsetDateTime) -> Result<(), StoreError> {
        let sql = "DELETE FROM sessions WHERE expires_at < @P1
                     AND NOT EXISTS (SELECT 1 FROM authorization_codes c WHERE c.session_id = sessions.id)
                     AND NOT EXISTS (SELECT 1 FROM refresh_families f WHERE f.session_id = sessions.id)";
        self.0.execute(sql, &[&utc(before)]).await?;
        Ok(())
    }
}

/// As [`SessionStore::end_all`], in a transaction of the caller's.
pub(crate) async fn end_all_on_sqlserver(
    tx: &mut Transaction,
    account: Uuid,
    but: Option<Uuid>,
    at: OffsetDateTime,
) -> Result<(), StoreError> {
    // No session has the nil id, so that it excepts none.
    let but = but.unwrap_or(Uuid::nil());
    for sql in [
        "UPDATE sessions SET ended_at = @P2 WHERE account_id = @P1 AND ended_at IS NULL AND id <> @P3",
        "UPDATE refresh_families SET revoked_at = @P2 WHERE account_id = @P1 AND revoked_at IS NULL
         AND (session_id IS NULL OR session_id <> @P3)",
    ] {
        tx.execute(sql, &[&account.as_bytes().as_slice(), &utc(at), &but.as_bytes().as_slice()]).await?;
    }
    // Whoever ends them may want somebody out, who must not come back by a sign-in that is under way, nor by a link.
    tx.execute("DELETE FROM sign_in_steps WHERE account_id = @P1", &[&account.as_bytes().as_slice()]).await?;
    mail::withdraw_on_sqlserver(tx, account).await
}

fn read(row: &Row) -> Option<Session> {
    Some(Session {
        id: row.id("id")?,
        account_id: row.id("account_id")?,
        auth_time: row.instant("auth_time")?,
        methods: Methods::stored(row.value("amr")?),
        created_at: row.instant("created_at")?,
        last_seen_at: row.instant("last_seen_at")?,
        expires_at: row.instant("expires_at")?,
        user_agent: row.text("user_agent")?,
    })
}
