//! Signing up.

use axum::extract;
use axum::response::Response;
use http::StatusCode;

use super::form::{Field, FormView};
use super::layout::{FormPage, Layout, message, page};
use super::{Form, State, Visit, failed, go_to, second_step, with_continue};
use crate::accounts::{self, AccountError, Email, NewAccount, SignedUp, Unacceptable};
use crate::language::Texts as _;
use crate::throttle::client_address;

const TAKEN: Unacceptable = Unacceptable { detail: "is taken", key: "error-email-taken" };

pub(super) async fn show(extract::State(state): extract::State<State>, visit: Visit) -> Response {
    if !state.accounts.rules().sign_up_open {
        return closed(&visit);
    }
    let fields = fields(&visit, &Form::default());
    answer(&state, &visit, fields)
}

pub(super) async fn submit(
    extract::State(state): extract::State<State>,
    visit: Visit,
    form: Form,
) -> Response {
    let layout = Layout::new(&visit);
    let email = Email::parse(form.text("email"));
    let name = accounts::name(form.text("name"));
    let city = accounts::city(form.text("city"));
    let password = state.accounts.chosen(form.text("new_password"), form.text("name"), email.as_ref().ok());
    let fields = fields(&visit, &form);
    let wrong = |taken: bool| {
        let email = if taken { Err(TAKEN) } else { email.as_ref().map(drop).map_err(|error| *error) };
        let [one, two, three, four] = fields;
        [
            one.wrong(&layout, &name),
            two.wrong(&layout, &email),
            three.wrong(&layout, &city),
            four.wrong(&layout, &password),
        ]
    };
    let (Ok(email_ok), Ok(name_ok), Ok(city_ok), Ok(password_ok)) = (&email, &name, &city, &password) else {
        return answer(&state, &visit, wrong(false));
    };
    let new = NewAccount {
        email: email_ok.clone(),
        password: password_ok.clone(),
        name: name_ok.clone(),
        city: city_ok.clone(),
        language: visit.language,
        address: client_address(&visit.headers),
    };
    match state.accounts.sign_up(new).await {
        Ok(SignedUp::Account(account)) => match second_step::after_password(&state, &visit, &account).await {
            Some(answer) => answer,
            None => go_to(&with_continue("/identity/sign-in", visit.continue_to()), None),
        },
        Ok(SignedUp::Mailed) => go_to(&with_continue("/identity/done/signed-up", visit.continue_to()), None),
        Err(AccountError::EmailTaken) => answer(&state, &visit, wrong(true)),
        Err(AccountError::Closed) => closed(&visit),
        Err(error) => failed(&visit, &error),
    }
}

fn fields(visit: &Visit, form: &Form) -> [Field; 4] {
    let layout = Layout::new(visit);
    [
        Field::new(&layout, "name", "text", "name").with(form.text("name")),
        Field::new(&layout, "email", "email", "username").with(form.text("email")),
        Field::new(&layout, "city", "text", "address-level2").with(form.text("city")).optional(),
        Field::new(&layout, "new_password", "password", "new-password")
            .labelled(&layout, "field-password")
            .hint(&layout, "hint-new-password"),
    ]
}

fn answer(state: &State, visit: &Visit, fields: [Field; 4]) -> Response {
    let layout = Layout::new(visit);
    let continue_to = visit.continue_to();
    let action = with_continue("/identity/sign-up", continue_to);
    let form = FormView::new(action, layout.text("sign-up-button"), fields.into());
    let links = vec![(with_continue("/identity/sign-in", continue_to), layout.text("sign-in-link"))];
    let title = layout.text("sign-up-title");
    let leads_to = continue_to.and_then(|path| (state.redirect_origin)(path));
    let status = form.status();
    page(
        visit,
        status,
        &FormPage { layout, title, lead: None, notice: None, form, links },
        leads_to.as_deref(),
    )
}

fn closed(visit: &Visit) -> Response {
    let text = |key: &str| visit.language.text(key);
    message(visit, StatusCode::FORBIDDEN, text("sign-up-closed-title"), text("sign-up-closed-text"), None)
}
