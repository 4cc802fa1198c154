//! Signing in: the password, which is all where there is no second factor.

use axum::extract;
use axum::response::Response;
use http::{HeaderValue, StatusCode};

use super::form::{Field, FormView};
use super::layout::{FormPage, Layout, page};
use super::{Form, State, Visit, failed, go_to, later, second_step, with_continue};
use crate::accounts::{Account, AccountError, Attempt, Email, Password, SignInError, Unacceptable};
use crate::capability;
use crate::cookies::Cookie;
use crate::language::Texts as _;
use crate::sessions::Methods;
use crate::throttle::client_address;

const NO_PASSWORD: Unacceptable = Unacceptable { detail: "must not be empty", key: "error-password-missing" };

pub(super) async fn show(extract::State(state): extract::State<State>, visit: Visit) -> Response {
    let email = visit.parameter("login_hint").unwrap_or_default().to_owned();
    answer(&state, &visit, StatusCode::OK, view(&visit, &email))
}

pub(super) async fn submit(
    extract::State(state): extract::State<State>,
    visit: Visit,
    form: Form,
) -> Response {
    let (email, password) = (form.text("email"), form.text("password"));
    let mut view = view(&visit, email);
    let layout = Layout::new(&visit);
    let email_given = if email.trim().is_empty() { Email::parse(email).map(drop) } else { Ok(()) };
    let password_given = if password.is_empty() { Err(NO_PASSWORD) } else { Ok(()) };
    if email_given.is_err() || password_given.is_err() {
        let checked = [email_given, password_given];
        view.fields =
            view.fields.into_iter().zip(&checked).map(|(field, it)| field.wrong(&layout, it)).collect();
        return answer(&state, &visit, StatusCode::UNPROCESSABLE_ENTITY, view);
    }
    let device = state.pages.jar().read(&visit.headers, Cookie::Device).and_then(capability::hash);
    let attempt = Attempt {
        email: email.to_owned(),
        password: Password::typed(password),
        address: client_address(&visit.headers),
        device,
    };
    let error = match state.sign_in.check(attempt).await {
        Ok(account) => match second_step::after_password(&state, &visit, &account).await {
            Some(answer) => return answer,
            None => SignInError::Refused,
        },
        Err(error) => error,
    };
    match error {
        SignInError::Refused => {
            view.error = Some(layout.text("error-refused"));
            answer(&state, &visit, StatusCode::UNPROCESSABLE_ENTITY, view)
        }
        SignInError::Blocked { retry_after_seconds } => {
            let seconds = retry_after_seconds.to_string();
            view.error = Some(visit.language.text_with("error-blocked", &[("seconds", &seconds)]));
            view.error_title = Some(layout.text("blocked-title"));
            later(answer(&state, &visit, StatusCode::TOO_MANY_REQUESTS, view), retry_after_seconds)
        }
        SignInError::Busy => {
            view.error = Some(layout.text("error-busy"));
            view.error_title = Some(layout.text("unavailable-title"));
            later(answer(&state, &visit, StatusCode::SERVICE_UNAVAILABLE, view), 2)
        }
        SignInError::Store(error) => failed(&visit, &AccountError::from(error)),
    }
}

/// Signs an account in whose owner has just proved to be that, remembers the browser, and goes on.
/// Nothing when the account got another password or was locked since.
pub(super) async fn enter(
    state: &State,
    visit: &Visit,
    account: &Account,
    methods: Methods,
) -> Option<Response> {
    let cookies = match signed_in(state, visit, account, methods).await? {
        Ok(cookies) => cookies,
        Err(page) => return Some(page),
    };
    Some(go_to(visit.continue_to().unwrap_or("/"), cookies))
}

/// The cookies with which somebody is signed in; nothing as for [`enter`].
#[allow(clippy::result_large_err, reason = "an answer is what it is")]
pub(super) async fn signed_in(
    state: &State,
    visit: &Visit,
    account: &Account,
    methods: Methods,
) -> Option<Result<Vec<HeaderValue>, Response>> {
    let signed_in = match state.sessions.sign_in(&visit.headers, account, methods).await {
        Ok(signed_in) => signed_in?.1,
        Err(error) => return Some(Err(failed(visit, &AccountError::from(error)))),
    };
    Some(Ok([signed_in].into_iter().chain(remembered(state, account).await).collect()))
}

/// The cookie by which a browser is known from now on. Without it, it is a stranger the next time, and that is all.
pub(super) async fn remembered(state: &State, account: &Account) -> Option<HeaderValue> {
    let device = capability::generate().ok()?;
    let hash = capability::sha256(device.as_bytes());
    let kept = state.throttle.remember(&hash, account, platform_service::now()).await.ok()??;
    state.pages.jar().set(Cookie::Device, &device, Some(kept))
}

fn view(visit: &Visit, email: &str) -> FormView {
    let layout = Layout::new(visit);
    let fields = vec![
        Field::new(&layout, "email", "email", "username").with(email),
        Field::new(&layout, "password", "password", "current-password"),
    ];
    let action = with_continue("/identity/sign-in", visit.continue_to());
    FormView::new(action, layout.text("sign-in-button"), fields)
}

fn answer(state: &State, visit: &Visit, status: StatusCode, form: FormView) -> Response {
    let layout = Layout::new(visit);
    let continue_to = visit.continue_to();
    let mut links = vec![("/identity/forgotten".to_owned(), layout.text("forgotten-link"))];
    if state.accounts.rules().sign_up_open {
        links.push((with_continue("/identity/sign-up", continue_to), layout.text("sign-up-link")));
    }
    let title = layout.text("sign-in-title");
    let again = visit.parameter("notice") == Some("again") && !form.has_errors();
    let notice = again.then(|| layout.text("notice-again"));
    let leads_to = continue_to.and_then(|path| (state.redirect_origin)(path));
    page(visit, status, &FormPage { layout, title, lead: None, notice, form, links }, leads_to.as_deref())
}
