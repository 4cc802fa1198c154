//! Failures and known devices in PostgreSQL.

use async_trait::async_trait;
use sqlx::{PgPool, PgTransaction};
use time::OffsetDateTime;
use uuid::Uuid;

use super::ThrottleStore;
use crate::accounts::StoreError;
use crate::capability::Hash;
use crate::throttle::Policy;

/// Failures and known devices in PostgreSQL. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PostgresThrottle(PgPool);

impl PostgresThrottle {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self(pool)
    }
}

#[async_trait]
impl ThrottleStore for PostgresThrottle {
    async fn count(
        &self,
        key: &Hash,
        policy: &Policy,
        now: OffsetDateTime,
    ) -> Result<Option<OffsetDateTime>, StoreError> {
        // One statement: of many at the same moment each counts, and sees what the one before it has counted.
        // No wait is a time long past and not `now`, which another replica's clock may not have reached.
        let counted = sqlx::query(
            "INSERT INTO sign_in_failures AS kept (key_hash, failures, last_at, blocked_until, expires_at)
             VALUES ($1, 1, $2, CASE WHEN $4::int < 1 THEN $2 + make_interval(secs => $5::int) ELSE 'epoch' END, $3)
             ON CONFLICT (key_hash) DO UPDATE SET
                 failures = CASE WHEN kept.expires_at <= $2 THEN 1 ELSE kept.failures + 1 END,
                 last_at = $2,
                 expires_at = $3,
                 blocked_until = CASE WHEN kept.expires_at <= $2 OR kept.failures + 1 <= $4::int THEN 'epoch'
                     ELSE $2 + make_interval(secs => least(
                         $6::int, $5::int * power(2, least(kept.failures - $4::int, 20)))) END
             WHERE kept.blocked_until <= $2",
        )
        .bind(key.as_slice())
        .bind(now)
        .bind(now + policy.forget)
        .bind(policy.free)
        .bind(policy.first_seconds)
        .bind(policy.longest_seconds)
        .execute(&self.0)
        .await?;
        if counted.rows_affected() == 1 {
            return Ok(None);
        }
        let sql = "SELECT blocked_until FROM sign_in_failures WHERE key_hash = $1";
        let until = sqlx::query_scalar(sql).bind(key.as_slice()).fetch_optional(&self.0).await?;
        Ok(Some(until.unwrap_or(now)))
    }

    async fn take_back(&self, key: &Hash) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM sign_in_failures WHERE key_hash = $1 AND failures = 1",
            "UPDATE sign_in_failures SET failures = failures - 1, blocked_until = 'epoch'
             WHERE key_hash = $1 AND failures > 1",
        ] {
            sqlx::query(sql).bind(key.as_slice()).execute(&self.0).await?;
        }
        Ok(())
    }

    async fn forget(&self, key: &Hash) -> Result<(), StoreError> {
        let sql = "DELETE FROM sign_in_failures WHERE key_hash = $1";
        sqlx::query(sql).bind(key.as_slice()).execute(&self.0).await?;
        Ok(())
    }

    async fn is_known(&self, device: &Hash, account: Uuid, now: OffsetDateTime) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM known_devices
                                  WHERE cookie_hash = $1 AND account_id = $2 AND expires_at > $3)";
        let known = sqlx::query_scalar(sql).bind(device.as_slice()).bind(account).bind(now);
        Ok(known.fetch_one(&self.0).await?)
    }

    async fn remember(
        &self,
        device: &Hash,
        account: Uuid,
        password_hash: &str,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        // The lock on the account's row makes a new password come wholly before, or wholly after and see this.
        let remembered = sqlx::query(
            "INSERT INTO known_devices (cookie_hash, account_id, expires_at)
             SELECT $1, $2, $3 FROM accounts
             WHERE id = $2 AND password_hash = $4 AND deleted_at IS NULL FOR SHARE",
        )
        .bind(device.as_slice())
        .bind(account)
        .bind(expires_at)
        .bind(password_hash)
        .execute(&self.0)
        .await?;
        Ok(remembered.rows_affected() == 1)
    }

    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM sign_in_failures WHERE expires_at < $1",
            "DELETE FROM known_devices WHERE expires_at < $1",
        ] {
            sqlx::query(sql).bind(now).execute(&self.0).await?;
        }
        Ok(())
    }
}

/// Makes a stranger of every device that is known for an account, in a transaction of the caller's.
pub(crate) async fn forget_devices_in(tx: &mut PgTransaction<'_>, account: Uuid) -> Result<(), StoreError> {
    let sql = "DELETE FROM known_devices WHERE account_id = $1";
    sqlx::query(sql).bind(account).execute(&mut **tx).await?;
    Ok(())
}
