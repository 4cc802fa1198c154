//! The pages of identity: sign-in with one or two factors, sign-up, forgotten password, confirmations, consent, one's
//! account. Complete HTML from the server in two languages; none needs JavaScript. What a page decides is decided
//! elsewhere.

mod account;
mod assets;
mod csrf;
mod forgotten;
mod form;
mod language;
mod layout;
mod links;
mod nothing;
mod protocol;
mod second_factor;
mod second_step;
mod sign_in;
mod sign_up;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use http::{HeaderValue, StatusCode, header};
use platform_http::problem::Chain;
use url::Url;

use crate::accounts::{AccountError, Accounts, SignIn};
use crate::consents::Consents;
use crate::cookies::Jar;
use crate::language::Texts as _;
use crate::people::People;
use crate::second_factor::SecondFactors;
use crate::sessions::Sessions;
use crate::throttle::Throttle;
pub(crate) use form::Form;
pub(crate) use protocol::{Consent, consent, error, hand_over, sign_out_confirm, signed_out};
pub(crate) use visit::Visit;

/// What every page is made with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pages(Arc<Shared>);

struct Shared {
    jar: Jar,
    /// The platform's own, as browsers write it.
    origin: String,
}

impl Pages {
    pub(crate) fn new(public_url: &Url, jar: Jar) -> Self {
        Self(Arc::new(Shared { jar, origin: public_url.origin().ascii_serialization() }))
    }

    pub(crate) fn jar(&self) -> Jar {
        self.0.jar
    }

    fn origin(&self) -> &str {
        &self.0.origin
    }
}

/// The origin to which signing in may lead in the end, for a path to go on at.
type RedirectOrigin = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What the pages share.
#[derive(Clone)]
pub(crate) struct State {
    pages: Pages,
    accounts: Accounts,
    sessions: Sessions,
    consents: Consents,
    sign_in: SignIn,
    second_factors: SecondFactors,
    throttle: Throttle,
    redirect_origin: RedirectOrigin,
}

impl State {
    pub(crate) fn new(people: &People) -> Self {
        Self {
            pages: people.pages.clone(),
            accounts: people.accounts.clone(),
            sessions: people.sessions.clone(),
            consents: people.consents.clone(),
            sign_in: people.sign_in.clone(),
            second_factors: people.second_factors.clone(),
            throttle: people.throttle.clone(),
            redirect_origin: Arc::new(|_| None),
        }
    }

    /// With the origins of registered clients, which a form may lead to after its redirects.
    pub(crate) fn with_redirect_origin(
        mut self,
        redirect_origin: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.redirect_origin = Arc::new(redirect_origin);
        self
    }
}

impl FromRef<State> for Pages {
    fn from_ref(state: &State) -> Self {
        state.pages.clone()
    }
}

pub(crate) fn routes(state: State) -> Router {
    Router::new()
        .route("/identity/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/identity/sign-in/code", get(second_step::show).post(second_step::submit))
        .route("/identity/sign-in/set-up", get(second_step::show_set_up).post(second_step::set_up))
        .route("/identity/sign-in/set-up/confirm", post(second_step::confirm))
        .route("/identity/sign-up", get(sign_up::show).post(sign_up::submit))
        .route("/identity/sign-out", post(account::sign_out))
        .route("/identity/forgotten", get(forgotten::show).post(forgotten::submit))
        .route("/identity/reset", get(forgotten::show_reset).post(forgotten::reset))
        .route("/identity/verify", get(links::show_verify).post(links::verify))
        .route("/identity/change-email", get(links::show_change_email).post(links::change_email))
        .route("/identity/done/{what}", get(links::done))
        .route("/identity/account", get(account::show).post(account::save))
        .route("/identity/account/password", post(account::change_password))
        .route("/identity/account/email", post(account::change_email))
        .route("/identity/account/verification", post(account::verify_again))
        .route("/identity/account/sessions", post(account::end_sessions))
        .route("/identity/account/applications", post(account::withdraw))
        .route("/identity/account/second-factor", get(account::show_second_factor))
        .route("/identity/account/second-factor/set-up", post(account::set_up))
        .route("/identity/account/second-factor/confirm", post(account::confirm))
        .route("/identity/account/second-factor/recovery-codes", post(account::new_codes))
        .route("/identity/account/second-factor/off", post(account::turn_off))
        .route("/identity/account/delete", get(account::show_delete).post(account::delete))
        .route("/identity/language", post(language::choose))
        .route("/identity/assets/{file}", get(assets::serve))
        // Everything that is nothing: what is above and what others serve below /identity comes first.
        .route("/identity", any(nothing::answer))
        .route("/identity/", any(nothing::answer))
        .route("/identity/{*path}", any(nothing::answer))
        .with_state(state)
}

/// 303 to one of our own paths: what was sent is not sent again by going back.
fn go_to(path: &str, cookies: impl IntoIterator<Item = HeaderValue>) -> Response {
    let Ok(location) = HeaderValue::try_from(path) else { return StatusCode::BAD_REQUEST.into_response() };
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The page for what went wrong with no field to show it at.
fn failed(visit: &Visit, error: &AccountError) -> Response {
    let text = |key: &str| visit.language.text(key);
    match error {
        AccountError::LinkSpent | AccountError::Gone => links::spent(visit),
        AccountError::TooMany { retry_after_seconds } => {
            let seconds = retry_after_seconds.to_string();
            let told = visit.language.text_with("error-blocked", &[("seconds", &seconds)]);
            let page =
                layout::message(visit, StatusCode::TOO_MANY_REQUESTS, text("blocked-title"), told, None);
            later(page, *retry_after_seconds)
        }
        AccountError::LastAdministrator => {
            let (title, text) = (text("error-page-title"), text("error-last-administrator"));
            layout::message(visit, StatusCode::CONFLICT, title, text, None)
        }
        AccountError::SetUpOver | AccountError::SecondFactorOn | AccountError::SecondFactorOff => {
            let (title, told) = (text("set-up-over-title"), text("set-up-over-text"));
            let button = ("/identity/account/second-factor".to_owned(), text("second-factor-title"));
            layout::message(visit, StatusCode::CONFLICT, title, told, Some(button))
        }
        AccountError::Busy => unavailable(visit),
        error => {
            tracing::warn!(error = %Chain(error), "a page can't be shown");
            unavailable(visit)
        }
    }
}

fn unavailable(visit: &Visit) -> Response {
    let text = |key: &str| visit.language.text(key);
    let status = StatusCode::SERVICE_UNAVAILABLE;
    later(layout::message(visit, status, text("unavailable-title"), text("unavailable-text"), None), 5)
}

fn later(mut response: Response, seconds: u32) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// A path with a place to go on to.
fn with_continue(path: &str, continue_to: Option<&str>) -> String {
    match continue_to {
        Some(to) => {
            let query =
                url::form_urlencoded::Serializer::new(String::new()).append_pair("continue", to).finish();
            format!("{path}?{query}")
        }
        None => path.to_owned(),
    }
}
