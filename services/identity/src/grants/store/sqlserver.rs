//! Grants in SQL Server.

use async_trait::async_trait;
use platform_service::sqlserver::{Connection, Pool, SqlServerError, begin, utc};
use tiberius::{Row, ToSql};
use time::{OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

use super::{GrantStore, Named, StoreError, TokenState};
use crate::accounts::Roles;
use crate::grants::domain::{Code, Family, Holder, Rotation};
use crate::oauth::{Hash, Scopes};
use crate::sessions::Methods;

/// Grants in SQL Server.
pub(crate) struct SqlServerGrants(Pool);

impl SqlServerGrants {
    pub(crate) fn new(pool: Pool) -> Self {
        Self(pool)
    }

    async fn query(&self, sql: &str, parameters: &[&dyn ToSql]) -> Result<Vec<Row>, StoreError> {
        let mut connection = self.0.get().await.map_err(SqlServerError::from)?;
        Ok(Connection::query(&mut connection, sql, parameters).await?)
    }

    async fn execute(&self, sql: &str, parameters: &[&dyn ToSql]) -> Result<u64, SqlServerError> {
        let mut connection = self.0.get().await.map_err(SqlServerError::from)?;
        Connection::execute(&mut connection, sql, parameters).await
    }

    /// Answers whether the row was not there before.
    async fn insert_once(
        &self,
        sql: &str,
        hash: &Hash,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        match self.execute(sql, &[&hash.as_slice(), &utc(expires_at)]).await {
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
        let rows = self.query(sql, &[&token.jti.as_slice(), &family, &account, &session, &utc(now)]).await?;
        let row = rows.first().ok_or(StoreError::Corrupt)?;
        let ended = row.try_get::<bool, _>("ended").ok().flatten().ok_or(StoreError::Corrupt)?;
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

/// To be followed by what must be there.
const INSERT_FAMILY: &str =
    "INSERT INTO refresh_families (id, client_id, account_id, session_id, scope, auth_time, current_hash,
                                   rotated_at, created_at, idle_until, expires_at, amr)
     SELECT @P1, @P2, @P3, @P4, @P5, @P6, @P7, @P8, @P9, @P10, @P11, @P12";

#[async_trait]
impl GrantStore for SqlServerGrants {
    async fn insert_code(&self, hash: &Hash, code: &Code) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO authorization_codes (code_hash, client_id, account_id, session_id, redirect_uri, scope,
                                              nonce, code_challenge, auth_time, issued_at, expires_at,
                                              amr)
             VALUES (@P1, @P2, @P3, @P4, @P5, @P6, @P7, @P8, @P9, @P10, @P11, @P12)";
        let scope = code.scopes.to_string();
        self.execute(
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
        let rows = self.query(sql, &[&hash.as_slice()]).await?;
        rows.first().map(|row| read_code(row).ok_or(StoreError::Corrupt)).transpose()
    }

    async fn redeem(&self, hash: &Hash, family: &Family) -> Result<bool, StoreError> {
        let mut tx = begin(&self.0).await?;
        let sql = "UPDATE authorization_codes SET used_at = @P2, family_id = @P3
                   WHERE code_hash = @P1 AND used_at IS NULL";
        let parameters: [&dyn ToSql; 3] =
            [&hash.as_slice(), &utc(family.created_at), &family.id.as_bytes().as_slice()];
        let used = tx.execute(sql, &parameters).await.map_err(SqlServerError::from)?.total();
        if used == 0 {
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
        let inserted = tx
            .execute(&*sql, &family_parameters(family, &scope).each())
            .await
            .map_err(SqlServerError::from)?
            .total();
        if inserted == 0 {
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
        Ok(self.execute(&sql, &parameters).await? == 1)
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
        let rows = self.query(sql, &[&id.as_bytes().as_slice(), &utc(now)]).await?;
        rows.first().map(|row| read_family(row).ok_or(StoreError::Corrupt)).transpose()
    }

    async fn rotate(&self, family: Uuid, rotation: &Rotation) -> Result<bool, StoreError> {
        let sql = "UPDATE refresh_families
                   SET previous_hash = current_hash, current_hash = @P3, salt = @P4, rotated_at = @P5,
                       idle_until = @P6
                   WHERE id = @P1 AND current_hash = @P2 AND revoked_at IS NULL";
        let rotated = self
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
        self.execute(sql, &[&id.as_bytes().as_slice(), &utc(now)]).await?;
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
        Ok(self.execute(&sql, &[&list.as_str(), &utc(before), &utc(now)]).await?)
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
        let rows = self.query(sql, &[&account.as_bytes().as_slice(), &session, &utc(now)]).await?;
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

    async fn consent(&self, account: Uuid, client_id: &str) -> Result<Option<Scopes>, StoreError> {
        let sql = "SELECT scope FROM consents WHERE account_id = @P1 AND client_id = @P2";
        let rows = self.query(sql, &[&account.as_bytes().as_slice(), &client_id]).await?;
        rows.first()
            .map(|row| text(row, "scope").map(|it| Scopes::stored(&it)).ok_or(StoreError::Corrupt))
            .transpose()
    }

    async fn give_consent(
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
        if self.execute(update, &parameters).await? > 0 {
            return Ok(());
        }
        let insert =
            "INSERT INTO consents (account_id, client_id, scope, given_at) VALUES (@P1, @P2, @P3, @P4)";
        match self.execute(insert, &parameters).await {
            Ok(_) => Ok(()),
            // Another request was faster; what is asked last is what counts.
            Err(error) if error.is_duplicate() => Ok(self.execute(update, &parameters).await.map(drop)?),
            Err(error) => Err(error.into()),
        }
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
        for (table, _) in super::super::sweeper::TABLES {
            let sql = format!("DELETE TOP ({limit}) FROM {table} WHERE expires_at < @P1");
            deleted += self.execute(&sql, &[&utc(before)]).await?;
        }
        Ok(deleted)
    }
}

/// The values of [`INSERT_FAMILY`], which must live as long as the statement runs.
struct FamilyParameters<'a> {
    id: &'a [u8],
    client_id: &'a str,
    account_id: &'a [u8],
    session_id: Option<&'a [u8]>,
    scope: &'a str,
    current: &'a [u8],
    amr: &'static str,
    times: [PrimitiveDateTime; 5],
}

fn family_parameters<'a>(family: &'a Family, scope: &'a str) -> FamilyParameters<'a> {
    FamilyParameters {
        id: family.id.as_bytes(),
        client_id: &family.client_id,
        account_id: family.account_id.as_bytes(),
        session_id: family.session_id.as_ref().map(|id| id.as_bytes().as_slice()),
        scope,
        current: &family.current,
        amr: family.methods.as_str(),
        times: [family.auth_time, family.rotated_at, family.created_at, family.idle_until, family.expires_at]
            .map(utc),
    }
}

impl FamilyParameters<'_> {
    fn each(&self) -> [&dyn ToSql; 12] {
        let [auth_time, rotated_at, created_at, idle_until, expires_at] = &self.times;
        [
            &self.id,
            &self.client_id,
            &self.account_id,
            &self.session_id,
            &self.scope,
            auth_time,
            &self.current,
            rotated_at,
            created_at,
            idle_until,
            expires_at,
            &self.amr,
        ]
    }
}

fn text(row: &Row, column: &str) -> Option<String> {
    row.try_get::<&str, _>(column).ok().flatten().map(str::to_owned)
}

fn instant(row: &Row, column: &str) -> Option<OffsetDateTime> {
    row.try_get::<PrimitiveDateTime, _>(column).ok().flatten().map(PrimitiveDateTime::assume_utc)
}

fn id(row: &Row, column: &str) -> Option<Uuid> {
    row.try_get::<&[u8], _>(column).ok().flatten().and_then(|id| Uuid::from_slice(id).ok())
}

fn hash(row: &Row, column: &str) -> Option<Hash> {
    row.try_get::<&[u8], _>(column).ok().flatten().and_then(|hash| hash.try_into().ok())
}

fn read_code(row: &Row) -> Option<Code> {
    Some(Code {
        client_id: text(row, "client_id")?,
        account_id: id(row, "account_id")?,
        session_id: id(row, "session_id")?,
        redirect_uri: text(row, "redirect_uri")?,
        scopes: Scopes::stored(&text(row, "scope")?),
        nonce: text(row, "nonce"),
        challenge: text(row, "code_challenge")?,
        auth_time: instant(row, "auth_time")?,
        methods: Methods::stored(&text(row, "amr")?),
        issued_at: instant(row, "issued_at")?,
        expires_at: instant(row, "expires_at")?,
        used_at: instant(row, "used_at"),
        family_id: id(row, "family_id"),
    })
}

fn read_family(row: &Row) -> Option<(Family, Option<Holder>)> {
    let family = Family {
        id: id(row, "id")?,
        client_id: text(row, "client_id")?,
        account_id: id(row, "account_id")?,
        session_id: id(row, "session_id"),
        scopes: Scopes::stored(&text(row, "scope")?),
        auth_time: instant(row, "auth_time")?,
        methods: Methods::stored(&text(row, "amr")?),
        current: hash(row, "current_hash")?,
        previous: hash(row, "previous_hash"),
        salt: hash(row, "salt"),
        rotated_at: instant(row, "rotated_at")?,
        created_at: instant(row, "created_at")?,
        idle_until: instant(row, "idle_until")?,
        expires_at: instant(row, "expires_at")?,
        revoked_at: instant(row, "revoked_at"),
    };
    Some((family, read_holder(row)))
}

/// `None` when the account is not there: its columns come from an outer join.
fn read_holder(row: &Row) -> Option<Holder> {
    let flag = |column: &str| row.try_get::<bool, _>(column).ok().flatten();
    Some(Holder {
        roles: Roles { instructor: flag("instructor")?, admin: flag("admin")? },
        email_verified: instant(row, "email_verified_at").is_some(),
        session_active: id(row, "active").is_some(),
    })
}
