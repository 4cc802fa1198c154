//! The few pages that the protocol itself shows.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// Why somebody sees an error page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The link names no application that is known here.
    UnknownClient,
    /// The application wants an answer at an address that is not its own.
    UnknownAddress,
    /// The request can't be read.
    Malformed,
    /// The form is too old, or not from here.
    Expired,
    /// Something is away.
    Unavailable,
}

impl Fault {
    fn status(self) -> StatusCode {
        match self {
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// What the consent page shows.
pub(crate) struct Consent<'a> {
    /// The client's name.
    pub(crate) client: &'a str,
    /// What it wants.
    pub(crate) scopes: Vec<&'a str>,
    /// Goes back with the decision, to `/identity/consent`.
    pub(crate) fields: Vec<(&'a str, &'a str)>,
    /// Where the decision leads, for `form-action`.
    pub(crate) origin: Option<String>,
}

pub(crate) fn error(_headers: &HeaderMap, fault: Fault) -> Response {
    page(fault.status(), &format!("<h1>Error</h1><p>{fault:?}</p>"), None)
}

pub(crate) fn signed_out(_headers: &HeaderMap) -> Response {
    page(StatusCode::OK, "<h1>Signed out</h1>", None)
}

pub(crate) fn confirm_sign_out(headers: &HeaderMap, fields: &[(&str, &str)], origin: Option<String>) -> Response {
    form(headers, "/identity/logout", "<h1>Sign out?</h1>", fields, &[("yes", "Sign out")], origin)
}

pub(crate) fn consent(headers: &HeaderMap, consent: Consent<'_>) -> Response {
    let text = format!("<h1>{} wants: {}</h1>", escape(consent.client), escape(&consent.scopes.join(", ")));
    let buttons = [("allow", "Allow"), ("deny", "Refuse")];
    form(headers, "/identity/consent", &text, &consent.fields, &buttons, consent.origin)
}

fn form(
    headers: &HeaderMap,
    action: &str,
    text: &str,
    fields: &[(&str, &str)],
    buttons: &[(&str, &str)],
    origin: Option<String>,
) -> Response {
    let (csrf, cookie) = csrf::token(headers);
    let mut body = format!("{text}<form method=\"post\" action=\"{action}\">");
    for (name, value) in fields.iter().chain(&[("csrf", csrf.as_str())]) {
        body += &format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value));
    }
    for (value, label) in buttons {
        body += &format!("<button name=\"decision\" value=\"{value}\">{label}</button>");
    }
    body += "</form>";
    let mut response = page(StatusCode::OK, &body, origin);
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn page(status: StatusCode, body: &str, origin: Option<String>) -> Response {
    let policy = format!(
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' {}",
        origin.unwrap_or_default()
    );
    let html = format!("<!doctype html><html lang=\"en\"><title>Courses</title><body>{body}</body></html>");
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Forms that only our own pages can send.
pub(crate) mod csrf {
    use http::{HeaderMap, HeaderValue, header};

    use crate::oauth::{Secret, equal};

    const COOKIE: &str = "id-form";

    fn cookie(headers: &HeaderMap) -> Option<&str> {
        let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value).filter(|it| Secret::decode(it).is_some())
    }

    /// The value of the hidden field `csrf`, and the cookie that goes with it when the browser has none.
    pub(crate) fn token(headers: &HeaderMap) -> (String, Option<HeaderValue>) {
        if let Some(value) = cookie(headers) {
            return (value.to_owned(), None);
        }
        let value = Secret::new().encode();
        let cookie = format!("{COOKIE}={value}; Path=/identity; SameSite=Lax; HttpOnly");
        (value, HeaderValue::try_from(cookie).ok())
    }

    /// Whether a form came from a page of ours.
    pub(crate) fn is_ours(headers: &HeaderMap, sent: Option<&str>) -> bool {
        cookie(headers).zip(sent).is_some_and(|(cookie, sent)| equal(cookie.as_bytes(), sent.as_bytes()))
    }
}
