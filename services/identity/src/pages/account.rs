//! One's account: profile, password, address, browsers, the end.

use askama::Template;
use axum::extract;
use axum::response::Response;
use http::StatusCode;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::form::{Field, FormView, Look};
use super::layout::{FormPage, Layout, page};
use super::{Form, State, Visit, failed, go_to, protocol, with_continue};
use crate::accounts::{self, Account, AccountError, Email, Password, Unacceptable};
use crate::sessions::Session;

const WRONG_PASSWORD: Unacceptable =
    Unacceptable { detail: "is not the password", key: "error-current-password-wrong" };

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    layout: Layout,
    notice: Option<String>,
    email: String,
    verified: bool,
    forms: Vec<Part>,
    sessions: Vec<SessionView>,
}

struct Part {
    title: String,
    form: FormView,
}

struct SessionView {
    id: Uuid,
    user_agent: String,
    current: bool,
    last_seen: String,
    last_seen_at: String,
}

impl AccountPage {
    fn has_errors(&self) -> bool {
        self.forms.iter().any(|part| part.form.has_errors())
    }
}

/// What of the page was sent and is not right.
#[derive(Default)]
struct Wrong {
    name: Option<(String, Unacceptable)>,
    city: Option<(String, Unacceptable)>,
    current_password: Option<Unacceptable>,
    new_password: Option<Unacceptable>,
    email: Option<(String, Unacceptable)>,
    /// The password that the new address takes, with the address.
    email_password: Option<(String, Unacceptable)>,
}

/// Whose browser this is; whoever is signed in nowhere is asked to sign in first.
#[allow(clippy::result_large_err, reason = "an answer is what it is")]
async fn whose(state: &State, visit: &Visit) -> Result<(Session, Account), Response> {
    match state.sessions.current(&visit.headers).await {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(go_to(&with_continue("/identity/sign-in", Some("/identity/account")), None)),
        Err(error) => Err(failed(visit, &AccountError::from(error))),
    }
}

pub(super) async fn show(extract::State(state): extract::State<State>, visit: Visit) -> Response {
    match whose(&state, &visit).await {
        Ok((session, account)) => render(&state, &visit, &session, &account, Wrong::default()).await,
        Err(answer) => answer,
    }
}

pub(super) async fn save(extract::State(state): extract::State<State>, visit: Visit, form: Form) -> Response {
    let (session, account) = match whose(&state, &visit).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let name = accounts::name(form.text("name"));
    let city = accounts::city(form.text("city"));
    let (name, city) = match (name, city) {
        (Ok(name), Ok(city)) => (name, city),
        (name, city) => {
            let wrong = Wrong {
                name: name.err().map(|error| (form.text("name").to_owned(), error)),
                city: city.err().map(|error| (form.text("city").to_owned(), error)),
                ..Wrong::default()
            };
            return render(&state, &visit, &session, &account, wrong).await;
        }
    };
    let change = |account: &mut Account| {
        account.name.clone_from(&name);
        account.city.clone_from(&city);
        visit.language.code().clone_into(&mut account.language);
    };
    match state.accounts.change_profile(account.id, None, change).await {
        Ok(_) => go_to("/identity/account?notice=saved", None),
        Err(error) => failed(&visit, &error),
    }
}

pub(super) async fn change_password(
    extract::State(state): extract::State<State>,
    visit: Visit,
    form: Form,
) -> Response {
    let (session, account) = match whose(&state, &visit).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let email = Email::parse(&account.email).ok();
    let new = match Password::chosen(form.text("new_password"), email.as_ref()) {
        Ok(new) => new,
        Err(error) => {
            let wrong = Wrong { new_password: Some(error), ..Wrong::default() };
            return render(&state, &visit, &session, &account, wrong).await;
        }
    };
    let old = Password::typed(form.text("current_password"));
    match state.accounts.change_password(&account, old, new, Some(session.id)).await {
        Ok(()) => go_to("/identity/account?notice=password-changed", None),
        Err(AccountError::WrongPassword) => {
            let wrong = Wrong { current_password: Some(WRONG_PASSWORD), ..Wrong::default() };
            render(&state, &visit, &session, &account, wrong).await
        }
        Err(error) => failed(&visit, &error),
    }
}

pub(super) async fn change_email(
    extract::State(state): extract::State<State>,
    visit: Visit,
    form: Form,
) -> Response {
    let (session, account) = match whose(&state, &visit).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let text = form.text("email");
    let email = match Email::parse(text) {
        Ok(email) => email,
        Err(error) => {
            let wrong = Wrong { email: Some((text.to_owned(), error)), ..Wrong::default() };
            return render(&state, &visit, &session, &account, wrong).await;
        }
    };
    // Whoever only has the session must not get the account (ASVS 7.5.1).
    let password = Password::typed(form.text("current_password"));
    let asked = match state.accounts.check_own_password(&account, password).await {
        Ok(()) => state.accounts.ask_email_change(&account, &email).await,
        Err(error) => Err(error),
    };
    match asked {
        Err(AccountError::WrongPassword) => {
            let wrong = Wrong { email_password: Some((text.to_owned(), WRONG_PASSWORD)), ..Wrong::default() };
            render(&state, &visit, &session, &account, wrong).await
        }
        Ok(()) => go_to("/identity/account?notice=mail-sent", None),
        Err(error) => failed(&visit, &error),
    }
}

