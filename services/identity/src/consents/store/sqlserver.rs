//! Consents in SQL Server.

use async_trait::async_trait;
use platform_service::sqlserver::{Pool, SqlServerError, begin, utc};
use tiberius::Row;
use time::{OffsetDateTime, PrimitiveDateTime};
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

const UNREADABLE: StoreError = StoreError::Corrupt("a column has another type or is empty");

#[async_trait]
impl ConsentStore for SqlServerConsents {
    async fn of_account(&self, account: Uuid) -> Result<Vec<Consent>, StoreError> {
        let mut connection = self.0.get().await.map_err(SqlServerError::from)?;
        let sql = "SELECT TOP (200) client_id, scope, given_at FROM consents WHERE account_id = @P1
                   ORDER BY given_at DESC, client_id";
        let rows = connection.query(sql, &[&account.as_bytes().as_slice()]).await?;
        rows.iter().map(|row| read(row).ok_or(UNREADABLE)).collect()
    }

    async fn withdraw(&self, account: Uuid, client_id: &str, at: OffsetDateTime) -> Result<bool, StoreError> {
        let mut tx = begin(&self.0).await?;
        let account = account.as_bytes().as_slice();
        let sql = "DELETE FROM consents WHERE account_id = @P1 AND client_id = @P2";
        if tx.execute(sql, &[&account, &client_id]).await?.total() == 0 {
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
    let text = |column| row.try_get::<&str, _>(column).ok().flatten();
    let given_at = row.try_get::<PrimitiveDateTime, _>("given_at").ok().flatten()?;
    Some(Consent {
        client_id: text("client_id")?.to_owned(),
        scopes: Scopes::stored(text("scope")?),
        given_at: given_at.assume_utc(),
    })
}
