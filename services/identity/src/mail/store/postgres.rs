//! Mails and links in PostgreSQL.

use async_trait::async_trait;
use sqlx::{FromRow, PgPool, PgTransaction};
use time::OffsetDateTime;
use uuid::Uuid;

use super::MailStore;
use crate::accounts::StoreError;
use crate::capability::Hash;
use crate::language::Language;
use crate::mail::domain::{Kind, Link, Mail, Purpose};

/// Mails and links in PostgreSQL. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PostgresMails(PgPool);

impl PostgresMails {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self(pool)
    }
}

#[async_trait]
impl MailStore for PostgresMails {
    async fn take(&self, now: OffsetDateTime, until: OffsetDateTime) -> Result<Option<Mail>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "UPDATE mails SET attempts = attempts + 1, next_at = $2
             WHERE id = (SELECT id FROM mails WHERE next_at <= $1 ORDER BY next_at LIMIT 1
                         FOR UPDATE SKIP LOCKED)
             RETURNING id, account_id, kind, email, language, created_at, attempts",
        )
        .bind(now)
        .bind(until)
        .fetch_optional(&self.0)
        .await?;
        row.map(Row::into_mail).transpose()
    }

    async fn done(&self, id: Uuid) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM mails WHERE id = $1").bind(id).execute(&self.0).await?;
        Ok(())
    }

    async fn postpone(&self, id: Uuid, at: OffsetDateTime) -> Result<(), StoreError> {
        sqlx::query("UPDATE mails SET next_at = $2 WHERE id = $1").bind(id).bind(at).execute(&self.0).await?;
        Ok(())
    }

    async fn insert_link(
        &self,
        hash: &Hash,
        mail: &Mail,
        purpose: Purpose,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        // Account before mail, as in every change of an account, so that the two never wait for each other.
        sqlx::query("SELECT 1 FROM accounts WHERE id = $1 FOR KEY SHARE")
            .bind(mail.account_id)
            .execute(&mut *tx)
            .await?;
        // Whoever withdraws the mail meanwhile waits, and finds the link too.
        let kept = sqlx::query(
            "INSERT INTO mailed_links (token_hash, account_id, purpose, email, created_at, expires_at)
             SELECT $1, $2, $3, $4, $5, $6 FROM mails WHERE id = $7 FOR UPDATE",
        )
        .bind(hash.as_slice())
        .bind(mail.account_id)
        .bind(purpose.as_str())
        .bind(&mail.email)
        .bind(now)
        .bind(expires_at)
        .bind(mail.id)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(kept.rows_affected() == 1)
    }

    async fn link(
        &self,
        hash: &Hash,
        purpose: Purpose,
        now: OffsetDateTime,
    ) -> Result<Option<Link>, StoreError> {
        let row: Option<(Uuid, String)> = sqlx::query_as(
            "SELECT account_id, email FROM mailed_links
             WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3",
        )
        .bind(hash.as_slice())
        .bind(purpose.as_str())
        .bind(now)
        .fetch_optional(&self.0)
        .await?;
        Ok(row.map(|(account_id, email)| Link { account_id, email }))
    }

    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM mailed_links WHERE expires_at < $1").bind(now).execute(&self.0).await?;
        Ok(())
    }
}

/// Lets a mail wait. One that waits already is not joined by another of its kind to the same address.
pub(crate) async fn enqueue_in(tx: &mut PgTransaction<'_>, mail: &Mail) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO mails (id, account_id, kind, email, language, attempts, created_at, next_at)
         SELECT $1, $2, $3, $4, $5, 0, $6, $6
         WHERE NOT EXISTS (SELECT 1 FROM mails WHERE account_id = $2 AND kind = $3 AND email = $4)",
    )
    .bind(mail.id)
    .bind(mail.account_id)
    .bind(mail.kind.as_str())
    .bind(&mail.email)
    .bind(mail.language.code())
    .bind(mail.created_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Withdraws what was mailed or waits and would give an account away: links to reset its password or to change its
/// address. Those that only verify its address stay; they are worth nothing for another.
pub(crate) async fn withdraw_in(tx: &mut PgTransaction<'_>, account: Uuid) -> Result<(), StoreError> {
    // Mails first: a link can be made only of a mail that is still there.
    for sql in [
        "DELETE FROM mails WHERE account_id = $1 AND kind IN ('change_email', 'reset_password')",
        "DELETE FROM mailed_links
         WHERE account_id = $1 AND purpose IN ('change_email', 'reset_password') AND used_at IS NULL",
    ] {
        sqlx::query(sql).bind(account).execute(&mut **tx).await?;
    }
    Ok(())
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    account_id: Uuid,
    kind: String,
    email: String,
    language: String,
    created_at: OffsetDateTime,
    attempts: i32,
}

impl Row {
    fn into_mail(self) -> Result<Mail, StoreError> {
        const UNREADABLE: StoreError = StoreError::Corrupt("a mail of an unknown kind or language");
        Ok(Mail {
            id: self.id,
            account_id: self.account_id,
            kind: Kind::parse(&self.kind).ok_or(UNREADABLE)?,
            email: self.email,
            language: Language::parse(&self.language).ok_or(UNREADABLE)?,
            created_at: self.created_at,
            attempts: self.attempts,
        })
    }
}
