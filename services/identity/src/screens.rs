//! The few pages that the protocol itself shows. Plain, until they are drawn like the others.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::People;
use crate::cookies::{Cookie, Jar};
use crate::oauth::{Secret, equal};

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

/// The pages. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Screens {
    jar: Jar,
}

impl Screens {
    pub(crate) fn new(people: &People) -> Self {
        Self { jar: people.sessions.jar() }
    }

    pub(crate) fn error(&self, _headers: &HeaderMap, fault: Fault) -> Response {
        page(fault.status(), &format!("<h1>Error</h1><p>{fault:?}</p>"), None)
    }

    pub(crate) fn signed_out(&self, _headers: &HeaderMap) -> Response {
        page(StatusCode::OK, "<h1>Signed out</h1>", None)
    }

    pub(crate) fn confirm_sign_out(
        &self,
        headers: &HeaderMap,
        fields: &[(&str, &str)],
        origin: Option<String>,
    ) -> Response {
        self.form(headers, "/identity/logout", "<h1>Sign out?</h1>", fields, &[("yes", "Sign out")], origin)
    }

    pub(crate) fn consent(&self, headers: &HeaderMap, consent: Consent<'_>) -> Response {
        let scopes = escape(&consent.scopes.join(", "));
        let text = format!("<h1>{} wants: {scopes}</h1>", escape(consent.client));
        let buttons = [("allow", "Allow"), ("deny", "Refuse")];
        self.form(headers, "/identity/consent", &text, &consent.fields, &buttons, consent.origin)
    }

    /// Whether a form came from a page of ours.
    pub(crate) fn is_ours(&self, headers: &HeaderMap, sent: Option<&str>) -> bool {
        let cookie = self.jar.read(headers, Cookie::Form);
        cookie.zip(sent).is_some_and(|(cookie, sent)| equal(cookie.as_bytes(), sent.as_bytes()))
    }

    fn form(
        &self,
        headers: &HeaderMap,
        action: &str,
        text: &str,
        fields: &[(&str, &str)],
        buttons: &[(&str, &str)],
        origin: Option<String>,
    ) -> Response {
        let known = self.jar.read(headers, Cookie::Form).filter(|it| Secret::decode(it).is_some());
        let csrf = known.map_or_else(|| Secret::new().encode(), str::to_owned);
        let mut body = format!("{text}<form method=\"post\" action=\"{action}\">");
        for (name, value) in fields.iter().chain(&[("csrf", csrf.as_str())]) {
            body += &format!(
                "<input type=\"hidden\" name=\"{}\" value=\"{}\">",
                escape(name),
                escape(value)
            );
        }
        for (value, label) in buttons {
            body += &format!("<button name=\"decision\" value=\"{value}\">{label}</button>");
        }
        body += "</form>";
        let mut response = page(StatusCode::OK, &body, origin);
        if known.is_none()
            && let Some(cookie) = self.jar.set(Cookie::Form, &csrf, None)
        {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
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
