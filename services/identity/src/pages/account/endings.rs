//! What ends at the account's page: sessions, an application's access, the account.

use axum::extract;
use axum::response::Response;

use super::{Owner, WRONG_PASSWORD};
use crate::accounts::{AccountError, Password, Unacceptable};
use crate::pages::form::{Field, FormOf, FormView, Look};
use crate::pages::layout::{FormPage, Layout, page};
use crate::pages::{Form, State, Visit, failed, go_to, protocol};

/// Ends one of one's own sessions, or all of them.
pub(in crate::pages) async fn end_sessions(
    extract::State(state): extract::State<State>,
    visit: Visit,
    FormOf(Owner { session, account }, form): FormOf<Owner>,
) -> Response {
    let ended = if form.text("session") == "all" {
        state.sessions.end_all(account.id, None).await
    } else {
        let mine = match form.text("session").parse() {
            Ok(id) => state.sessions.find(id).await,
            Err(_) => Ok(None),
        };
        match mine {
            Ok(Some((other, owner))) if owner.id == account.id => state.sessions.end(other.id).await,
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    };
    match ended {
        Ok(()) if form.text("session") == "all" || form.text("session") == session.id.to_string() => {
            go_to("/", state.sessions.signed_out_cookie())
        }
        Ok(()) => go_to("/identity/account", None),
        Err(error) => failed(&visit, &AccountError::from(error)),
    }
}

/// Takes back what was agreed to.
pub(in crate::pages) async fn withdraw(
    extract::State(state): extract::State<State>,
    visit: Visit,
    FormOf(Owner { account, .. }, form): FormOf<Owner>,
) -> Response {
    match state.consents.withdraw(account.id, form.text("client_id")).await {
        // Once more is no mistake of the person's.
        Ok(_) => go_to("/identity/account?notice=withdrawn", None),
        Err(error) => failed(&visit, &AccountError::from(error)),
    }
}

/// Signs this browser out.
pub(in crate::pages) async fn sign_out(
    extract::State(state): extract::State<State>,
    visit: Visit,
    _: Form,
) -> Response {
    let ended = match state.sessions.current(&visit.headers).await {
        Ok(Some((session, _))) => state.sessions.end(session.id).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        return failed(&visit, &AccountError::from(error));
    }
    let mut page = protocol::signed_out(&visit, None);
    if let Some(cookie) = state.sessions.signed_out_cookie() {
        page.headers_mut().append(http::header::SET_COOKIE, cookie);
    }
    page
}

pub(in crate::pages) async fn show_delete(visit: Visit, _: Owner) -> Response {
    ask_delete(&visit, None)
}

/// Deletes the account of whoever gives its password once more.
pub(in crate::pages) async fn delete(
    extract::State(state): extract::State<State>,
    visit: Visit,
    FormOf(Owner { account, .. }, form): FormOf<Owner>,
) -> Response {
    let password = Password::typed(form.text("current_password"));
    let deleted = match state.accounts.check_own_password(&account, password).await {
        Ok(()) => state.accounts.delete(account.id).await,
        Err(error) => Err(error),
    };
    match deleted {
        Ok(()) => go_to("/identity/done/deleted", state.sessions.signed_out_cookie()),
        Err(AccountError::WrongPassword) => ask_delete(&visit, Some(WRONG_PASSWORD)),
        Err(error) => failed(&visit, &error),
    }
}

fn ask_delete(visit: &Visit, wrong: Option<Unacceptable>) -> Response {
    let layout = Layout::new(visit).signed_in();
    let field = Field::new(&layout, "current_password", "password", "current-password")
        .wrong(&layout, &wrong.map_or(Ok(()), Err));
    let mut form =
        FormView::new("/identity/account/delete", layout.text("account-delete-button"), vec![field]);
    form.look = Look::Danger;
    let (title, lead) = (layout.text("account-delete"), Some(layout.text("account-delete-text")));
    let links = vec![("/identity/account".to_owned(), layout.text("account-title"))];
    page(visit, form.status(), &FormPage { layout, title, lead, notice: None, form, links }, None)
}
