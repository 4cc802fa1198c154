//! Pages of the protocol: what they show is decided by whoever calls them.

use askama::Template;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode, header};

use super::Visit;
use super::form::FormView;
use super::layout::{Allowed, FormPage, Layout, message, page, page_allowing};
use crate::accounts::Account;
use crate::capability::sha256;
use crate::language::{Language, Texts as _};

/// A client that wants to be let into an account.
pub(crate) struct Consent<'a> {
    /// What the client calls itself.
    pub(crate) client: &'a str,
    /// The scopes that it wants, by their names.
    pub(crate) scopes: &'a [&'a str],
    pub(crate) account: &'a Account,
    /// Where the decision is sent: the field `decision` is `allow` or `deny`.
    pub(crate) action: &'a str,
    /// What comes along.
    pub(crate) hidden: Vec<(&'static str, String)>,
    /// The origin to which the decision leads in the end.
    pub(crate) leads_to: Option<&'a str>,
    /// For how many days at most.
    pub(crate) days: i64,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage {
    layout: Layout,
    title: String,
    signed_in_as: String,
    lasts: String,
    leads_to: String,
    action: String,
    hidden: Vec<(&'static str, String)>,
    scopes: Vec<String>,
}

/// The page that asks whether a client may.
pub(crate) fn consent(visit: &Visit, consent: Consent<'_>) -> Response {
    let with = |key: &str, name: &'static str, value: &str| visit.language.text_with(key, &[(name, value)]);
    let scopes = consent.scopes.iter().map(|scope| describe(visit.language, scope)).collect();
    let view = ConsentPage {
        layout: Layout::new(visit).signed_in(),
        lasts: with("consent-lasts", "days", &consent.days.to_string()),
        title: with("consent-title", "client", consent.client),
        signed_in_as: with("consent-signed-in-as", "email", &consent.account.email),
        leads_to: with("consent-leads-to", "client", consent.client),
        action: consent.action.to_owned(),
        hidden: consent.hidden,
        scopes,
    };
    page(visit, StatusCode::OK, &view, consent.leads_to)
}

/// What a scope allows, in words where there are some.
pub(super) fn describe(language: Language, scope: &str) -> String {
    match scope {
        "openid" | "profile" | "email" | "roles" | "offline_access" | "order.read" | "catalog.read"
        | "catalog.learn" => language.text(&format!("scope-{}", scope.replace('.', "-"))),
        other => other.to_owned(),
    }
}

/// Sends the form once the page is there (OAuth 2.0 Form Post Response Mode §2). It never changes, so the policy names
/// it by its hash and lets no other script run.
const SEND_ON: &str = "document.getElementById('on').submit()";

#[derive(Template)]
#[template(path = "hand_over.html")]
struct HandOverPage<'a> {
    layout: Layout,
    title: String,
    text: String,
    button: String,
    to: &'a str,
    fields: &'a [(&'a str, &'a str)],
    script: &'static str,
}

/// The page whose form goes to the client: by itself, and where scripts don't run by a button.
pub(crate) fn hand_over(visit: &Visit, to: &str, fields: &[(&str, &str)]) -> Response {
    let layout = Layout::new(visit);
    let (title, text) = (layout.text("hand-over-title"), layout.text("hand-over-text"));
    let button = layout.text("hand-over-button");
    let view = HandOverPage { layout, title, text, button, to, fields, script: SEND_ON };
    let origin = url::Url::parse(to).ok().map(|url| url.origin().ascii_serialization());
    let hash = STANDARD.encode(sha256(SEND_ON.as_bytes()));
    let allowed = Allowed { form_action: origin.as_deref(), script: Some(&hash) };
    let mut response = page_allowing(visit, StatusCode::OK, &view, &allowed);
    // The client may look at who sends a form, and must not see where from.
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("origin"));
    response
}

/// The page for a request that can't be sent back to the client that made it. `detail` is for its makers.
pub(crate) fn error(visit: &Visit, status: StatusCode, detail: &str) -> Response {
    let text = format!("{} ({detail})", visit.language.text("error-client-text"));
    message(visit, status, visit.language.text("error-page-title"), text, None)
}

/// The page after signing out, with the way on when there is one.
pub(crate) fn signed_out(visit: &Visit, continue_to: Option<&str>) -> Response {
    let text = |key: &str| visit.language.text(key);
    let button = continue_to.map(|to| (to.to_owned(), text("signed-out-back")));
    message(visit, StatusCode::OK, text("signed-out-title"), text("signed-out-text"), button)
}

/// The page that asks whether to sign out, for requests that nobody vouches for.
pub(crate) fn sign_out_confirm(
    visit: &Visit,
    action: &str,
    hidden: Vec<(&'static str, String)>,
    leads_to: Option<&str>,
) -> Response {
    let layout = Layout::new(visit);
    let mut form = FormView::new(action, layout.text("sign-out-button"), vec![]);
    form.hidden = hidden;
    let (title, lead) = (layout.text("sign-out-title"), Some(layout.text("sign-out-lead")));
    page(
        visit,
        StatusCode::OK,
        &FormPage { layout, title, lead, notice: None, form, links: vec![] },
        leads_to,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_words_for_every_scope_that_clients_of_others_may_have() {
        for scope in platform_components::scopes().iter().filter(|scope| scope.third_party) {
            for language in Language::ALL {
                let text = describe(language, scope.name);
                assert!(text != scope.name && !text.contains("Unknown"), "{}: {text}", scope.name);
            }
        }
    }
}
