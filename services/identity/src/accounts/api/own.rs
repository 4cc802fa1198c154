//! One's own account.

use axum::extract;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use platform_http::{IfMatch, Json, Path, Problem, problem};
use uuid::Uuid;

use super::access::{Own, Recent, session};
use super::documents::{
    AccountDocument, EmailChange, NewAccountDocument, PasswordChange, ProfileChange, SessionDocument,
    SessionList, SignedUpDocument,
};
use super::problems::field;
use super::{State, versioned};
use crate::accounts::domain::{self, Account, Email};
use crate::accounts::password::Password;
use crate::accounts::service::NewAccount;
use crate::language::Language;
use crate::throttle::client_address;

/// Signs somebody up. Where mails reach people, an address that has an account already is answered alike, and
/// its owner gets a mail.
#[utoipa::path(
    post, path = "/identity/v1/accounts", operation_id = "sign_up", tag = "account", request_body = NewAccountDocument,
    responses(
        (status = 201, description = "Taken in; `Location` names one's own account", body = SignedUpDocument),
        (status = 403, description = "Nobody may sign up here"),
        (status = 409, description = "The address has an account; only where mails reach nobody"),
        (status = 422, description = "Some values are not acceptable"),
        (status = 429, description = "Too many from this network address"),
        (status = 503, description = "Too busy; `Retry-After` says when to try again"),
    ),
)]
pub(super) async fn sign_up(
    extract::State(state): extract::State<State>,
    headers: HeaderMap,
    Json(new): Json<NewAccountDocument>,
) -> Result<Response, Problem> {
    let email = Email::parse(&new.email).map_err(field("/email"))?;
    let name = domain::name(&new.name).map_err(field("/name"))?;
    let account = NewAccount {
        password: state.accounts.chosen(&new.password, &name, Some(&email)).map_err(field("/password"))?,
        name,
        city: domain::city(&new.city).map_err(field("/city"))?,
        language: new
            .language
            .as_deref()
            .and_then(Language::parse)
            .or_else(|| Language::accepted(&headers))
            .unwrap_or(Language::Turkish),
        address: client_address(&headers),
        email: email.clone(),
    };
    let answer = SignedUpDocument {
        email: email.as_str().to_owned(),
        name: account.name.clone(),
        city: account.city.clone(),
    };
    state.accounts.sign_up(account).await?;
    let location = HeaderValue::try_from(state.own.as_str()).map_err(|error| Problem::internal(&error))?;
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(answer)).into_response())
}

/// Shows one's account.
#[utoipa::path(
    get, path = "/identity/v1/account", operation_id = "account", tag = "account",
    security(("access_token" = ["account.manage"])),
    responses((status = 200, body = AccountDocument), (status = 401, description = "No valid token")),
)]
pub(super) async fn show(
    extract::State(state): extract::State<State>,
    caller: Own,
) -> Result<Response, Problem> {
    Ok(answer(&state.account(caller.subject).await?))
}

/// Changes name, city and the language of mails.
#[utoipa::path(
    patch, path = "/identity/v1/account", operation_id = "change_account", tag = "account",
    security(("access_token" = ["account.manage"])),
    request_body = ProfileChange, params(("If-Match" = String, Header, description = "The `ETag` that was read")),
    responses(
        (status = 200, body = AccountDocument),
        (status = 401, description = "No valid token"),
        (status = 412, description = "It was changed in the meantime"),
        (status = 422, description = "Some values are not acceptable"),
        (status = 428, description = "`If-Match` is missing"),
    ),
)]
pub(super) async fn change(
    extract::State(state): extract::State<State>,
    caller: Own,
    IfMatch(version): IfMatch,
    Json(change): Json<ProfileChange>,
) -> Result<Response, Problem> {
    let name = change.name.as_deref().map(domain::name).transpose().map_err(field("/name"))?;
    let city = change.city.as_deref().map(domain::city).transpose().map_err(field("/city"))?;
    let apply = |account: &mut Account| {
        name.clone_into_some(&mut account.name);
        city.clone_into_some(&mut account.city);
        change.language.clone_into_some(&mut account.language);
    };
    Ok(answer(&state.accounts.change_profile(caller.subject, Some(version), apply).await?))
}

