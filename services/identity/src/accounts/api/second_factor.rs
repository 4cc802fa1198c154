//! One's second factor. What is shown here is shown once, and no cache may keep it.

use axum::extract;
use axum::response::Response;
use garde::Validate;
use http::StatusCode;
use platform_http::{Json, Problem};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::access::{Own, Recent};
use super::{State, no_store};
use crate::second_factor::RecoveryCode;

/// Whether signing in takes a second factor.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct SecondFactorDocument {
    /// Since when; `null` when it takes none.
    #[serde(with = "time::serde::rfc3339::option")]
    since: Option<OffsetDateTime>,
    /// How many recovery codes were not used yet.
    recovery_codes_left: u32,
}

/// What an authenticator is told. It counts for nothing until its first code was given.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct SetUpDocument {
    /// The shared secret in base32 (RFC 4648): RFC 6238 with SHA-1, 6 digits and 30 seconds.
    #[schema(format = Password)]
    secret: String,
    /// The same as an address that authenticators open, to be shown as a QR code.
    #[schema(format = Password)]
    uri: String,
}

/// A code of the authenticator; a recovery code too, where something is taken away.
#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeDocument {
    #[garde(length(chars, min = 1, max = 1000))]
    #[schema(example = "123456", min_length = 1, max_length = 1000)]
    code: String,
}

/// Codes that let their owner in when the authenticator is lost, each once. They replace those before.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct RecoveryCodesDocument {
    #[schema(example = json!(["ABCD-EFGH-IJKL-MNOP-QRST-UVWX"]))]
    recovery_codes: Vec<String>,
}

impl From<Vec<RecoveryCode>> for RecoveryCodesDocument {
    fn from(codes: Vec<RecoveryCode>) -> Self {
        Self { recovery_codes: codes.iter().map(RecoveryCode::shown).collect() }
    }
}

/// Shows whether one has a second factor.
#[utoipa::path(
    get, path = "/identity/v1/account/second-factor", operation_id = "second_factor", tag = "account",
    security(("access_token" = ["account.manage"])),
    responses((status = 200, body = SecondFactorDocument), (status = 401, description = "No valid token")),
)]
pub(super) async fn show(
    extract::State(state): extract::State<State>,
    caller: Own,
) -> Result<Response, Problem> {
    let account = state.account(caller.subject).await?;
    let recovery_codes_left = state.second_factors.codes_left(account.id).await?;
    Ok(no_store(SecondFactorDocument { since: account.second_factor_at, recovery_codes_left }))
}

/// Makes a secret for an authenticator, in place of one that waits for its first code. It waits for ten minutes.
#[utoipa::path(
    post, path = "/identity/v1/account/second-factor", operation_id = "set_up_second_factor", tag = "account",
    security(("access_token" = ["account.manage"])),
    responses(
        (status = 200, body = SetUpDocument),
        (status = 401, description = "No valid token, or the password was given more than 5 minutes ago"),
        (status = 409, description = "There is a second factor already"),
    ),
)]
pub(super) async fn set_up(
    extract::State(state): extract::State<State>,
    Recent { account, .. }: Recent,
) -> Result<Response, Problem> {
    let secret = state.second_factors.begin(&account).await?;
    Ok(no_store(SetUpDocument { uri: secret.uri(&account.email), secret: secret.base32() }))
}

/// Turns it on by the authenticator's first code: from now on signing in takes one. Every other session ends.
#[utoipa::path(
    put, path = "/identity/v1/account/second-factor", operation_id = "confirm_second_factor", tag = "account",
    security(("access_token" = ["account.manage"])), request_body = CodeDocument,
    responses(
        (status = 200, description = "It is on", body = RecoveryCodesDocument),
        (status = 401, description = "No valid token, or the password was given more than 5 minutes ago"),
        (status = 409, description = "There is a second factor already, or none is being set up"),
        (status = 422, description = "It is not the code"),
        (status = 429, description = "Wrong too often"),
    ),
)]
pub(super) async fn confirm(
    extract::State(state): extract::State<State>,
    Recent { account, session }: Recent,
    Json(given): Json<CodeDocument>,
) -> Result<Response, Problem> {
    let codes = state.second_factors.confirm(&account, &given.code, session).await?;
    Ok(no_store(RecoveryCodesDocument::from(codes)))
}

/// Turns it off by a code of the authenticator or a recovery code. Every other session ends.
#[utoipa::path(
    post, path = "/identity/v1/account/second-factor/removal", operation_id = "remove_second_factor", tag = "account",
    security(("access_token" = ["account.manage"])), request_body = CodeDocument,
    responses(
        (status = 204, description = "It is off"),
        (status = 401, description = "No valid token, or the password was given more than 5 minutes ago"),
        (status = 409, description = "There is no second factor"),
        (status = 422, description = "It is not a code"),
        (status = 429, description = "Wrong too often"),
    ),
)]
pub(super) async fn remove(
    extract::State(state): extract::State<State>,
    Recent { account, session }: Recent,
    Json(given): Json<CodeDocument>,
) -> Result<StatusCode, Problem> {
    state.second_factors.turn_off(&account, &given.code, session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes new recovery codes, by a code of the authenticator or a recovery code.
#[utoipa::path(
    post, path = "/identity/v1/account/second-factor/recovery-codes", operation_id = "new_recovery_codes",
    tag = "account", security(("access_token" = ["account.manage"])), request_body = CodeDocument,
    responses(
        (status = 200, body = RecoveryCodesDocument),
        (status = 401, description = "No valid token, or the password was given more than 5 minutes ago"),
        (status = 409, description = "There is no second factor"),
        (status = 422, description = "It is not a code"),
        (status = 429, description = "Wrong too often"),
    ),
)]
pub(super) async fn new_codes(
    extract::State(state): extract::State<State>,
    Recent { account, .. }: Recent,
    Json(given): Json<CodeDocument>,
) -> Result<Response, Problem> {
    let codes = state.second_factors.new_codes(&account, &given.code).await?;
    Ok(no_store(RecoveryCodesDocument::from(codes)))
}
