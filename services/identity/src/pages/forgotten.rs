//! A new password for those who have forgotten theirs.

use axum::extract;
use axum::response::Response;

use super::form::{Field, FormView};
use super::layout::{FormPage, Layout, page};
use super::{Form, State, Visit, failed, go_to, links, sign_in};
use crate::accounts::{AccountError, Email, Unacceptable};
use crate::capability;
use crate::mail::Purpose;
use crate::throttle::client_address;

pub(super) async fn show(visit: Visit) -> Response {
    ask(&visit, "", &Ok(()))
}

/// The answer is the same whether there is such an account or not.
pub(super) async fn submit(
    extract::State(state): extract::State<State>,
    visit: Visit,
    form: Form,
) -> Response {
    let text = form.text("email");
    match Email::parse(text) {
        Ok(email) => match state.accounts.forgotten(&email, &client_address(&visit.headers)).await {
            Ok(()) => go_to("/identity/done/mail-sent", None),
            Err(error) => failed(&visit, &error),
        },
        Err(error) => ask(&visit, text, &Err(error)),
    }
}

fn ask(visit: &Visit, email: &str, checked: &Result<(), Unacceptable>) -> Response {
    let layout = Layout::new(visit);
    let field = Field::new(&layout, "email", "email", "username").with(email).wrong(&layout, checked);
    let form = FormView::new("/identity/forgotten", layout.text("forgotten-button"), vec![field]);
    let links = vec![("/identity/sign-in".to_owned(), layout.text("sign-in-link"))];
    let (title, lead) = (layout.text("forgotten-title"), Some(layout.text("forgotten-lead")));
    page(visit, form.status(), &FormPage { layout, title, lead, notice: None, form, links }, None)
}

/// The page that the mailed link leads to. Looking at it does not spend the link.
pub(super) async fn show_reset(extract::State(state): extract::State<State>, visit: Visit) -> Response {
    let token = visit.parameter("token").unwrap_or_default();
    match links::works(&state, &visit, token, Purpose::ResetPassword).await {
        Ok(()) => choose(&visit, token, None),
        Err(page) => page,
    }
}

pub(super) async fn reset(
    extract::State(state): extract::State<State>,
    visit: Visit,
    form: Form,
) -> Response {
    let token = form.text("token");
    let Some(link) = capability::hash(token) else { return links::spent(&visit) };
    match state.accounts.reset_password(link, form.text("new_password")).await {
        Ok(account) => {
            // Or whoever fails elsewhere would lock out the owner, none of whose browsers are known now. Where there is a
            // second factor a browser is known by that alone, which nobody has shown here.
            let device = match account.second_factor_at {
                None => sign_in::remembered(&state, &account).await,
                Some(_) => None,
            };
            let cookies = state.sessions.signed_out_cookie().into_iter().chain(device);
            go_to("/identity/done/password-set", cookies)
        }
        Err(AccountError::Password(error)) => choose(&visit, token, Some(error)),
        Err(error) => failed(&visit, &error),
    }
}

fn choose(visit: &Visit, token: &str, wrong: Option<Unacceptable>) -> Response {
    let mut layout = Layout::new(visit);
    layout.back = format!("/identity/reset?token={token}");
    let checked = wrong.map_or(Ok(()), Err);
    let field = Field::new(&layout, "new_password", "password", "new-password")
        .hint(&layout, "hint-new-password")
        .wrong(&layout, &checked);
    let mut form = FormView::new("/identity/reset", layout.text("reset-button"), vec![field]);
    form.hidden.push(("token", token.to_owned()));
    let title = layout.text("reset-title");
    page(
        visit,
        form.status(),
        &FormPage { layout, title, lead: None, notice: None, form, links: vec![] },
        None,
    )
}
