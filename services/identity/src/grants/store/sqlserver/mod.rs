//! Grants in SQL Server.

mod rows;

use async_trait::async_trait;
use platform_service::sqlserver::{Columns as _, Pool, SqlServerError, utc};
use tiberius::ToSql;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{GrantStore, Named, StoreError, TokenState};
use crate::grants::domain::{Code, Family, Holder, Rotation};
use crate::oauth::Hash;
use rows::{INSERT_FAMILY, family_parameters, read_code, read_family, read_holder};

/// Grants in SQL Server.
pub(crate) struct SqlServerGrants(Pool);

impl SqlServerGrants {
    pub(crate) fn new(pool: Pool) -> Self {
        Self(pool)
    }

    /// Answers whether the row was not there before.
    async fn insert_once(
        &self,
        sql: &str,
        hash: &Hash,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        match self.0.execute(sql, &[&hash.as_slice(), &utc(expires_at)]).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_duplicate() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn token_state(&self, token: &Named, now: OffsetDateTime) -> Result<TokenState, StoreError> {
        let sql = "SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM revoked_tokens WHERE jti_hash = @P1)
                        OR (@P2 IS NOT NULL AND NOT EXISTS (
                            SELECT 1 FROM refresh_families WHERE id = @P2 AND revoked_at IS NULL))
                        OR (@P4 IS NOT NULL AND NOT EXISTS (
                            SELECT 1 FROM sessions WHERE id = @P4 AND ended_at IS NULL AND expires_at > @P5))
                        THEN 1 ELSE 0 END AS bit) AS ended,
                          a.instructor, a.admin, a.email_verified_at, @P4 AS active
                   FROM (SELECT 1 AS n) one
                   LEFT JOIN accounts a ON a.id = @P3 AND a.deleted_at IS NULL AND a.locked_at IS NULL";
        let [family, account, session] =
            [token.family, token.account, token.session].map(|id| id.map(Uuid::into_bytes));
        let family: Option<&[u8]> = family.as_ref().map(<[u8; 16]>::as_slice);
        let account: Option<&[u8]> = account.as_ref().map(<[u8; 16]>::as_slice);
        let session: Option<&[u8]> = session.as_ref().map(<[u8; 16]>::as_slice);
        let rows =
            self.0.query(sql, &[&token.jti.as_slice(), &family, &account, &session, &utc(now)]).await?;
        let row = rows.first().ok_or(StoreError::Corrupt)?;
        let ended = row.value::<bool>("ended").ok_or(StoreError::Corrupt)?;
        Ok(match (ended, token.account, read_holder(row)) {
            (true, ..) | (false, Some(_), None) => TokenState::Ended,
            (false, None, _) => TokenState::Service,
            (false, Some(_), Some(holder)) => TokenState::User(holder),
        })
    }
}

impl From<SqlServerError> for StoreError {
    fn from(error: SqlServerError) -> Self {
        Self::Database(Box::new(error))
    }
}

