//! Pages that mailed links lead to. Looking at them spends nothing: programs that scan mails follow links, but
//! press no button.

use axum::extract;
use axum::response::Response;
use http::StatusCode;
use platform_http::Path;

use super::form::FormView;
use super::layout::{FormPage, Layout, message, page};
use super::{Form, State, Visit, failed, go_to, nothing, with_continue};
use crate::capability;
use crate::language::Texts as _;
use crate::mail::Purpose;

pub(super) async fn show_verify(extract::State(state): extract::State<State>, visit: Visit) -> Response {
    show(&state, &visit, Purpose::VerifyEmail, "verify").await
}

pub(super) async fn verify(
    extract::State(state): extract::State<State>,
    visit: Visit,
    form: Form,
) -> Response {
    let Some(link) = capability::hash(form.text("token")) else { return spent(&visit) };
    match state.accounts.verify_email(link).await {
        Ok(()) => go_to("/identity/done/verified", None),
        Err(error) => failed(&visit, &error),
    }
}

pub(super) async fn show_change_email(
    extract::State(state): extract::State<State>,
    visit: Visit,
) -> Response {
    show(&state, &visit, Purpose::ChangeEmail, "change-email").await
}

pub(super) async fn change_email(
    extract::State(state): extract::State<State>,
    visit: Visit,
    form: Form,
) -> Response {
    let Some(link) = capability::hash(form.text("token")) else { return spent(&visit) };
    match state.accounts.confirm_email_change(link).await {
        Ok(()) => go_to("/identity/done/email-changed", None),
        // Somebody else has taken the address since the link was mailed.
        Err(crate::accounts::AccountError::EmailTaken) => spent(&visit),
        Err(error) => failed(&visit, &error),
    }
}

/// A button, when the link works.
async fn show(state: &State, visit: &Visit, purpose: Purpose, about: &str) -> Response {
    let token = visit.parameter("token").unwrap_or_default();
    if let Err(page) = works(state, visit, token, purpose).await {
        return page;
    }
    let layout = Layout::new(visit);
    let mut form =
        FormView::new(format!("/identity/{about}"), layout.text(&format!("{about}-button")), vec![]);
    form.hidden.push(("token", token.to_owned()));
    let (title, lead) = (layout.text(&format!("{about}-title")), layout.text(&format!("{about}-lead")));
    let lead = Some(lead);
    page(visit, StatusCode::OK, &FormPage { layout, title, lead, notice: None, form, links: vec![] }, None)
}

/// Whether a link still works, else the page that says it does not.
#[allow(clippy::result_large_err, reason = "an answer is what it is")]
pub(super) async fn works(
    state: &State,
    visit: &Visit,
    token: &str,
    purpose: Purpose,
) -> Result<(), Response> {
    let Some(link) = capability::hash(token) else { return Err(spent(visit)) };
    match state.accounts.link_works(&link, purpose).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(spent(visit)),
        Err(error) => Err(failed(visit, &error)),
    }
}

pub(super) fn spent(visit: &Visit) -> Response {
    let text = |key: &str| visit.language.text(key);
    let button = ("/identity/forgotten".to_owned(), text("forgotten-title"));
    let sign_in = ("/identity/sign-in".to_owned(), text("sign-in-title"));
    let button = if visit.address.starts_with("/identity/reset") { button } else { sign_in };
    message(visit, StatusCode::NOT_FOUND, text("link-spent-title"), text("link-spent-text"), Some(button))
}

/// What has come of something that was sent, and the way on.
pub(super) async fn done(visit: Visit, Path(what): Path<String>) -> Response {
    let text = |key: &str| visit.language.text(key);
    let sign_in = (with_continue("/identity/sign-in", visit.continue_to()), text("sign-in-title"));
    let button = match what.as_str() {
        "signed-up" | "password-set" => Some(sign_in),
        "mail-sent" | "verified" | "email-changed" | "deleted" => None,
        _ => return nothing::page(&visit),
    };
    let (title, text) = (text(&format!("done-{what}-title")), text(&format!("done-{what}-text")));
    message(&visit, StatusCode::OK, title, text, button)
}