/// Deletes one's account: everything personal goes, and so does every session.
#[utoipa::path(
    delete, path = "/identity/v1/account", operation_id = "delete_account", tag = "account",
    security(("access_token" = ["account.manage"])),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, description = "No valid token, or the password was given more than 5 minutes ago"),
        (status = 409, description = "It is the last administrator's"),
    ),
)]
pub(super) async fn delete(
    extract::State(state): extract::State<State>,
    Recent { account, .. }: Recent,
) -> Result<StatusCode, Problem> {
    state.accounts.delete(account.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets a new password; every other session ends.
#[utoipa::path(
    put, path = "/identity/v1/account/password", operation_id = "change_password", tag = "account",
    security(("access_token" = ["account.manage"])),
    request_body = PasswordChange,
    responses(
        (status = 204, description = "Changed"),
        (status = 401, description = "No valid token, or the password was given more than 5 minutes ago"),
        (status = 422, description = "The old password is wrong, or the new one is not acceptable"),
        (status = 429, description = "Wrong too often"),
        (status = 503, description = "Too busy; `Retry-After` says when to try again"),
    ),
)]
pub(super) async fn change_password(
    extract::State(state): extract::State<State>,
    Recent { account, session }: Recent,
    Json(change): Json<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let email = Email::parse(&account.email).ok();
    let new = state.accounts.chosen(&change.new_password, &account.name, email.as_ref());
    let new = new.map_err(field("/new_password"))?;
    let old = Password::typed(&change.current_password);
    state.accounts.change_password(&account, old, new, session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Mails a link to a new address; the change happens when it is followed. A taken address is answered alike.
#[utoipa::path(
    put, path = "/identity/v1/account/email", operation_id = "change_email", tag = "account",
    security(("access_token" = ["account.manage"])),
    request_body = EmailChange,
    responses(
        (status = 202, description = "A mail is on its way"),
        (status = 401, description = "No valid token, or the password was given more than 5 minutes ago"),
        (status = 422, description = "It is no address"),
        (status = 429, description = "Too often"),
    ),
)]
pub(super) async fn change_email(
    extract::State(state): extract::State<State>,
    Recent { account, .. }: Recent,
    Json(change): Json<EmailChange>,
) -> Result<StatusCode, Problem> {
    let email = Email::parse(&change.email).map_err(field("/email"))?;
    state.accounts.ask_email_change(&account, &email).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Mails the link that verifies one's address once more.
#[utoipa::path(
    post, path = "/identity/v1/account/verification", operation_id = "verify_email_again", tag = "account",
    security(("access_token" = ["account.manage"])),
    responses((status = 202, description = "A mail is on its way"), (status = 401, description = "No valid token")),
)]
pub(super) async fn verify_again(
    extract::State(state): extract::State<State>,
    caller: Own,
) -> Result<StatusCode, Problem> {
    state.accounts.verify_again(&state.account(caller.subject).await?).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Makes an instructor of whoever asks.
#[utoipa::path(
    post, path = "/identity/v1/account/teaching", operation_id = "start_teaching", tag = "account",
    security(("access_token" = ["account.manage"])),
    responses(
        (status = 200, description = "The next token has the role", body = AccountDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The e-mail address is not verified"),
    ),
)]
pub(super) async fn start_teaching(
    extract::State(state): extract::State<State>,
    caller: Own,
) -> Result<Response, Problem> {
    Ok(answer(&state.accounts.start_teaching(caller.subject).await?))
}

/// Lists the browsers that one is signed in with.
#[utoipa::path(
    get, path = "/identity/v1/account/sessions", operation_id = "sessions", tag = "account",
    security(("access_token" = ["account.manage"])),
    responses((status = 200, body = SessionList), (status = 401, description = "No valid token")),
)]
pub(super) async fn sessions(
    extract::State(state): extract::State<State>,
    caller: Own,
) -> Result<Json<SessionList>, Problem> {
    let current = session(&caller);
    let all = state.sessions.of_account(caller.subject).await?;
    Ok(Json(SessionList { items: all.into_iter().map(|it| SessionDocument::new(it, current)).collect() }))
}

/// Signs out everywhere, here too.
#[utoipa::path(
    delete, path = "/identity/v1/account/sessions", operation_id = "end_sessions", tag = "account",
    security(("access_token" = ["account.manage"])),
    responses((status = 204, description = "Signed out"), (status = 401, description = "No valid token")),
)]
pub(super) async fn end_sessions(
    extract::State(state): extract::State<State>,
    caller: Own,
) -> Result<StatusCode, Problem> {
    state.sessions.end_all(caller.subject, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs one browser out.
#[utoipa::path(
    delete, path = "/identity/v1/account/sessions/{id}", operation_id = "end_session", tag = "account",
    security(("access_token" = ["account.manage"])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 204, description = "Signed out"),
        (status = 401, description = "No valid token"),
        (status = 404, description = "No such session of the caller's"),
    ),
)]
pub(super) async fn end_session(
    extract::State(state): extract::State<State>,
    caller: Own,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let (found, _) = state.sessions.find(id).await?.ok_or(problem::NOT_FOUND)?;
    caller.must_own(found.account_id)?;
    state.sessions.end(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn answer(account: &Account) -> Response {
    versioned(account, AccountDocument::from(account))
}

/// Takes a value over when there is one.
trait CloneIntoSome {
    fn clone_into_some(&self, target: &mut String);
}

impl CloneIntoSome for Option<String> {
    fn clone_into_some(&self, target: &mut String) {
        if let Some(value) = self {
            target.clone_from(value);
        }
    }
}