#[async_trait]
impl GrantStore for SqlServerGrants {
    async fn insert_code(&self, hash: &Hash, code: &Code) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO authorization_codes (code_hash, client_id, account_id, session_id, redirect_uri, scope,
                                              nonce, code_challenge, auth_time, issued_at, expires_at,
                                              amr)
             VALUES (@P1, @P2, @P3, @P4, @P5, @P6, @P7, @P8, @P9, @P10, @P11, @P12)";
        let scope = code.scopes.to_string();
        self.0
            .execute(
                sql,
                &[
                    &hash.as_slice(),
                    &code.client_id.as_str(),
                    &code.account_id.as_bytes().as_slice(),
                    &code.session_id.as_bytes().as_slice(),
                    &code.redirect_uri.as_str(),
                    &scope.as_str(),
                    &code.nonce.as_deref(),
                    &code.challenge.as_str(),
                    &utc(code.auth_time),
                    &utc(code.issued_at),
                    &utc(code.expires_at),
                    &code.methods.as_str(),
                ],
            )
            .await?;
        Ok(())
    }

    async fn find_code(&self, hash: &Hash) -> Result<Option<Code>, StoreError> {
        let sql = "SELECT client_id, account_id, session_id, redirect_uri, scope, nonce, code_challenge,
                          auth_time, amr, issued_at, expires_at, used_at, family_id
                   FROM authorization_codes WHERE code_hash = @P1";
        let rows = self.0.query(sql, &[&hash.as_slice()]).await?;
        rows.first().map(|row| read_code(row).ok_or(StoreError::Corrupt)).transpose()
    }

    async fn redeem(&self, hash: &Hash, family: &Family) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        let sql = "UPDATE authorization_codes SET used_at = @P2, family_id = @P3
                   WHERE code_hash = @P1 AND used_at IS NULL";
        let parameters: [&dyn ToSql; 3] =
            [&hash.as_slice(), &utc(family.created_at), &family.id.as_bytes().as_slice()];
        if tx.execute(sql, &parameters).await? == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        let scope = family.scopes.to_string();
        // The account's row is locked before the session's, as whoever ends sessions with the account does; the
        // kind of join keeps that order.
        let sql = format!(
            "{INSERT_FAMILY} FROM accounts a WITH (UPDLOCK)
             INNER LOOP JOIN sessions s WITH (UPDLOCK) ON s.account_id = a.id
             WHERE a.id = @P3 AND a.locked_at IS NULL AND a.deleted_at IS NULL
               AND s.id = @P4 AND s.ended_at IS NULL AND s.expires_at > @P9"
        );
        if tx.execute(&sql, &family_parameters(family, &scope).each()).await? == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn insert_family(&self, family: &Family, password_hash: &str) -> Result<bool, StoreError> {
        let scope = family.scopes.to_string();
        let sql = format!(
            "{INSERT_FAMILY} FROM accounts WITH (UPDLOCK)
             WHERE id = @P3 AND password_hash = @P13 AND second_factor_at IS NULL AND locked_at IS NULL
               AND deleted_at IS NULL"
        );
        let values = family_parameters(family, &scope);
        let mut parameters = values.each().to_vec();
        parameters.push(&password_hash);
        Ok(self.0.execute(&sql, &parameters).await? == 1)
    }

    async fn find_family(
        &self,
        id: Uuid,
        now: OffsetDateTime,
    ) -> Result<Option<(Family, Option<Holder>)>, StoreError> {
        let sql = "SELECT f.id, f.client_id, f.account_id, f.session_id, f.scope, f.auth_time, f.amr, f.current_hash,
                          f.previous_hash, f.salt, f.rotated_at, f.created_at, f.idle_until, f.expires_at,
                          f.revoked_at, a.instructor, a.admin, a.email_verified_at, s.id AS active
                   FROM refresh_families f
                   LEFT JOIN accounts a ON a.id = f.account_id AND a.deleted_at IS NULL AND a.locked_at IS NULL
                   LEFT JOIN sessions s ON s.id = f.session_id AND s.ended_at IS NULL AND s.expires_at > @P2
                   WHERE f.id = @P1";
        let rows = self.0.query(sql, &[&id.as_bytes().as_slice(), &utc(now)]).await?;
        rows.first().map(|row| read_family(row).ok_or(StoreError::Corrupt)).transpose()
    }

    async fn rotate(&self, family: Uuid, rotation: &Rotation) -> Result<bool, StoreError> {
        let sql = "UPDATE refresh_families
                   SET previous_hash = current_hash, current_hash = @P3, salt = @P4, rotated_at = @P5,
                       idle_until = @P6
                   WHERE id = @P1 AND current_hash = @P2 AND revoked_at IS NULL";
        let rotated = self
            .0
            .execute(
                sql,
                &[
                    &family.as_bytes().as_slice(),
                    &rotation.from.as_slice(),
                    &rotation.to.as_slice(),
                    &rotation.salt.as_slice(),
                    &utc(rotation.at),
                    &utc(rotation.idle_until),
                ],
            )
            .await?;
        Ok(rotated == 1)
    }

    async fn revoke_family(&self, id: Uuid, now: OffsetDateTime) -> Result<(), StoreError> {
        let sql = "UPDATE refresh_families SET revoked_at = @P2 WHERE id = @P1 AND revoked_at IS NULL";
        self.0.execute(sql, &[&id.as_bytes().as_slice(), &utc(now)]).await?;
        Ok(())
    }

    async fn revoke_families_without_client(
        &self,
        clients: &[String],
        before: OffsetDateTime,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<u64, StoreError> {
        // One parameter for the list, whose ids have no characters that JSON escapes.
        let list = serde_json::to_string(clients).map_err(|_| StoreError::Corrupt)?;
        let sql = format!(
            "UPDATE TOP ({limit}) refresh_families SET revoked_at = @P3
             WHERE revoked_at IS NULL AND created_at < @P2
               AND client_id NOT IN (
                   SELECT value COLLATE Latin1_General_BIN2 FROM OPENJSON(@P1) WHERE value IS NOT NULL)"
        );
        Ok(self.0.execute(&sql, &[&list.as_str(), &utc(before), &utc(now)]).await?)
    }

    async fn holder(
        &self,
        account: Uuid,
        session: Option<Uuid>,
        now: OffsetDateTime,
    ) -> Result<Option<Holder>, StoreError> {
        let sql = "SELECT a.instructor, a.admin, a.email_verified_at, s.id AS active
                   FROM accounts a
                   LEFT JOIN sessions s ON s.id = @P2 AND s.account_id = a.id AND s.ended_at IS NULL
                        AND s.expires_at > @P3
                   WHERE a.id = @P1 AND a.deleted_at IS NULL AND a.locked_at IS NULL";
        let session = session.map(Uuid::into_bytes);
        let session: Option<&[u8]> = session.as_ref().map(<[u8; 16]>::as_slice);
        let rows = self.0.query(sql, &[&account.as_bytes().as_slice(), &session, &utc(now)]).await?;
        Ok(rows.first().and_then(read_holder))
    }

    async fn token_states(
        &self,
        tokens: &[Named],
        now: OffsetDateTime,
    ) -> Result<Vec<TokenState>, StoreError> {
        let mut states = Vec::with_capacity(tokens.len());
        for token in tokens {
            states.push(self.token_state(token, now).await?);
        }
        Ok(states)
    }

    async fn use_assertion(&self, hash: &Hash, expires_at: OffsetDateTime) -> Result<bool, StoreError> {
        let sql = "INSERT INTO used_assertions (jti_hash, expires_at) VALUES (@P1, @P2)";
        self.insert_once(sql, hash, expires_at).await
    }

    async fn revoke_token(&self, jti: &Hash, expires_at: OffsetDateTime) -> Result<(), StoreError> {
        let sql = "INSERT INTO revoked_tokens (jti_hash, expires_at) VALUES (@P1, @P2)";
        self.insert_once(sql, jti, expires_at).await.map(drop)
    }

    async fn sweep(&self, before: OffsetDateTime, limit: u32) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for (table, _) in crate::grants::sweeper::TABLES {
            let sql = format!("DELETE TOP ({limit}) FROM {table} WHERE expires_at < @P1");
            deleted += self.0.execute(&sql, &[&utc(before)]).await?;
        }
        Ok(deleted)
    }
}
