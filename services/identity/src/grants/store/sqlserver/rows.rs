//! What rows are made of, and what they say.

use platform_service::sqlserver::{Columns as _, utc};
use tiberius::{Row, ToSql};
use time::PrimitiveDateTime;

use crate::accounts::Roles;
use crate::grants::domain::{Code, Family, Holder};
use crate::oauth::{Hash, Scopes};
use crate::sessions::Methods;

/// Inserts a family; to be followed by what must be there.
pub(super) const INSERT_FAMILY: &str =
    "INSERT INTO refresh_families (id, client_id, account_id, session_id, scope, auth_time, current_hash,
                                   rotated_at, created_at, idle_until, expires_at, amr)
     SELECT @P1, @P2, @P3, @P4, @P5, @P6, @P7, @P8, @P9, @P10, @P11, @P12";

/// The values of [`INSERT_FAMILY`], which must live as long as the statement runs.
pub(super) struct FamilyParameters<'a> {
    id: &'a [u8],
    client_id: &'a str,
    account_id: &'a [u8],
    session_id: Option<&'a [u8]>,
    scope: &'a str,
    current: &'a [u8],
    amr: &'static str,
    times: [PrimitiveDateTime; 5],
}

pub(super) fn family_parameters<'a>(family: &'a Family, scope: &'a str) -> FamilyParameters<'a> {
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
    /// In their order.
    pub(super) fn each(&self) -> [&dyn ToSql; 12] {
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

fn hash(row: &Row, column: &str) -> Option<Hash> {
    row.value::<&[u8]>(column).and_then(|hash| hash.try_into().ok())
}

/// A code.
pub(super) fn read_code(row: &Row) -> Option<Code> {
    Some(Code {
        client_id: row.text("client_id")?,
        account_id: row.id("account_id")?,
        session_id: row.id("session_id")?,
        redirect_uri: row.text("redirect_uri")?,
        scopes: Scopes::stored(row.value("scope")?),
        nonce: row.text("nonce"),
        challenge: row.text("code_challenge")?,
        auth_time: row.instant("auth_time")?,
        methods: Methods::stored(row.value("amr")?),
        issued_at: row.instant("issued_at")?,
        expires_at: row.instant("expires_at")?,
        used_at: row.instant("used_at"),
        family_id: row.id("family_id"),
    })
}

/// A family and who holds it.
pub(super) fn read_family(row: &Row) -> Option<(Family, Option<Holder>)> {
    let family = Family {
        id: row.id("id")?,
        client_id: row.text("client_id")?,
        account_id: row.id("account_id")?,
        session_id: row.id("session_id"),
        scopes: Scopes::stored(row.value("scope")?),
        auth_time: row.instant("auth_time")?,
        methods: Methods::stored(row.value("amr")?),
        current: hash(row, "current_hash")?,
        previous: hash(row, "previous_hash"),
        salt: hash(row, "salt"),
        rotated_at: row.instant("rotated_at")?,
        created_at: row.instant("created_at")?,
        idle_until: row.instant("idle_until")?,
        expires_at: row.instant("expires_at")?,
        revoked_at: row.instant("revoked_at"),
    };
    Some((family, read_holder(row)))
}

/// Who holds it; `None` when the account is not there: its columns come from an outer join.
pub(super) fn read_holder(row: &Row) -> Option<Holder> {
    Some(Holder {
        roles: Roles { instructor: row.value("instructor")?, admin: row.value("admin")? },
        email_verified: row.instant("email_verified_at").is_some(),
        session_active: row.id("active").is_some(),
    })
}
