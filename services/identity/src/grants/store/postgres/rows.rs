//! What rows are made of, and what they say.

use sqlx::FromRow;
use sqlx::postgres::PgArguments;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::Roles;
use crate::grants::domain::{Code, Family, Holder};
use crate::grants::store::{Named, StoreError, TokenState};
use crate::oauth::{Hash, Scopes};
use crate::sessions::Methods;

/// Inserts a family; to be followed by what must be there.
pub(super) const INSERT_FAMILY: &str =
    "INSERT INTO refresh_families (id, client_id, account_id, session_id, scope, auth_time, current_hash,
                                   rotated_at, created_at, idle_until, expires_at, amr)
     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12";

type Statement<'q> = sqlx::query::Query<'q, sqlx::Postgres, PgArguments>;

/// With the values of [`INSERT_FAMILY`].
pub(super) fn family_query<'q>(family: &'q Family, query: Statement<'q>) -> Statement<'q> {
    query
        .bind(family.id)
        .bind(&family.client_id)
        .bind(family.account_id)
        .bind(family.session_id)
        .bind(family.scopes.to_string())
        .bind(family.auth_time)
        .bind(family.current.as_slice())
        .bind(family.rotated_at)
        .bind(family.created_at)
        .bind(family.idle_until)
        .bind(family.expires_at)
        .bind(family.methods.as_str())
}

#[derive(FromRow)]
pub(super) struct CodeRow {
    client_id: String,
    account_id: Uuid,
    session_id: Uuid,
    redirect_uri: String,
    scope: String,
    nonce: Option<String>,
    code_challenge: String,
    auth_time: OffsetDateTime,
    amr: String,
    issued_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    used_at: Option<OffsetDateTime>,
    family_id: Option<Uuid>,
}

impl CodeRow {
    pub(super) fn into_code(self) -> Code {
        Code {
            client_id: self.client_id,
            account_id: self.account_id,
            session_id: self.session_id,
            redirect_uri: self.redirect_uri,
            scopes: Scopes::stored(&self.scope),
            nonce: self.nonce,
            challenge: self.code_challenge,
            auth_time: self.auth_time,
            methods: Methods::stored(&self.amr),
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            used_at: self.used_at,
            family_id: self.family_id,
        }
    }
}

#[derive(FromRow)]
pub(super) struct FamilyRow {
    id: Uuid,
    client_id: String,
    account_id: Uuid,
    session_id: Option<Uuid>,
    scope: String,
    auth_time: OffsetDateTime,
    amr: String,
    current_hash: Vec<u8>,
    previous_hash: Option<Vec<u8>>,
    salt: Option<Vec<u8>>,
    rotated_at: OffsetDateTime,
    created_at: OffsetDateTime,
    idle_until: OffsetDateTime,
    expires_at: OffsetDateTime,
    revoked_at: Option<OffsetDateTime>,
    instructor: Option<bool>,
    admin: Option<bool>,
    email_verified: bool,
    session_active: bool,
}

impl FamilyRow {
    pub(super) fn into_family(self) -> Result<(Family, Option<Holder>), StoreError> {
        let hash = |bytes: Vec<u8>| Hash::try_from(bytes).map_err(|_| StoreError::Corrupt);
        let holder = self.instructor.zip(self.admin).map(|(instructor, admin)| Holder {
            roles: Roles { instructor, admin },
            email_verified: self.email_verified,
            session_active: self.session_active,
        });
        let family = Family {
            id: self.id,
            client_id: self.client_id,
            account_id: self.account_id,
            session_id: self.session_id,
            scopes: Scopes::stored(&self.scope),
            auth_time: self.auth_time,
            methods: Methods::stored(&self.amr),
            current: hash(self.current_hash)?,
            previous: self.previous_hash.map(hash).transpose()?,
            salt: self.salt.map(hash).transpose()?,
            rotated_at: self.rotated_at,
            created_at: self.created_at,
            idle_until: self.idle_until,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        };
        Ok((family, holder))
    }
}

#[derive(FromRow)]
pub(super) struct HolderRow {
    instructor: bool,
    admin: bool,
    email_verified: bool,
    session_active: bool,
}

impl HolderRow {
    pub(super) fn into_holder(self) -> Holder {
        Holder {
            roles: Roles { instructor: self.instructor, admin: self.admin },
            email_verified: self.email_verified,
            session_active: self.session_active,
        }
    }
}

#[derive(FromRow)]
pub(super) struct StateRow {
    ended: bool,
    instructor: Option<bool>,
    admin: Option<bool>,
    email_verified: bool,
}

impl StateRow {
    pub(super) fn into_state(self, token: &Named) -> TokenState {
        match (self.ended, token.account, self.instructor.zip(self.admin)) {
            (true, ..) | (false, Some(_), None) => TokenState::Ended,
            (false, None, _) => TokenState::Service,
            (false, Some(_), Some((instructor, admin))) => TokenState::User(Holder {
                roles: Roles { instructor, admin },
                email_verified: self.email_verified,
                session_active: token.session.is_some(),
            }),
        }
    }
}
