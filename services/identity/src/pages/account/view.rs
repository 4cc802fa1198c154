//! What the account's page shows.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::accounts::{Account, AccountError, Unacceptable};
use crate::consents::Application;
use crate::language::Texts as _;
use crate::pages::form::{Field, FormView, Look};
use crate::pages::layout::{Layout, page};
use crate::pages::{State, Visit, failed, protocol};
use crate::sessions::{Browser, Session};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    layout: Layout,
    notice: Option<String>,
    email: String,
    verified: bool,
    second_factor: bool,
    forms: Vec<Part>,
    applications: Vec<ApplicationView>,
    sessions: Vec<SessionView>,
}

struct Part {
    title: String,
    form: FormView,
}

struct ApplicationView {
    client_id: String,
    name: String,
    scopes: Vec<String>,
    given: String,
    given_at: String,
}

struct SessionView {
    id: Uuid,
    browser: String,
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
pub(super) struct Wrong {
    pub(super) name: Option<(String, Unacceptable)>,
    pub(super) city: Option<(String, Unacceptable)>,
    pub(super) current_password: Option<Unacceptable>,
    pub(super) new_password: Option<Unacceptable>,
    pub(super) email: Option<(String, Unacceptable)>,
    /// The password that the new address takes, with the address.
    pub(super) email_password: Option<(String, Unacceptable)>,
}

pub(super) async fn render(
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
    let applications = match state.consents.of_account(account.id).await {
        Ok(applications) => applications,
        Err(error) => return failed(visit, &AccountError::from(error)),
    };
    let layout = Layout::new(visit).signed_in();
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
        Some(key @ ("saved" | "password-changed" | "mail-sent" | "withdrawn" | "second-factor-off")) => {
            Some(layout.text(&format!("notice-{key}")))
        }
        _ => None,
    };
    let sessions = all.into_iter().map(|it| SessionView {
        current: it.id == session.id,
        id: it.id,
        browser: browser(&layout, &it.user_agent),
        last_seen: minute(it.last_seen_at),
        last_seen_at: it.last_seen_at.format(&Rfc3339).unwrap_or_default(),
    });
    let sessions = sessions.collect();
    let applications = applications.into_iter().map(|it| ApplicationView::new(&layout, it)).collect();
    let (email, verified) = (account.email.clone(), account.email_verified_at.is_some());
    let second_factor = account.second_factor_at.is_some();
    let view = AccountPage { layout, notice, email, verified, second_factor, forms, applications, sessions };
    let status = if view.has_errors() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page(visit, status, &view, None)
}

impl ApplicationView {
    fn new(layout: &Layout, application: Application) -> Self {
        let Application { client_id, name, scopes, given_at } = application;
        Self {
            scopes: scopes.iter().map(|scope| protocol::describe(layout.language, scope)).collect(),
            given: minute(given_at),
            given_at: given_at.format(&Rfc3339).unwrap_or_default(),
            client_id,
            name,
        }
    }
}

/// A browser in words.
fn browser(layout: &Layout, user_agent: &str) -> String {
    let text = |key: &str, values: &[(&'static str, &str)]| layout.language.text_with(key, values);
    match Browser::recognised(user_agent) {
        Browser { name: Some(name), system: Some(system) } => {
            text("account-browser", &[("browser", name), ("system", system)])
        }
        Browser { name: Some(name), system: None } => name.to_owned(),
        Browser { name: None, system: Some(system) } => text("account-browser-on", &[("system", system)]),
        Browser { name: None, system: None } => layout.text("account-unknown-browser"),
    }
}

/// A time to the minute, in the order that sorts and nobody mistakes.
fn minute(at: OffsetDateTime) -> String {
    format!("{} {:02}:{:02} UTC", at.date(), at.hour(), at.minute())
}