pub(super) async fn verify_again(
    extract::State(state): extract::State<State>,
    visit: Visit,
    _: Form,
) -> Response {
    let account = match whose(&state, &visit).await {
        Ok((_, account)) => account,
        Err(answer) => return answer,
    };
    match state.accounts.verify_again(&account).await {
        Ok(()) => go_to("/identity/account?notice=mail-sent", None),
        Err(error) => failed(&visit, &error),
    }
}

/// Ends one of one's own sessions, or all of them.
pub(super) async fn end_sessions(
    extract::State(state): extract::State<State>,
    visit: Visit,
    form: Form,
) -> Response {
    let (session, account) = match whose(&state, &visit).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
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

/// Signs this browser out.
pub(super) async fn sign_out(
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

pub(super) async fn show_delete(extract::State(state): extract::State<State>, visit: Visit) -> Response {
    match whose(&state, &visit).await {
        Ok(_) => ask_delete(&visit, None),
        Err(answer) => answer,
    }
}

/// Deletes the account of whoever gives its password once more.
pub(super) async fn delete(
    extract::State(state): extract::State<State>,
    visit: Visit,
    form: Form,
) -> Response {
    let account = match whose(&state, &visit).await {
        Ok((_, account)) => account,
        Err(answer) => return answer,
    };
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
    let layout = Layout::new(visit);
    let field = Field::new(&layout, "current_password", "password", "current-password")
        .wrong(&layout, &wrong.map_or(Ok(()), Err));
    let mut form =
        FormView::new("/identity/account/delete", layout.text("account-delete-button"), vec![field]);
    form.look = Look::Danger;
    let (title, lead) = (layout.text("account-delete"), Some(layout.text("account-delete-text")));
    let links = vec![("/identity/account".to_owned(), layout.text("account-title"))];
    page(visit, form.status(), &FormPage { layout, title, lead, notice: None, form, links }, None)
}

async fn render(
    state: &State,
    visit: &Visit,
    session: &Session,
    account: &Account,
    wrong: Wrong,
) -> Response {
    let all = match state.sessions.of_account(account.id).await {
        Ok(all) => all,
        Err(error) => return failed(visit, &AccountError::from(error)),
    };
    let layout = Layout::new(visit);
    let part = |title: &str, path: &str, button: &str, fields| {
        let mut form = FormView::new(path, layout.text(button), fields);
        form.look = Look::Secondary;
        Part { title: layout.text(title), form }
    };
    let typed = |kept: &str, wrong: &Option<(String, Unacceptable)>| {
        let checked = wrong.as_ref().map_or(Ok(()), |(_, error)| Err(*error));
        (wrong.as_ref().map_or(kept, |(text, _)| text).to_owned(), checked)
    };
    let (name, name_checked) = typed(&account.name, &wrong.name);
    let (city, city_checked) = typed(&account.city, &wrong.city);
    let (email, email_checked) = typed("", &wrong.email);
    let (email, email_password_checked) = typed(&email, &wrong.email_password);
    let profile = vec![
        Field::new(&layout, "name", "text", "name").with(&name).wrong(&layout, &name_checked),
        Field::new(&layout, "city", "text", "address-level2")
            .with(&city)
            .optional()
            .wrong(&layout, &city_checked),
    ];
    let password = vec![
        Field::new(&layout, "current_password", "password", "current-password")
            .wrong(&layout, &wrong.current_password.map_or(Ok(()), Err)),
        Field::new(&layout, "new_password", "password", "new-password")
            .hint(&layout, "hint-new-password")
            .wrong(&layout, &wrong.new_password.map_or(Ok(()), Err)),
    ];
    let address = vec![
        Field::new(&layout, "email", "email", "email").with(&email).wrong(&layout, &email_checked),
        Field::new(&layout, "current_password", "password", "current-password")
            .identified("email_current_password")
            .wrong(&layout, &email_password_checked),
    ];
    let forms = vec![
        part("account-profile", "/identity/account", "account-save", profile),
        part("account-password", "/identity/account/password", "account-password-button", password),
        part("account-email", "/identity/account/email", "account-email-button", address),
    ];
    let notice = match visit.parameter("notice") {
        Some(key @ ("saved" | "password-changed" | "mail-sent")) => {
            Some(layout.text(&format!("notice-{key}")))
        }
        _ => None,
    };
    let unknown = layout.text("account-unknown-browser");
    let sessions = all.into_iter().map(|it| SessionView {
        current: it.id == session.id,
        id: it.id,
        user_agent: if it.user_agent.is_empty() { unknown.clone() } else { it.user_agent },
        last_seen: minute(it.last_seen_at),
        last_seen_at: it.last_seen_at.format(&Rfc3339).unwrap_or_default(),
    });
    let sessions = sessions.collect();
    let (email, verified) = (account.email.clone(), account.email_verified_at.is_some());
    let view = AccountPage { layout, notice, email, verified, forms, sessions };
    let status = if view.has_errors() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page(visit, status, &view, None)
}

/// A time to the minute, in the order that sorts and nobody mistakes.
fn minute(at: OffsetDateTime) -> String {
    format!("{} {:02}:{:02} UTC", at.date(), at.hour(), at.minute())
}
