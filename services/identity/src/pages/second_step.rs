//! Signing in, after the password: the second factor of whoever has one, and its set-up for whoever must have one.
//! Until then the browser has nothing but a capability for this step.

use axum::extract::{self, FromRequestParts};
use axum::response::Response;
use http::request::Parts;
use http::{StatusCode, header};
use platform_http::problem::Chain;

use super::form::{FormOf, FormView};
use super::layout::{FormPage, Layout, page};
use super::second_factor::{Place, code_field, codes, secret, secret_again};
use super::{State, Visit, failed, go_to, later, sign_in, with_continue};
use crate::accounts::{Account, AccountError, Unacceptable};
use crate::capability;
use crate::cookies::Cookie;
use crate::language::Texts as _;
use crate::second_factor::STEP;
use crate::sessions::Methods;
use crate::throttle::client_address;

const CODE: &str = "/identity/sign-in/code";
const SET_UP: &str = "/identity/sign-in/set-up";
const CONFIRM: &str = "/identity/sign-in/set-up/confirm";

/// What follows a right password: the step to the second factor, else the session. Nothing when the account changed
/// since.
pub(super) async fn after_password(state: &State, visit: &Visit, account: &Account) -> Option<Response> {
    if state.sign_in.takes_a_password_alone(account) {
        return sign_in::enter(state, visit, account, Methods::Password).await;
    }
    let opened = match state.second_factors.open_step(account, visit.csrf.token()).await {
        Ok(opened) => opened?,
        Err(error) => return Some(failed(visit, &error)),
    };
    let path = if account.second_factor_at.is_some() { CODE } else { SET_UP };
    let cookie = state.pages.jar().set(Cookie::Step, &opened, Some(STEP));
    Some(go_to(&with_continue(path, visit.continue_to()), cookie))
}

/// Whose step this browser has opened; whoever has none has to give the password again.
pub(super) struct Step {
    account: Account,
    /// Of its cookie.
    value: String,
}

