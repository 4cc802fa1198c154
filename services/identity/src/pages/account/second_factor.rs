//! One's second factor: setting it up, turning it off, new recovery codes. Each takes the password once more, and what
//! takes something away a code as well (ASVS 7.5.1).

use askama::Template;
use axum::extract;
use axum::response::Response;
use http::{StatusCode, header};

use super::{Owner, WRONG_PASSWORD};
use crate::accounts::{Account, AccountError, Password, Unacceptable};
use crate::language::Texts as _;
use crate::pages::form::{Field, FormOf, FormView, Look};
use crate::pages::layout::{Layout, page};
use crate::pages::second_factor::{Place, code_field, codes, secret, secret_again};
use crate::pages::{Form, State, Visit, failed, go_to, sign_in};

const PAGE: &str = "/identity/account/second-factor";

#[derive(Template)]
#[template(path = "second_factor.html")]
struct SecondFactorPage {
    layout: Layout,
    on: bool,
    lead: String,
    left: Option<String>,
    forms: Vec<(String, FormView)>,
}

impl SecondFactorPage {
    fn has_errors(&self) -> bool {
        self.forms.iter().any(|(_, form)| form.has_errors())
    }
}

/// Which of the page's forms was sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    SetUp,
    NewCodes,
    Off,
}

/// What of it is not right.
#[derive(Clone, Copy)]
enum Wrong {
    Password,
    Code(Unacceptable),
}

pub(in crate::pages) async fn show(
    extract::State(state): extract::State<State>,
    visit: Visit,
    Owner { account, .. }: Owner,
) -> Response {
    render(&state, &visit, &account, None).await
}

/// Shows a secret to whoever gives the password once more.
pub(in crate::pages) async fn set_up(
    extract::State(state): extract::State<State>,
    visit: Visit,
    FormOf(Owner { account, .. }, form): FormOf<Owner>,
) -> Response {
    let begun = match check_password(&state, &account, &form).await {
        Ok(()) => state.second_factors.begin(&account).await,
        Err(error) => Err(error),
    };
    match begun {
        Ok(new) => secret(&visit, &place(), &account, &new),
        Err(error) => refused(&state, &visit, &account, Sent::SetUp, error).await,
    }
}

/// Turns it on by its first code.
pub(in crate::pages) async fn confirm(
    extract::State(state): extract::State<State>,
    visit: Visit,
    FormOf(Owner { session, account }, form): FormOf<Owner>,
) -> Response {
    match state.second_factors.confirm(&account, form.text("code"), Some(session.id)).await {
        Ok(new) => {
            let mut answer = codes(&visit, &new, PAGE);
            // What it was known by counts for the password alone.
            if let Some(cookie) = sign_in::remembered(&state, &account).await {
                answer.headers_mut().append(header::SET_COOKIE, cookie);
            }
            answer
        }
        Err(AccountError::Code(error)) => secret_again(&visit, &place(), error),
        Err(error) => failed(&visit, &error),
    }
}

/// Shows new recovery codes to whoever gives password and code.
pub(in crate::pages) async fn new_codes(
    extract::State(state): extract::State<State>,
    visit: Visit,
    FormOf(Owner { account, .. }, form): FormOf<Owner>,
) -> Response {
    let new = match check_password(&state, &account, &form).await {
        Ok(()) => state.second_factors.new_codes(&account, form.text("code")).await,
        Err(error) => Err(error),
    };
    match new {
        Ok(new) => codes(&visit, &new, PAGE),
        Err(error) => refused(&state, &visit, &account, Sent::NewCodes, error).await,
    }
}

/// Turns it off for whoever gives password and code.
pub(in crate::pages) async fn turn_off(
    extract::State(state): extract::State<State>,
    visit: Visit,
    FormOf(Owner { session, account }, form): FormOf<Owner>,
) -> Response {
    let off = match check_password(&state, &account, &form).await {
        Ok(()) => state.second_factors.turn_off(&account, form.text("code"), Some(session.id)).await,
        Err(error) => Err(error),
    };
    match off {
        Ok(()) => go_to("/identity/account?notice=second-factor-off", None),
        Err(error) => refused(&state, &visit, &account, Sent::Off, error).await,
    }
}

async fn check_password(state: &State, account: &Account, form: &Form) -> Result<(), AccountError> {
    let password = Password::typed(form.text("current_password"));
    state.accounts.check_own_password(account, password).await
}

async fn refused(
    state: &State,
    visit: &Visit,
    account: &Account,
    sent: Sent,
    error: AccountError,
) -> Response {
    let wrong = match error {
        AccountError::WrongPassword => Wrong::Password,
        AccountError::Code(error) => Wrong::Code(error),
        error => return failed(visit, &error),
    };
    render(state, visit, account, Some((sent, wrong))).await
}

async fn render(state: &State, visit: &Visit, account: &Account, wrong: Option<(Sent, Wrong)>) -> Response {
    let layout = Layout::new(visit).signed_in();
    let on = account.second_factor_at.is_some();
    let mut left = None;
    let forms = if on {
        match state.second_factors.codes_left(account.id).await {
            Ok(count) => {
                let count = count.to_string();
                left = Some(visit.language.text_with("recovery-codes-left", &[("count", &count)]));
            }
            Err(error) => return failed(visit, &error),
        }
        vec![
            form(&layout, Sent::NewCodes, "recovery-codes", "recovery-codes-new", wrong),
            form(&layout, Sent::Off, "off", "second-factor-turn-off", wrong),
        ]
    } else {
        vec![form(&layout, Sent::SetUp, "set-up", "second-factor-begin", wrong)]
    };
    let lead = layout.text(if on { "second-factor-on-lead" } else { "second-factor-off-lead" });
    let view = SecondFactorPage { layout, on, lead, left, forms };
    let status = if view.has_errors() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page(visit, status, &view, None)
}

fn form(
    layout: &Layout,
    which: Sent,
    path: &str,
    button: &str,
    wrong: Option<(Sent, Wrong)>,
) -> (String, FormView) {
    let wrong = wrong.filter(|(sent, _)| *sent == which).map(|(_, wrong)| wrong);
    let password = match wrong {
        Some(Wrong::Password) => Err(WRONG_PASSWORD),
        _ => Ok(()),
    };
    let code = match wrong {
        Some(Wrong::Code(error)) => Err(error),
        _ => Ok(()),
    };
    let mut fields = vec![
        Field::new(layout, "current_password", "password", "current-password")
            .identified(&format!("{path}_current_password"))
            .wrong(layout, &password),
    ];
    if which != Sent::SetUp {
        let field = code_field(layout).identified(&format!("{path}_code"));
        fields.push(field.hint(layout, "hint-code").wrong(layout, &code));
    }
    let mut form = FormView::new(format!("{PAGE}/{path}"), layout.text(button), fields);
    form.look = match which {
        Sent::SetUp => Look::Primary,
        Sent::NewCodes => Look::Secondary,
        Sent::Off => Look::Danger,
    };
    (layout.text(button), form)
}

fn place() -> Place<'static> {
    Place { begin: PAGE.to_owned(), confirm: format!("{PAGE}/confirm"), leads_to: None, signed_in: true }
}
