//! Grants in PostgreSQL.

mod rows;

use async_trait::async_trait;
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{GrantStore, Named, StoreError, TokenState};
use crate::grants::domain::{Code, Family, Holder, Rotation};
use crate::oauth::Hash;
use rows::{CodeRow, FamilyRow, HolderRow, INSERT_FAMILY, StateRow, family_query};

/// Grants in PostgreSQL.
pub(crate) struct PostgresGrants(PgPool);

impl PostgresGrants {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    /// What is known about tokens that name nothing else: services', which are most of those that are asked about.
    async fn revoked(&self, tokens: &[Named]) -> Result<Vec<TokenState>, StoreError> {
        let query = sqlx::query_scalar("SELECT jti_hash FROM revoked_tokens WHERE jti_hash = ANY ($1)");
        let names: Vec<&[u8]> = tokens.iter().map(|token| token.jti.as_slice()).collect();
        let revoked: Vec<Vec<u8>> = query.bind(names).fetch_all(&self.0).await?;
        let state = |token: &Named| match revoked.iter().any(|it| it.as_slice() == token.jti.as_slice()) {
            true => TokenState::Ended,
            false => TokenState::Service,
        };
        Ok(tokens.iter().map(state).collect())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

#[async_trait]
impl GrantStore for PostgresGrants {
    async fn insert_code(&self, hash: &Hash, code: &Code) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO authorization_codes (code_hash, client_id, account_id, session_id, redirect_uri, scope,
                                              nonce, code_challenge, auth_time, issued_at, expires_at,
                                              amr)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(hash.as_slice())
        .bind(&code.client_id)
        .bind(code.account_id)
        .bind(code.session_id)
        .bind(&code.redirect_uri)
        .bind(code.scopes.to_string())
        .bind(&code.nonce)
        .bind(&code.challenge)
        .bind(code.auth_time)
        .bind(code.issued_at)
        .bind(code.expires_at)
        .bind(code.methods.as_str())
        .execute(&self.0)
        .await?;
        Ok(())
    }

    async fn find_code(&self, hash: &Hash) -> Result<Option<Code>, StoreError> {
        let query = sqlx::query_as("SELECT * FROM authorization_codes WHERE code_hash = $1");
        let row: Option<CodeRow> = query.bind(hash.as_slice()).fetch_optional(&self.0).await?;
        Ok(row.map(CodeRow::into_code))
    }

    async fn redeem(&self, hash: &Hash, family: &Family) -> Result<bool, StoreError> {
        let mut tx = self.0.begin().await?;
        let used = sqlx::query(
            "UPDATE authorization_codes SET used_at = $2, family_id = $3
             WHERE code_hash = $1 AND used_at IS NULL",
        )
        .bind(hash.as_slice())
        .bind(family.created_at)
        .bind(family.id)
        .execute(&mut *tx)
        .await?;
        if used.rows_affected() == 0 {
            return Ok(false);
        }
        // The account's row is locked before the session's, as whoever ends sessions with the account does.
        let while_signed_in =
            "FROM sessions WHERE id = $4 AND ended_at IS NULL AND expires_at > $9 AND account_id = (
                 SELECT id FROM accounts WHERE id = $3 AND locked_at IS NULL AND deleted_at IS NULL FOR SHARE)
             FOR SHARE";
        let sql = format!("{INSERT_FAMILY} {while_signed_in}");
        let inserted = family_query(family, sqlx::query(sqlx::AssertSqlSafe(sql))).execute(&mut *tx).await?;
        if inserted.rows_affected() == 0 {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn insert_family(&self, family: &Family, password_hash: &str) -> Result<bool, StoreError> {
        let while_it_is_the_password = "FROM accounts WHERE id = $3 AND password_hash = $13
             AND second_factor_at IS NULL AND locked_at IS NULL AND deleted_at IS NULL FOR SHARE";
        let sql = format!("{INSERT_FAMILY} {while_it_is_the_password}");
        let query = family_query(family, sqlx::query(sqlx::AssertSqlSafe(sql))).bind(password_hash);
        Ok(query.execute(&self.0).await?.rows_affected() == 1)
    }

    async fn find_family(
        &self,
        id: Uuid,
        now: OffsetDateTime,
    ) -> Result<Option<(Family, Option<Holder>)>, StoreError> {
        let row: Option<FamilyRow> = sqlx::query_as(
            "SELECT f.*, a.instructor, a.admin, a.email_verified_at IS NOT NULL AS email_verified,
                    s.id IS NOT NULL AS session_active
             FROM refresh_families f
             LEFT JOIN accounts a ON a.id = f.account_id AND a.deleted_at IS NULL AND a.locked_at IS NULL
             LEFT JOIN sessions s ON s.id = f.session_id AND s.ended_at IS NULL AND s.expires_at > $2
             WHERE f.id = $1",
        )
        .bind(id)
        .bind(now)
        .fetch_optional(&self.0)
        .await?;
        row.map(FamilyRow::into_family).transpose()
    }

    async fn rotate(&self, family: Uuid, rotation: &Rotation) -> Result<bool, StoreError> {
        let rotated = sqlx::query(
            "UPDATE refresh_families
             SET previous_hash = current_hash, current_hash = $3, salt = $4, rotated_at = $5, idle_until = $6
             WHERE id = $1 AND current_hash = $2 AND revoked_at IS NULL",
        )
        .bind(family)
        .bind(rotation.from.as_slice())
        .bind(rotation.to.as_slice())
        .bind(rotation.salt.as_slice())
        .bind(rotation.at)
        .bind(rotation.idle_until)
        .execute(&self.0)
        .await?;
        Ok(rotated.rows_affected() == 1)
    }

    async fn revoke_family(&self, id: Uuid, now: OffsetDateTime) -> Result<(), StoreError> {
        sqlx::query("UPDATE refresh_families SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
            .bind(id)
            .bind(now)
            .execute(&self.0)
            .await?;
        Ok(())
    }

    async fn revoke_families_without_client(
        &self,
        clients: &[String],
        before: OffsetDateTime,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let revoked = sqlx::query(
            "UPDATE refresh_families SET revoked_at = $3 WHERE id IN (
                 SELECT id FROM refresh_families
                 WHERE revoked_at IS NULL AND created_at < $2 AND client_id <> ALL ($1)
                 LIMIT $4 FOR UPDATE SKIP LOCKED)",
        )
        .bind(clients)
        .bind(before)
        .bind(now)
        .bind(i64::from(limit))
        .execute(&self.0)
        .await?;
        Ok(revoked.rows_affected())
    }

    async fn holder(
        &self,
        account: Uuid,
        session: Option<Uuid>,
        now: OffsetDateTime,
    ) -> Result<Option<Holder>, StoreError> {
        let row: Option<HolderRow> = sqlx::query_as(
            "SELECT instructor, admin, email_verified_at IS NOT NULL AS email_verified,
                    EXISTS (SELECT FROM sessions WHERE id = $2 AND account_id = $1 AND ended_at IS NULL
                            AND expires_at > $3) AS session_active
             FROM accounts WHERE id = $1 AND deleted_at IS NULL AND locked_at IS NULL",
        )
        .bind(account)
        .bind(session)
        .bind(now)
        .fetch_optional(&self.0)
        .await?;
        Ok(row.map(HolderRow::into_holder))
    }

    async fn token_states(
        &self,
        tokens: &[Named],
        now: OffsetDateTime,
    ) -> Result<Vec<TokenState>, StoreError> {
        if tokens.iter().all(Named::is_alone) {
            return self.revoked(tokens).await;
        }
        let rows: Vec<StateRow> = sqlx::query_as(
            "SELECT EXISTS (SELECT FROM revoked_tokens WHERE jti_hash = t.jti)
                    OR (t.family IS NOT NULL AND NOT EXISTS (
                        SELECT FROM refresh_families WHERE id = t.family AND revoked_at IS NULL))
                    OR (t.session IS NOT NULL AND NOT EXISTS (
                        SELECT FROM sessions WHERE id = t.session AND ended_at IS NULL AND expires_at > $5))
                    AS ended,
                    a.instructor, a.admin, a.email_verified_at IS NOT NULL AS email_verified
             FROM unnest($1::bytea[], $2::uuid[], $3::uuid[], $4::uuid[]) WITH ORDINALITY
                  AS t (jti, family, account, session, place)
             LEFT JOIN accounts a ON a.id = t.account AND a.deleted_at IS NULL AND a.locked_at IS NULL
             ORDER BY t.place",
        )
        .bind(tokens.iter().map(|token| token.jti.as_slice()).collect::<Vec<_>>())
        .bind(tokens.iter().map(|token| token.family).collect::<Vec<_>>())
        .bind(tokens.iter().map(|token| token.account).collect::<Vec<_>>())
        .bind(tokens.iter().map(|token| token.session).collect::<Vec<_>>())
        .bind(now)
        .fetch_all(&self.0)
        .await?;
        Ok(rows.into_iter().zip(tokens).map(|(row, token)| row.into_state(token)).collect())
    }

    async fn use_assertion(&self, hash: &Hash, expires_at: OffsetDateTime) -> Result<bool, StoreError> {
        insert_once(&self.0, "used_assertions", hash, expires_at).await
    }

    async fn revoke_token(&self, jti: &Hash, expires_at: OffsetDateTime) -> Result<(), StoreError> {
        insert_once(&self.0, "revoked_tokens", jti, expires_at).await.map(drop)
    }

    async fn sweep(&self, before: OffsetDateTime, limit: u32) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for (table, key) in crate::grants::sweeper::TABLES {
            let sql = format!(
                "DELETE FROM {table} WHERE {key} IN (
                     SELECT {key} FROM {table} WHERE expires_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
            );
            let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(before).bind(i64::from(limit));
            deleted += query.execute(&self.0).await?.rows_affected();
        }
        Ok(deleted)
    }
}

async fn insert_once(
    pool: &PgPool,
    table: &'static str,
    hash: &Hash,
    expires_at: OffsetDateTime,
) -> Result<bool, StoreError> {
    let sql = format!("INSERT INTO {table} (jti_hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(hash.as_slice()).bind(expires_at);
    Ok(query.execute(pool).await?.rows_affected() == 1)
}
