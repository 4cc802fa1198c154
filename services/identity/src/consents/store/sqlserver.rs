//! Consents in SQL Server.

use async_trait::async_trait;
use platform_service::sqlserver::{Columns as _, Pool, utc};
use tiberius::{Row, ToSql};
use time::OffsetDateTime;
use uuid::Uuid;

use super::ConsentStore;
use crate::accounts::StoreError;
use crate::consents::domain::Consent;
use crate::oauth::Scopes;

/// Consents in SQL Server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SqlServerConsents(Pool);

impl SqlServerConsents {
    pub(crate) fn new(pool: Pool) -> Self {
        Self(pool)
    }
}

#[async_trait]
impl ConsentStore for SqlServerConsents {
    async fn of_account(&self, account: Uuid) -> Result<Vec<Consent>, StoreError> {
        let sql = "SELECT TOP (200) client_id, scope, given_at FROM consents WHERE account_id = @P1
                   ORDER BY given_at DESC, client_id";
        let rows = self.0.query(sql, &[&account.as_bytes().as_slice()]).await?;
        rows.iter().map(|row| read(row).ok_or(StoreError::UNREADABLE)).collect()
    }

    async fn given(&self, account: Uuid, client_id: &str) -> Result<Option<Scopes>, StoreError> {
        let sql = "SELECT scope FROM consents WHERE account_id = @P1 AND client_id = @P2";
        let rows = self.0.query(sql, &[&account.as_bytes().as_slice(), &client_id]).await?;
        rows.first()
            .map(|row| row.value("scope").map(Scopes::stored).ok_or(StoreError::UNREADABLE))
            .transpose()
    }

    async fn give(
        &self,
        account: Uuid,
        client_id: &str,
        scopes: &Scopes,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let scope = scopes.to_string();
        let parameters: [&dyn ToSql; 4] =
            [&account.as_bytes().as_slice(), &client_id, &scope.as_str(), &utc(now)];
        let update =
            "UPDATE consents SET scope = @P3, given_at = @P4 WHERE account_id = @P1 AND client_id = @P2";
        if self.0.execute(update, &parameters).await? > 0 {
            return Ok(());
        }
        let insert =
            "INSERT INTO consents (account_id, client_id, scope, given_at) VALUES (@P1, @P2, @P3, @P4)";
        match self.0.execute(insert, &parameters).await {
            Ok(_) => Ok(()),
            // Another request was faster; what is asked last is what counts.
            Err(error) if error.is_duplicate() => {
                self.0.execute(update, &parameters).await?;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn withdraw(&self, account: Uuid, client_id: &str, at: OffsetDateTime) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        let account = account.as_bytes().as_slice();
        let sql = "DELETE FROM consents WHERE account_id = @P1 AND client_id = @P2";
        if tx.execute(sql, &[&account, &client_id]).await? == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        // Codes first: one that is being exchanged is waited for, and its family is there then.
        let sql = "DELETE FROM authorization_codes
                   WHERE account_id = @P1 AND client_id = @P2 AND used_at IS NULL";
        tx.execute(sql, &[&account, &client_id]).await?;
        let sql = "UPDATE refresh_families SET revoked_at = @P3
                   WHERE account_id = @P1 AND client_id = @P2 AND revoked_at IS NULL";
        tx.execute(sql, &[&account, &client_id, &utc(at)]).await?;
        tx.commit().await?;
        Ok(true)
    }
}

fn read(row: &Row) -> Option<Consent> {
    Some(Consent {
        client_id: row.text("client_id")?,
        scopes: Scopes::stored(row.value("scope")?),
        given_at: row.instant("given_at")?,
    })
}
