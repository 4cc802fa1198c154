//! One's account: profile, password, second factor, address, browsers, applications, the end.

mod endings;
mod second_factor;
mod view;

use axum::extract::{self, FromRequestParts};
use axum::response::Response;
use http::request::Parts;

use super::form::FormOf;
use super::{State, Visit, failed, go_to, sign_in, with_continue};
use crate::accounts::{self, Account, AccountError, Email, Password, Unacceptable};
use crate::sessions::Session;
pub(super) use endings::{delete, end_sessions, show_delete, sign_out, withdraw};
pub(super) use second_factor::{confirm, new_codes, set_up, show as show_second_factor, turn_off};
use view::{Wrong, render};

const WRONG_PASSWORD: Unacceptable =
    Unacceptable { detail: "is not the password", key: "error-current-password-wrong" };

/// Somebody who is signed in; whoever is signed in nowhere is asked to sign in first.
pub(super) struct Owner {
    session: Session,
    account: Account,
}

impl FromRequestParts<State> for Owner {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Self::Rejection> {
        match state.sessions.current(&parts.headers).await {
            Ok(Some((session, account))) => Ok(Self { session, account }),
            Ok(None) => Err(go_to(&with_continue("/identity/sign-in", Some("/identity/account")), None)),
            Err(error) => {
                let visit = Visit::new(&state.pages, &parts.uri, &parts.headers);
                Err(failed(&visit, &AccountError::from(error)))
            }
        }
    }
}

pub(super) async fn show(
    extract::State(state): extract::State<State>,
    visit: Visit,
    Owner { session, account }: Owner,
) -> Response {
    render(&state, &visit, &session, &account, Wrong::default()).await
}

pub(super) async fn save(
    extract::State(state): extract::State<State>,
    visit: Visit,
    FormOf(Owner { session, account }, form): FormOf<Owner>,
) -> Response {
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
    FormOf(Owner { session, account }, form): FormOf<Owner>,
) -> Response {
    let email = Email::parse(&account.email).ok();
    let new = match state.accounts.chosen(form.text("new_password"), &account.name, email.as_ref()) {
        Ok(new) => new,
        Err(error) => {
            let wrong = Wrong { new_password: Some(error), ..Wrong::default() };
            return render(&state, &visit, &session, &account, wrong).await;
        }
    };
    let old = Password::typed(form.text("current_password"));
    match state.accounts.change_password(&account, old, new, Some(session.id)).await {
        Ok(account) => {
            let device = sign_in::remembered(&state, &account).await;
            go_to("/identity/account?notice=password-changed", device)
        }
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
    FormOf(Owner { session, account }, form): FormOf<Owner>,
) -> Response {
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
    FormOf(Owner { account, .. }, _): FormOf<Owner>,
) -> Response {
    match state.accounts.verify_again(&account).await {
        Ok(()) => go_to("/identity/account?notice=mail-sent", None),
        Err(error) => failed(&visit, &error),
    }
}
