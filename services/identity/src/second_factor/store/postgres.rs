//! Second factors in PostgreSQL.

use async_trait::async_trait;
use sqlx::{FromRow, PgPool, PgTransaction};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Change, Kept, SecondFactorStore};
use crate::accounts::StoreError;
use crate::capability::Hash;
use crate::keys::Sealed;
use crate::mail::{self, Mail};

/// Second factors in PostgreSQL. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PostgresSecondFactors(PgPool);

impl PostgresSecondFactors {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self(pool)
    }
}

#[async_trait]
impl SecondFactorStore for PostgresSecondFactors {
    async fn find(&self, account: Uuid) -> Result<Option<Kept>, StoreError> {
        let sql = "SELECT kek_id, secret, created_at, confirmed_at FROM second_factors WHERE account_id = $1";
        let row: Option<Row> = sqlx::query_as(sql).bind(account).fetch_optional(&self.0).await?;
        Ok(row.map(Row::into_kept))
    }

    async fn begin(&self, account: Uuid, sealed: &Sealed, now: OffsetDateTime) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        // The lock on the account's row makes a change of it come wholly before, or wholly after and see this.
        let open = sqlx::query(
            "SELECT 1 FROM accounts WHERE id = $1 AND second_factor_at IS NULL AND deleted_at IS NULL FOR UPDATE",
        );
        if open.bind(account).fetch_optional(&mut *tx).await?.is_none() {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO second_factors (account_id, kek_id, secret, created_at, last_step)
             VALUES ($1, $2, $3, $4, 0)
             ON CONFLICT (account_id)
             DO UPDATE SET kek_id = $2, secret = $3, created_at = $4, confirmed_at = NULL, last_step = 0",
        )
        .bind(account)
        .bind(&sealed.kek_id)
        .bind(&sealed.bytes)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn accept(&self, account: Uuid, step: i64) -> Result<bool, StoreError> {
        let accepted = sqlx::query(
            "UPDATE second_factors SET last_step = $2
             WHERE account_id = $1 AND confirmed_at IS NOT NULL AND last_step < $2",
        )
        .bind(account)
        .bind(step)
        .execute(&self.0)
        .await?;
        Ok(accepted.rows_affected() == 1)
    }

    async fn spend(&self, account: Uuid, code: &Hash, mail: &Mail) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        // Account before code, as in every change of an account, so that the two never wait for each other.
        sqlx::query("SELECT 1 FROM accounts WHERE id = $1 FOR KEY SHARE")
            .bind(account)
            .execute(&mut *tx)
            .await?;
        let sql = "DELETE FROM recovery_codes WHERE account_id = $1 AND code_hash = $2";
        let spent = sqlx::query(sql).bind(account).bind(code.as_slice()).execute(&mut *tx).await?;
        if spent.rows_affected() == 0 {
            return Ok(false);
        }
        mail::enqueue_in(&mut tx, mail).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn codes_left(&self, account: Uuid) -> Result<u32, StoreError> {
        let sql = "SELECT count(*) FROM recovery_codes WHERE account_id = $1";
        let count: i64 = sqlx::query_scalar(sql).bind(account).fetch_one(&self.0).await?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    async fn open_step(
        &self,
        step: &Hash,
        account: Uuid,
        password_hash: &str,
        until: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        // The lock on the account's row makes a change of it come wholly before, or wholly after and see this.
        let opened = sqlx::query(
            "INSERT INTO sign_in_steps (token_hash, account_id, tries, expires_at)
             SELECT $1, $2, 0, $4 FROM accounts
             WHERE id = $2 AND password_hash = $3 AND locked_at IS NULL AND deleted_at IS NULL FOR SHARE",
        )
        .bind(step.as_slice())
        .bind(account)
        .bind(password_hash)
        .bind(until)
        .execute(&self.0)
        .await?;
        Ok(opened.rows_affected() == 1)
    }

    async fn step(&self, step: &Hash, most: i32, now: OffsetDateTime) -> Result<Option<Uuid>, StoreError> {
        let sql = "SELECT account_id FROM sign_in_steps
                   WHERE token_hash = $1 AND tries < $2 AND expires_at > $3";
        let query = sqlx::query_scalar(sql).bind(step.as_slice()).bind(most).bind(now);
        Ok(query.fetch_optional(&self.0).await?)
    }

    async fn count_try(
        &self,
        step: &Hash,
        account: Uuid,
        most: i32,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let counted = sqlx::query(
            "UPDATE sign_in_steps SET tries = tries + 1
             WHERE token_hash = $1 AND account_id = $2 AND tries < $3 AND expires_at > $4",
        )
        .bind(step.as_slice())
        .bind(account)
        .bind(most)
        .bind(now)
        .execute(&self.0)
        .await?;
        Ok(counted.rows_affected() == 1)
    }

    async fn end_step(&self, step: &Hash) -> Result<bool, StoreError> {
        let sql = "DELETE FROM sign_in_steps WHERE token_hash = $1";
        Ok(sqlx::query(sql).bind(step.as_slice()).execute(&self.0).await?.rows_affected() == 1)
    }

    async fn sweep(&self, now: OffsetDateTime, begun: OffsetDateTime) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sign_in_steps WHERE expires_at < $1").bind(now).execute(&self.0).await?;
        let sql = "DELETE FROM second_factors WHERE confirmed_at IS NULL AND created_at < $1";
        sqlx::query(sql).bind(begun).execute(&self.0).await?;
        Ok(())
    }
}

/// What becomes of a second factor, in the transaction of its account's change.
pub(crate) async fn apply_in(
    tx: &mut PgTransaction<'_>,
    account: Uuid,
    change: &Change,
    at: OffsetDateTime,
) -> Result<(), StoreError> {
    let codes = match change {
        Change::Confirm { secret, step, codes } => {
            let confirmed = sqlx::query(
                "UPDATE second_factors SET confirmed_at = $3, last_step = $4
                 WHERE account_id = $1 AND secret = $2 AND confirmed_at IS NULL",
            )
            .bind(account)
            .bind(secret)
            .bind(at)
            .bind(step)
            .execute(&mut **tx)
            .await?;
            if confirmed.rows_affected() == 0 {
                return Err(StoreError::SetUpOver);
            }
            codes.as_slice()
        }
        Change::Renew { codes } => codes,
        Change::Remove => {
            sqlx::query("DELETE FROM second_factors WHERE account_id = $1")
                .bind(account)
                .execute(&mut **tx)
                .await?;
            &[]
        }
    };
    sqlx::query("DELETE FROM recovery_codes WHERE account_id = $1").bind(account).execute(&mut **tx).await?;
    sqlx::query("INSERT INTO recovery_codes (account_id, code_hash) SELECT $1, unnest($2::bytea[])")
        .bind(account)
        .bind(codes.iter().map(Hash::as_slice).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[derive(FromRow)]
struct Row {
    kek_id: String,
    secret: Vec<u8>,
    created_at: OffsetDateTime,
    confirmed_at: Option<OffsetDateTime>,
}

impl Row {
    fn into_kept(self) -> Kept {
        Kept {
            sealed: Sealed { kek_id: self.kek_id, bytes: self.secret },
            created_at: self.created_at,
            confirmed_at: self.confirmed_at,
        }
    }
}
