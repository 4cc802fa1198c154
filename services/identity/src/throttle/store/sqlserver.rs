//! Failures and known devices in SQL Server.

use async_trait::async_trait;
use platform_service::sqlserver::{Columns as _, Pool, Transaction, utc};
use tiberius::ToSql;
use time::OffsetDateTime;
use uuid::Uuid;

use super::ThrottleStore;
use crate::accounts::StoreError;
use crate::capability::Hash;
use crate::throttle::Policy;

/// Failures and known devices in SQL Server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SqlServerThrottle(Pool);

impl SqlServerThrottle {
    pub(crate) fn new(pool: Pool) -> Self {
        Self(pool)
    }
}

#[async_trait]
impl ThrottleStore for SqlServerThrottle {
    async fn count(
        &self,
        key: &Hash,
        policy: &Policy,
        now: OffsetDateTime,
    ) -> Result<Option<OffsetDateTime>, StoreError> {
        let (at, expires_at) = (utc(now), utc(now + policy.forget));
        loop {
            let parameters: [&dyn ToSql; 6] = [
                &key.as_slice(),
                &at,
                &expires_at,
                &policy.free,
                &policy.first_seconds,
                &policy.longest_seconds,
            ];
            // Every expression sees the row as it was before. The exponent ends at 20: an int holds no more.
            let counted = self
                .0
                .execute(
                    "UPDATE sign_in_failures SET
                         failures = CASE WHEN expires_at <= @P2 THEN 1 ELSE failures + 1 END,
                         last_at = @P2,
                         expires_at = @P3,
                         blocked_until = CASE
                             WHEN expires_at <= @P2 OR failures + 1 <= @P4 THEN '1970-01-01'
                             WHEN failures - @P4 > 20
                                 OR @P5 * POWER(CAST(2 AS bigint), failures - @P4) > @P6
                                 THEN DATEADD(second, @P6, @P2)
                             ELSE DATEADD(second, @P5 * POWER(2, failures - @P4), @P2) END
                     WHERE key_hash = @P1 AND blocked_until <= @P2",
                    &parameters,
                )
                .await?;
            if counted == 1 {
                return Ok(None);
            }
            let sql = "SELECT blocked_until FROM sign_in_failures WHERE key_hash = @P1";
            if let Some(row) = self.0.query(sql, &[&key.as_slice()]).await?.first() {
                return Ok(Some(row.instant("blocked_until").ok_or(StoreError::UNREADABLE)?));
            }
            let inserted = self
                .0
                .execute(
                    "INSERT INTO sign_in_failures (key_hash, failures, last_at, blocked_until, expires_at)
                     VALUES (@P1, 1, @P2, CASE WHEN @P4 < 1 THEN DATEADD(second, @P5, @P2) ELSE '1970-01-01' END,
                             @P3)",
                    &[&key.as_slice(), &at, &expires_at, &policy.free, &policy.first_seconds],
                )
                .await;
            match inserted {
                Ok(_) => return Ok(None),
                // Somebody else was first: count theirs up.
                Err(error) if error.is_duplicate() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn take_back(&self, key: &Hash) -> Result<(), StoreError> {
        let key = key.as_slice();
        let sql = "DELETE FROM sign_in_failures WHERE key_hash = @P1 AND failures = 1";
        self.0.execute(sql, &[&key]).await?;
        let sql = "UPDATE sign_in_failures SET failures = failures - 1, blocked_until = '1970-01-01'
                   WHERE key_hash = @P1 AND failures > 1";
        self.0.execute(sql, &[&key]).await?;
        Ok(())
    }

    async fn forget(&self, key: &Hash) -> Result<(), StoreError> {
        self.0.execute("DELETE FROM sign_in_failures WHERE key_hash = @P1", &[&key.as_slice()]).await?;
        Ok(())
    }

    async fn is_known(&self, device: &Hash, account: Uuid, now: OffsetDateTime) -> Result<bool, StoreError> {
        let sql =
            "SELECT 1 FROM known_devices WHERE cookie_hash = @P1 AND account_id = @P2 AND expires_at > @P3";
        let account = account.as_bytes().as_slice();
        Ok(!self.0.query(sql, &[&device.as_slice(), &account, &utc(now)]).await?.is_empty())
    }

    async fn remember(
        &self,
        device: &Hash,
        account: Uuid,
        password_hash: &str,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        // The lock on the account's row makes a new password come wholly before, or wholly after and see this.
        let sql = "INSERT INTO known_devices (cookie_hash, account_id, expires_at)
                   SELECT @P1, @P2, @P3 FROM accounts WITH (UPDLOCK)
                   WHERE id = @P2 AND password_hash = @P4 AND deleted_at IS NULL";
        let (device, account) = (device.as_slice(), account.as_bytes().as_slice());
        Ok(self.0.execute(sql, &[&device, &account, &utc(expires_at), &password_hash]).await? == 1)
    }

    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        self.0.execute("DELETE FROM sign_in_failures WHERE expires_at < @P1", &[&utc(now)]).await?;
        self.0.execute("DELETE FROM known_devices WHERE expires_at < @P1", &[&utc(now)]).await?;
        Ok(())
    }
}

/// As [`forget_devices_in`](super::forget_devices_in).
pub(crate) async fn forget_devices_on_sqlserver(
    tx: &mut Transaction,
    account: Uuid,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM known_devices WHERE account_id = @P1";
    tx.execute(sql, &[&account.as_bytes().as_slice()]).await?;
    Ok(())
}
