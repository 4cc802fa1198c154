//! Mails and links in SQL Server.

use async_trait::async_trait;
use platform_service::sqlserver::{Columns as _, Pool, Transaction, utc};
use tiberius::Row;
use time::OffsetDateTime;
use uuid::Uuid;

use super::MailStore;
use crate::accounts::StoreError;
use crate::capability::Hash;
use crate::language::Language;
use crate::mail::domain::{Kind, Link, Mail, Purpose};

/// Mails and links in SQL Server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SqlServerMails(Pool);

impl SqlServerMails {
    pub(crate) fn new(pool: Pool) -> Self {
        Self(pool)
    }
}

#[async_trait]
impl MailStore for SqlServerMails {
    async fn take(&self, now: OffsetDateTime, until: OffsetDateTime) -> Result<Option<Mail>, StoreError> {
        loop {
            let rows = self
                .0
                .query(
                    "SELECT TOP (1) id, account_id, kind, email, language, created_at, attempts FROM mails
                     WHERE next_at <= @P1 ORDER BY next_at",
                    &[&utc(now)],
                )
                .await?;
            let Some(row) = rows.first() else { return Ok(None) };
            let mut mail = read(row).ok_or(StoreError::UNREADABLE)?;
            // Whoever counts the attempt has it; another replica that saw the same row has not.
            let sql = "UPDATE mails SET attempts = @P3 + 1, next_at = @P2 WHERE id = @P1 AND attempts = @P3";
            let id = mail.id.as_bytes().as_slice();
            if self.0.execute(sql, &[&id, &utc(until), &mail.attempts]).await? == 1 {
                mail.attempts += 1;
                return Ok(Some(mail));
            }
        }
    }

    async fn done(&self, id: Uuid) -> Result<(), StoreError> {
        self.0.execute("DELETE FROM mails WHERE id = @P1", &[&id.as_bytes().as_slice()]).await?;
        Ok(())
    }

    async fn postpone(&self, id: Uuid, at: OffsetDateTime) -> Result<(), StoreError> {
        let sql = "UPDATE mails SET next_at = @P2 WHERE id = @P1";
        self.0.execute(sql, &[&id.as_bytes().as_slice(), &utc(at)]).await?;
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
        let (account, id) = (mail.account_id.as_bytes().as_slice(), mail.id.as_bytes().as_slice());
        // Account before mail, as in every change of an account, so that the two never wait for each other.
        let lock = "SELECT version FROM accounts WITH (HOLDLOCK) WHERE id = @P1";
        tx.query(lock, &[&account]).await?;
        // Whoever withdraws the mail meanwhile waits, and finds the link too.
        let kept = tx
            .execute(
                "INSERT INTO mailed_links (token_hash, account_id, purpose, email, created_at, expires_at)
                 SELECT @P1, @P2, @P3, @P4, @P5, @P6 FROM mails WITH (UPDLOCK, HOLDLOCK) WHERE id = @P7",
                &[
                    &hash.as_slice(),
                    &account,
                    &purpose.as_str(),
                    &mail.email.as_str(),
                    &utc(now),
                    &utc(expires_at),
                    &id,
                ],
            )
            .await?;
        tx.commit().await?;
        Ok(kept == 1)
    }

    async fn link(
        &self,
        hash: &Hash,
        purpose: Purpose,
        now: OffsetDateTime,
    ) -> Result<Option<Link>, StoreError> {
        let rows = self
            .0
            .query(
                "SELECT account_id, email FROM mailed_links
                 WHERE token_hash = @P1 AND purpose = @P2 AND used_at IS NULL AND expires_at > @P3",
                &[&hash.as_slice(), &purpose.as_str(), &utc(now)],
            )
            .await?;
        let read = |row: &Row| Some(Link { account_id: row.id("account_id")?, email: row.text("email")? });
        rows.first().map(|row| read(row).ok_or(StoreError::UNREADABLE)).transpose()
    }

    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        self.0.execute("DELETE FROM mailed_links WHERE expires_at < @P1", &[&utc(now)]).await?;
        Ok(())
    }
}

/// As [`enqueue_in`](super::enqueue_in).
pub(crate) async fn enqueue_on_sqlserver(tx: &mut Transaction, mail: &Mail) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO mails (id, account_id, kind, email, language, attempts, created_at, next_at)
         SELECT @P1, @P2, @P3, @P4, @P5, 0, @P6, @P6
         WHERE NOT EXISTS (SELECT 1 FROM mails WHERE account_id = @P2 AND kind = @P3 AND email = @P4)",
        &[
            &mail.id.as_bytes().as_slice(),
            &mail.account_id.as_bytes().as_slice(),
            &mail.kind.as_str(),
            &mail.email.as_str(),
            &mail.language.code(),
            &utc(mail.created_at),
        ],
    )
    .await?;
    Ok(())
}

/// As [`withdraw_in`](super::withdraw_in).
pub(crate) async fn withdraw_on_sqlserver(tx: &mut Transaction, account: Uuid) -> Result<(), StoreError> {
    // Mails first: a link can be made only of a mail that is still there.
    for sql in [
        "DELETE FROM mails WHERE account_id = @P1 AND kind IN ('change_email', 'reset_password')",
        "DELETE FROM mailed_links
         WHERE account_id = @P1 AND purpose IN ('change_email', 'reset_password') AND used_at IS NULL",
    ] {
        tx.execute(sql, &[&account.as_bytes().as_slice()]).await?;
    }
    Ok(())
}

fn read(row: &Row) -> Option<Mail> {
    Some(Mail {
        id: row.id("id")?,
        account_id: row.id("account_id")?,
        kind: Kind::parse(&row.text("kind")?)?,
        email: row.text("email")?,
        language: Language::parse(&row.text("language")?)?,
        created_at: row.instant("created_at")?,
        attempts: row.value("attempts")?,
    })
}
