//! What every page has: head, header, footer, and the headers of its answer.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use platform_http::Problem;

use super::Visit;
use super::assets::{ICON, STYLE};
use super::form::FormView;
use crate::language::Language;

/// Nothing but our own style sheet, pictures and forms; nobody may frame a page.
const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not `no-referrer`: that makes browsers send `Origin: null` with forms.
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (header::VARY, "accept-language, cookie"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()"),
];

/// What a template needs for head, header and footer.
pub(super) struct Layout {
    pub(super) language: Language,
    /// Where choosing a language leads back to.
    pub(super) back: String,
    pub(super) csrf: String,
}

impl Layout {
    pub(super) fn new(visit: &Visit) -> Self {
        Self {
            language: visit.language,
            back: back_to(&visit.address).to_owned(),
            csrf: visit.csrf.token().to_owned(),
        }
    }

    pub(super) fn text(&self, key: &str) -> String {
        self.language.text(key)
    }

    /// The languages to choose from.
    pub(super) fn choices(&self) -> [Choice; 2] {
        Language::ALL.map(|language| Choice {
            code: language.code(),
            name: language.own_name(),
            current: language == self.language,
        })
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
        | "/identity/account/sessions" => "/identity/account",
        "/identity/sign-out" | "/identity/language" | "/identity/consent" => "/identity/sign-in",
        other => other,
    }
}

/// A language to choose.
pub(super) struct Choice {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) current: bool,
}

/// Answers with a page. `leads_to` is an origin to which its form may lead beside our own: Chromium applies
/// `form-action` to every redirect that follows.
pub(super) fn page(
    visit: &Visit,
    status: StatusCode,
    page: &impl Template,
    leads_to: Option<&str>,
) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => return Problem::internal(&error).into_response(),
    };
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(visit.language.code()));
    // Checked where it was registered; what could end the directive never gets here all the same.
    let leads_to =
        leads_to.filter(|it| it.bytes().all(|byte| byte.is_ascii_graphic() && !b";,'\"".contains(&byte)));
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'{}{}; base-uri 'none'; \
         frame-ancestors 'none'",
        if leads_to.is_some() { " " } else { "" },
        leads_to.unwrap_or_default(),
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
