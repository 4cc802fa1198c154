//! What every page has: head, header, footer, and the headers of its answer.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use platform_http::Problem;
use platform_pages::{Choice, SECURITY_HEADERS};

use super::Visit;
use super::assets::{ICON, STYLE};
use super::form::FormView;
use crate::language::{Language, Texts as _};

/// One address, two languages, and never kept: a page belongs to one browser.
const PAGE_HEADERS: [(HeaderName, &str); 2] =
    [(header::CACHE_CONTROL, "no-store"), (header::VARY, "accept-language, cookie")];

/// What a template needs for head, header and footer.
pub(super) struct Layout {
    pub(super) language: Language,
    /// Where choosing a language leads back to.
    pub(super) back: String,
    pub(super) csrf: String,
    /// Whether the header has a button to sign out.
    pub(super) signed_in: bool,
}

impl Layout {
    pub(super) fn new(visit: &Visit) -> Self {
        Self {
            language: visit.language,
            back: back_to(&visit.address).to_owned(),
            csrf: visit.csrf.token().to_owned(),
            signed_in: false,
        }
    }

    /// On a page that only somebody who is signed in sees (ASVS 7.4.4).
    pub(super) fn signed_in(mut self) -> Self {
        self.signed_in = true;
        self
    }

    pub(super) fn text(&self, key: &str) -> String {
        self.language.text(key)
    }

    /// The languages to choose from.
    pub(super) fn choices(&self) -> [Choice; 2] {
        self.language.choices()
    }

    pub(super) fn style(&self) -> &'static str {
        &STYLE.path
    }

    pub(super) fn icon(&self) -> &'static str {
        &ICON.path
    }
}

/// Where to look at the page once more: some addresses are only sent to.
fn back_to(address: &str) -> &str {
    match address {
        "/identity/account/password"
        | "/identity/account/email"
        | "/identity/account/verification"
        | "/identity/account/sessions"
        | "/identity/account/applications" => "/identity/account",
        "/identity/account/second-factor/set-up"
        | "/identity/account/second-factor/confirm"
        | "/identity/account/second-factor/recovery-codes"
        | "/identity/account/second-factor/off" => "/identity/account/second-factor",
        "/identity/sign-out" | "/identity/language" | "/identity/consent" => "/identity/sign-in",
        other => other,
    }
}

/// What a page may do beside what every page may.
#[derive(Default)]
pub(super) struct Allowed<'a> {
    /// An origin to which its form may lead beside our own: Chromium applies `form-action` to every redirect that
    /// follows.
    pub(super) form_action: Option<&'a str>,
    /// The SHA-256 of its one script, in base64.
    pub(super) script: Option<&'a str>,
}

/// Answers with a page. `leads_to` is an origin to which its form may lead beside our own.
pub(super) fn page(
    visit: &Visit,
    status: StatusCode,
    page: &impl Template,
    leads_to: Option<&str>,
) -> Response {
    page_allowing(visit, status, page, &Allowed { form_action: leads_to, script: None })
}

/// Answers with a page that may do more than others.
pub(super) fn page_allowing(
    visit: &Visit,
    status: StatusCode,
    page: &impl Template,
    allowed: &Allowed<'_>,
) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => return Problem::internal(&error).into_response(),
    };
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS.into_iter().chain(PAGE_HEADERS) {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(visit.language.code()));
    // Checked where it was registered; what could end the directive never gets here all the same.
    let is_one = |it: &&str| it.bytes().all(|byte| byte.is_ascii_graphic() && !b";,'\"".contains(&byte));
    let leads_to = allowed.form_action.filter(is_one).map(|it| format!(" {it}")).unwrap_or_default();
    let script = allowed.script.map(|hash| format!("script-src 'sha256-{hash}'; ")).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; {script}style-src 'self'; img-src 'self'; form-action 'self'{leads_to}; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if let Some(cookie) = visit.csrf.set_cookie() {
        headers.append(header::SET_COOKIE, cookie.clone());
    }
    response
}

/// A page with one form.
#[derive(Template)]
#[template(path = "form.html")]
pub(super) struct FormPage {
    pub(super) layout: Layout,
    pub(super) title: String,
    pub(super) lead: Option<String>,
    pub(super) notice: Option<String>,
    pub(super) form: FormView,
    pub(super) links: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    layout: Layout,
    title: String,
    text: String,
    button: Option<(String, String)>,
}

/// Answers with a page that has only something to say, and perhaps a way on.
pub(super) fn message(
    visit: &Visit,
    status: StatusCode,
    title: String,
    text: String,
    button: Option<(String, String)>,
) -> Response {
    let button = button.or_else(|| Some(("/".to_owned(), visit.language.text("back-home"))));
    page(visit, status, &MessagePage { layout: Layout::new(visit), title, text, button }, None)
}