impl FromRequestParts<State> for Step {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Self::Rejection> {
        let visit = Visit::new(&state.pages, &parts.uri, &parts.headers);
        let Some(value) = state.pages.jar().read(&parts.headers, Cookie::Step) else {
            return Err(back(state, &visit));
        };
        let account = match state.second_factors.step(value, visit.csrf.token()).await {
            Ok(Some(id)) => state.accounts.find(id).await.map_err(AccountError::from),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        match account {
            Ok(Some(account)) => Ok(Self { account, value: value.to_owned() }),
            Ok(None) => Err(back(state, &visit)),
            Err(error) => Err(failed(&visit, &error)),
        }
    }
}

/// The step is over: the password has to be given again.
fn back(state: &State, visit: &Visit) -> Response {
    let path = with_continue("/identity/sign-in", visit.continue_to());
    let more = if path.contains('?') { '&' } else { '?' };
    go_to(&format!("{path}{more}notice=again"), state.pages.jar().remove(Cookie::Step))
}

/// The page that asks for a code.
pub(super) async fn show(extract::State(state): extract::State<State>, visit: Visit, _: Step) -> Response {
    ask(&state, &visit, Wrong::default())
}

pub(super) async fn submit(
    extract::State(state): extract::State<State>,
    visit: Visit,
    FormOf(Step { account, value }, form): FormOf<Step>,
) -> Response {
    let device = state.pages.jar().read(&visit.headers, Cookie::Device).and_then(capability::hash);
    let address = client_address(&visit.headers);
    let step = (value.as_str(), visit.csrf.token());
    let from = (address.as_str(), device);
    match state.second_factors.take_step(step, &account, form.text("code"), from).await {
        Ok(Some(methods)) => {
            let entered = sign_in::enter(&state, &visit, &account, methods).await;
            entered.map_or_else(|| back(&state, &visit), |answer| without_step(&state, answer))
        }
        Ok(None) => back(&state, &visit),
        Err(AccountError::Code(error)) => ask(&state, &visit, Wrong { code: Some(error), wait: None }),
        Err(AccountError::TooMany { retry_after_seconds }) => {
            ask(&state, &visit, Wrong { code: None, wait: Some(retry_after_seconds) })
        }
        Err(error) => failed(&visit, &error),
    }
}

/// What is wrong with a code.
#[derive(Clone, Copy, Default)]
struct Wrong {
    code: Option<Unacceptable>,
    /// Seconds until it is looked at again.
    wait: Option<u32>,
}

fn ask(state: &State, visit: &Visit, wrong: Wrong) -> Response {
    let layout = Layout::new(visit);
    let continue_to = visit.continue_to();
    let leads_to = continue_to.and_then(|path| (state.redirect_origin)(path));
    // A recovery code has letters, which phones must show.
    let recovery = visit.parameter("with") == Some("recovery-code");
    let here = with_continue(CODE, continue_to);
    let other = format!("{here}{}with=recovery-code", if continue_to.is_some() { '&' } else { '?' });
    let checked = wrong.code.map_or(Ok(()), Err);
    let field = if recovery {
        code_field(&layout).labelled(&layout, "field-recovery-code").wrong(&layout, &checked)
    } else {
        code_field(&layout).digits().wrong(&layout, &checked)
    };
    let (action, link) = if recovery {
        (other, (here, layout.text("second-step-code")))
    } else {
        (here, (other, layout.text("second-step-recovery")))
    };
    let mut form = FormView::new(action, layout.text("second-step-button"), vec![field]);
    if let Some(seconds) = wrong.wait {
        let told = visit.language.text_with("error-blocked", &[("seconds", &seconds.to_string())]);
        form.error = Some(told);
        form.error_title = Some(layout.text("blocked-title"));
    }
    let again = (with_continue("/identity/sign-in", continue_to), layout.text("second-step-again"));
    let lead = layout.text(if recovery { "second-step-recovery-lead" } else { "second-step-lead" });
    let title = layout.text("second-step-title");
    let status = if wrong.wait.is_some() { StatusCode::TOO_MANY_REQUESTS } else { form.status() };
    let view = FormPage { layout, title, lead: Some(lead), notice: None, form, links: vec![link, again] };
    let answer = page(visit, status, &view, leads_to.as_deref());
    match wrong.wait {
        Some(seconds) => later(answer, seconds),
        None => answer,
    }
}

/// The page that says that a second factor is demanded.
pub(super) async fn show_set_up(visit: Visit, Step { account, .. }: Step) -> Response {
    if account.second_factor_at.is_some() {
        return go_to(&with_continue(CODE, visit.continue_to()), None);
    }
    let layout = Layout::new(&visit);
    let action = with_continue(SET_UP, visit.continue_to());
    let form = FormView::new(action, layout.text("second-factor-begin"), vec![]);
    let title = layout.text("second-factor-title");
    let lead = Some(layout.text("second-factor-required"));
    let view = FormPage { layout, title, lead, notice: None, form, links: vec![] };
    page(&visit, StatusCode::OK, &view, None)
}

/// Shows a new secret.
pub(super) async fn set_up(
    extract::State(state): extract::State<State>,
    visit: Visit,
    FormOf(Step { account, .. }, _): FormOf<Step>,
) -> Response {
    match state.second_factors.begin(&account).await {
        Ok(new) => secret(&visit, &place(&visit), &account, &new),
        Err(AccountError::SecondFactorOn) => go_to(&with_continue(CODE, visit.continue_to()), None),
        Err(error) => failed(&visit, &error),
    }
}

/// Turns it on by its first code, and signs in.
pub(super) async fn confirm(
    extract::State(state): extract::State<State>,
    visit: Visit,
    FormOf(Step { account, .. }, form): FormOf<Step>,
) -> Response {
    let new = match state.second_factors.confirm(&account, form.text("code"), None).await {
        Ok(new) => new,
        Err(AccountError::Code(error)) => return secret_again(&visit, &place(&visit), error),
        Err(AccountError::SetUpOver) => return go_to(&with_continue(SET_UP, visit.continue_to()), None),
        Err(AccountError::SecondFactorOn) => {
            return go_to(&with_continue(CODE, visit.continue_to()), None);
        }
        Err(error) => return failed(&visit, &error),
    };
    // The account is another one since, and every sign-in that was under way has ended with the change: this step too.
    let now = match state.accounts.find(account.id).await {
        Ok(now) => now.filter(|now| now.password_hash == account.password_hash),
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "who has set a second factor up can't be signed in");
            None
        }
    };
    let entered = match now {
        Some(now) => sign_in::signed_in(&state, &visit, &now, Methods::Code).await,
        None => None,
    };
    // Whatever came between, the codes are shown: they never are again.
    let mut answer = codes(&visit, &new, visit.continue_to().unwrap_or("/"));
    for cookie in entered.and_then(Result::ok).into_iter().flatten() {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    without_step(&state, answer)
}

fn place(visit: &Visit) -> Place<'static> {
    Place {
        begin: with_continue(SET_UP, visit.continue_to()),
        confirm: with_continue(CONFIRM, visit.continue_to()),
        leads_to: None,
        signed_in: false,
    }
}

fn without_step(state: &State, mut answer: Response) -> Response {
    if let Some(cookie) = state.pages.jar().remove(Cookie::Step) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}
