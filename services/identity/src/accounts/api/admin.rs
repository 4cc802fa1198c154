//! Everybody's accounts, for administrators.

use axum::extract;
use axum::response::Response;
use http::StatusCode;
use platform_http::{Json, Page, PageQuery, Path, Problem, Query, problem};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::access::Admin;
use super::documents::{RolesDocument, UserDocument};
use super::{State, versioned};
use crate::accounts::domain::{Account, Roles};
use crate::accounts::store::Position;

/// Longer than any address or name that could be found.
const LONGEST_SEARCH: usize = 254;

/// Which users to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct UserQuery {
    /// Part of the e-mail address or the name; everybody when absent.
    search: Option<String>,
    /// How many items at most, 1 to 100; 24 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// Where to go on: the `next` of the page before.
    cursor: Option<String>,
}

/// A position in the list: when the account was made in microseconds since 1970, and its id.
#[derive(Serialize, Deserialize)]
struct Key(i64, Uuid);

impl Key {
    fn of(account: &Account) -> Self {
        Self(i64::try_from(account.created_at.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX), account.id)
    }

    fn position(&self) -> Result<Position, Problem> {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000);
        let at = at.map_err(|_| problem::MALFORMED.detail("`cursor` is not one of this list"))?;
        Ok((at, self.1))
    }
}

/// Lists users, the newest first.
#[utoipa::path(
    get, path = "/identity/v1/users", operation_id = "users", tag = "users",
    security(("access_token" = ["identity.admin"])), params(UserQuery),
    responses(
        (status = 200, body = Page<UserDocument>),
        (status = 401, description = "No valid token"),
        (status = 403, description = "No administrator"),
    ),
)]
pub(super) async fn list(
    extract::State(state): extract::State<State>,
    _: Admin,
    Query(query): Query<UserQuery>,
) -> Result<Response, Problem> {
    if query.search.as_ref().is_some_and(|search| search.chars().count() > LONGEST_SEARCH) {
        return Err(problem::MALFORMED.detail("`search` must have at most 254 characters"));
    }
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let limit = page.limit()?;
    let after = page.after::<Key>()?.map(|key| key.position()).transpose()?;
    let found = state.accounts.list(query.search.as_deref(), after, limit + 1).await?;
    let page = Page::from_overfetched(found, limit, Key::of)?;
    let mut list = state.users.clone();
    if let Some(search) = &query.search {
        list.query_pairs_mut().append_pair("search", search);
    }
    let items = page.items.iter().map(UserDocument::from).collect();
    Ok(Page { items, next: page.next }.into_response_at(&list, limit))
}

/// Shows a user.
#[utoipa::path(
    get, path = "/identity/v1/users/{id}", operation_id = "user", tag = "users",
    security(("access_token" = ["identity.admin"])), params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = UserDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "No administrator"),
        (status = 404, description = "No such user"),
    ),
)]
pub(super) async fn show(
    extract::State(state): extract::State<State>,
    _: Admin,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    Ok(answer(&state.accounts.find(id).await?.ok_or(problem::NOT_FOUND)?))
}

/// Locks a user out: every session ends, and nobody is let in. Locking twice changes nothing.
#[utoipa::path(
    put, path = "/identity/v1/users/{id}/lock", operation_id = "lock_user", tag = "users",
    security(("access_token" = ["identity.admin"])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = UserDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "No administrator"),
        (status = 404, description = "No such user"),
        (status = 409, description = "It is the caller's own account, or the last administrator's"),
    ),
)]
pub(super) async fn lock(
    extract::State(state): extract::State<State>,
    caller: Admin,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    caller.is_not(id)?;
    Ok(answer(&state.accounts.set_locked(id, true).await?))
}

/// Lets a user in again.
#[utoipa::path(
    delete, path = "/identity/v1/users/{id}/lock", operation_id = "unlock_user", tag = "users",
    security(("access_token" = ["identity.admin"])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = UserDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "No administrator"),
        (status = 404, description = "No such user"),
        (status = 409, description = "It is the caller's own account"),
    ),
)]
pub(super) async fn unlock(
    extract::State(state): extract::State<State>,
    caller: Admin,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    caller.is_not(id)?;
    Ok(answer(&state.accounts.set_locked(id, false).await?))
}

/// Sets a user's roles.
#[utoipa::path(
    put, path = "/identity/v1/users/{id}/roles", operation_id = "set_roles", tag = "users",
    security(("access_token" = ["identity.admin"])),
    params(("id" = Uuid, Path)), request_body = RolesDocument,
    responses(
        (status = 200, body = UserDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "No administrator"),
        (status = 404, description = "No such user"),
        (status = 409, description = "Administrators can't take the role from themselves, nor from the last one"),
        (status = 422, description = "Some values are not acceptable"),
    ),
)]
pub(super) async fn set_roles(
    extract::State(state): extract::State<State>,
    caller: Admin,
    Path(id): Path<Uuid>,
    Json(roles): Json<RolesDocument>,
) -> Result<Response, Problem> {
    if !roles.admin {
        caller.is_not(id)?;
    }
    let roles = Roles { instructor: roles.instructor, admin: roles.admin };
    Ok(answer(&state.accounts.set_roles(id, roles).await?))
}

/// Signs a user out everywhere.
#[utoipa::path(
    delete, path = "/identity/v1/users/{id}/sessions", operation_id = "end_sessions_of_user", tag = "users",
    security(("access_token" = ["identity.admin"])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 204, description = "Signed out"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "No administrator"),
        (status = 404, description = "No such user"),
    ),
)]
pub(super) async fn end_sessions(
    extract::State(state): extract::State<State>,
    _: Admin,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    state.accounts.find(id).await?.ok_or(problem::NOT_FOUND)?;
    state.sessions.end_all(id, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Turns a user's second factor off, for whoever has lost authenticator and recovery codes: every session ends, and the
/// password alone signs in until they set it up anew. Harmless when there is none.
#[utoipa::path(
    delete, path = "/identity/v1/users/{id}/second-factor", operation_id = "remove_second_factor_of_user",
    tag = "users", security(("access_token" = ["identity.admin"])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 204, description = "It is off"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "No administrator"),
        (status = 404, description = "No such user"),
        (status = 409, description = "It is the caller's own account, which takes a code"),
    ),
)]
pub(super) async fn remove_second_factor(
    extract::State(state): extract::State<State>,
    caller: Admin,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    caller.is_not(id)?;
    state.second_factors.remove(id, caller.id()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn answer(account: &Account) -> Response {
    versioned(account, UserDocument::from(account))
}
