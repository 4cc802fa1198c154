//! Second factors in SQL Server.

use async_trait::async_trait;
use platform_service::sqlserver::{Columns as _, Pool, Transaction, utc};
use tiberius::Row;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Change, Kept, SecondFactorStore};
use crate::accounts::StoreError;
use crate::capability::Hash;
use crate::keys::Sealed;
use crate::mail::{self, Mail};

/// Second factors in SQL Server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SqlServerSecondFactors(Pool);

impl SqlServerSecondFactors {
    pub(crate) fn new(pool: Pool) -> Self {
        Self(pool)
    }
}

#[async_trait]
impl SecondFactorStore for SqlServerSecondFactors {
    async fn find(&self, account: Uuid) -> Result<Option<Kept>, StoreError> {
        let sql =
            "SELECT kek_id, secret, created_at, confirmed_at FROM second_factors WHERE account_id = @P1";
        let rows = self.0.query(sql, &[&account.as_bytes().as_slice()]).await?;
        rows.first().map(|row| read(row).ok_or(StoreError::UNREADABLE)).transpose()
    }

    async fn begin(&self, account: Uuid, sealed: &Sealed, now: OffsetDateTime) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        let bytes = account.as_bytes().as_slice();
        // The lock on the account's row makes a change of it come wholly before, or wholly after and see this.
        let open = tx
            .query(
                "SELECT id FROM accounts WITH (UPDLOCK)
                 WHERE id = @P1 AND second_factor_at IS NULL AND deleted_at IS NULL",
                &[&bytes],
            )
            .await?;
        if open.is_empty() {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.execute("DELETE FROM second_factors WHERE account_id = @P1", &[&bytes]).await?;
        tx.execute(
            "INSERT INTO second_factors (account_id, kek_id, secret, created_at, last_step)
             VALUES (@P1, @P2, @P3, @P4, 0)",
            &[&bytes, &sealed.kek_id.as_str(), &sealed.bytes.as_slice(), &utc(now)],
        )
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn accept(&self, account: Uuid, step: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE second_factors SET last_step = @P2
                   WHERE account_id = @P1 AND confirmed_at IS NOT NULL AND last_step < @P2";
        Ok(self.0.execute(sql, &[&account.as_bytes().as_slice(), &step]).await? == 1)
    }

    async fn spend(&self, account: Uuid, code: &Hash, mail: &Mail) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        let account = account.as_bytes().as_slice();
        // Account before code, as in every change of an account, so that the two never wait for each other.
        tx.query("SELECT version FROM accounts WITH (HOLDLOCK) WHERE id = @P1", &[&account]).await?;
        let sql = "DELETE FROM recovery_codes WHERE account_id = @P1 AND code_hash = @P2";
        if tx.execute(sql, &[&account, &code.as_slice()]).await? == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        mail::enqueue_on_sqlserver(&mut tx, mail).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn codes_left(&self, account: Uuid) -> Result<u32, StoreError> {
        let sql = "SELECT COUNT(*) AS codes FROM recovery_codes WHERE account_id = @P1";
        let rows = self.0.query(sql, &[&account.as_bytes().as_slice()]).await?;
        let count = rows.first().and_then(|row| row.value::<i32>("codes"));
        u32::try_from(count.ok_or(StoreError::UNREADABLE)?).map_err(|_| StoreError::UNREADABLE)
    }

    async fn open_step(
        &self,
        step: &Hash,
        account: Uuid,
        password_hash: &str,
        until: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        // The lock on the account's row makes a change of it come wholly before, or wholly after and see this.
        let sql = "INSERT INTO sign_in_steps (token_hash, account_id, tries, expires_at)
                   SELECT @P1, @P2, 0, @P4 FROM accounts WITH (UPDLOCK)
                   WHERE id = @P2 AND password_hash = @P3 AND locked_at IS NULL AND deleted_at IS NULL";
        let account = account.as_bytes().as_slice();
        let opened = self.0.execute(sql, &[&step.as_slice(), &account, &password_hash, &utc(until)]).await?;
        Ok(opened == 1)
    }

    async fn step(&self, step: &Hash, most: i32, now: OffsetDateTime) -> Result<Option<Uuid>, StoreError> {
        let sql = "SELECT account_id FROM sign_in_steps
                   WHERE token_hash = @P1 AND tries < @P2 AND expires_at > @P3";
        let rows = self.0.query(sql, &[&step.as_slice(), &most, &utc(now)]).await?;
        rows.first().map(|row| row.id("account_id").ok_or(StoreError::UNREADABLE)).transpose()
    }

    async fn count_try(
        &self,
        step: &Hash,
        account: Uuid,
        most: i32,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE sign_in_steps SET tries = tries + 1
                   WHERE token_hash = @P1 AND account_id = @P2 AND tries < @P3 AND expires_at > @P4";
        let account = account.as_bytes().as_slice();
        Ok(self.0.execute(sql, &[&step.as_slice(), &account, &most, &utc(now)]).await? == 1)
    }

    async fn end_step(&self, step: &Hash) -> Result<bool, StoreError> {
        let sql = "DELETE FROM sign_in_steps WHERE token_hash = @P1";
        Ok(self.0.execute(sql, &[&step.as_slice()]).await? == 1)
    }

    async fn sweep(&self, now: OffsetDateTime, begun: OffsetDateTime) -> Result<(), StoreError> {
        self.0.execute("DELETE FROM sign_in_steps WHERE expires_at < @P1", &[&utc(now)]).await?;
        let sql = "DELETE FROM second_factors WHERE confirmed_at IS NULL AND created_at < @P1";
        self.0.execute(sql, &[&utc(begun)]).await?;
        Ok(())
    }
}

/// What becomes of a second factor, in the transaction of its account's change.
pub(crate) async fn apply_on_sqlserver(
    tx: &mut Transaction,
    account: Uuid,
    change: &Change,
    at: OffsetDateTime,
) -> Result<(), StoreError> {
    let bytes = account.as_bytes().as_slice();
    let codes = match change {
        Change::Confirm { secret, step, codes } => {
            let sql = "UPDATE second_factors SET confirmed_at = @P3, last_step = @P4
                       WHERE account_id = @P1 AND secret = @P2 AND confirmed_at IS NULL";
            let confirmed = tx.execute(sql, &[&bytes, &secret.as_slice(), &utc(at), step]).await?;
            if confirmed == 0 {
                return Err(StoreError::SetUpOver);
            }
            codes.as_slice()
        }
        Change::Renew { codes } => codes,
        Change::Remove => {
            tx.execute("DELETE FROM second_factors WHERE account_id = @P1", &[&bytes]).await?;
            &[]
        }
    };
    tx.execute("DELETE FROM recovery_codes WHERE account_id = @P1", &[&bytes]).await?;
    for code in codes {
        let sql = "INSERT INTO recovery_codes (account_id, code_hash) VALUES (@P1, @P2)";
        tx.execute(sql, &[&bytes, &code.as_slice()]).await?;
    }
    Ok(())
}

fn read(row: &Row) -> Option<Kept> {
    Some(Kept {
        sealed: Sealed { kek_id: row.text("kek_id")?, bytes: row.bytes("secret")? },
        created_at: row.instant("created_at")?,
        confirmed_at: row.instant("confirmed_at"),
    })
}
