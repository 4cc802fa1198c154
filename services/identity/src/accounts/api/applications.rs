//! The applications that one let into one's account.

use axum::extract;
use http::StatusCode;
use platform_http::{Json, Path, Problem, problem};
use serde::Serialize;
use time::OffsetDateTime;

use super::State;
use super::access::Own;
use crate::consents::Application;

/// An application that somebody let into their account.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ApplicationDocument {
    #[schema(example = "partner")]
    client_id: String,
    /// What it calls itself.
    name: String,
    /// What it may do.
    #[schema(example = json!(["openid", "order.read"]))]
    scopes: Vec<String>,
    /// When its user agreed last.
    #[serde(with = "time::serde::rfc3339")]
    given_at: OffsetDateTime,
}

impl From<Application> for ApplicationDocument {
    fn from(application: Application) -> Self {
        let Application { client_id, name, scopes, given_at } = application;
        Self { client_id, name, scopes, given_at }
    }
}

/// The applications that somebody let into their account, the latest first. At most 200.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ApplicationList {
    items: Vec<ApplicationDocument>,
}

/// Lists the applications that one let into one's account.
#[utoipa::path(
    get, path = "/identity/v1/account/applications", operation_id = "applications", tag = "account",
    security(("access_token" = ["account.manage"])),
    responses((status = 200, body = ApplicationList), (status = 401, description = "No valid token")),
)]
pub(super) async fn list(
    extract::State(state): extract::State<State>,
    caller: Own,
) -> Result<Json<ApplicationList>, Problem> {
    let all = state.consents.of_account(caller.subject).await?;
    Ok(Json(ApplicationList { items: all.into_iter().map(ApplicationDocument::from).collect() }))
}

/// Takes the consent back: what the application holds ends, and it has to ask again.
#[utoipa::path(
    delete, path = "/identity/v1/account/applications/{client_id}", operation_id = "withdraw_application",
    tag = "account", security(("access_token" = ["account.manage"])),
    params(("client_id" = String, Path)),
    responses(
        (status = 204, description = "Withdrawn"),
        (status = 401, description = "No valid token"),
        (status = 404, description = "The caller let no such application in"),
    ),
)]
pub(super) async fn withdraw(
    extract::State(state): extract::State<State>,
    caller: Own,
    Path(client_id): Path<String>,
) -> Result<StatusCode, Problem> {
    let found = state.consents.withdraw(caller.subject, &client_id).await?;
    if found { Ok(StatusCode::NO_CONTENT) } else { Err(problem::NOT_FOUND.into()) }
}
