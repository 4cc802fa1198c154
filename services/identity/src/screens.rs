//! The pages that the protocol shows, in its own terms: the drawing is the business of `pages`.

use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};

use crate::accounts::Account;
use crate::pages::{self, Form, Pages, Visit};

/// Why somebody sees an error page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The link names no application that is known here.
    UnknownClient,
    /// The application wants an answer at an address that is not its own.
    UnknownAddress,
    /// The request can't be read.
    Malformed,
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

    /// For the makers of the client.
    fn detail(self) -> &'static str {
        match self {
            Self::UnknownClient => "client_id names no client that may ask here",
            Self::UnknownAddress => {
                "the address to return to is missing, or not one that the client registered"
            }
            Self::Malformed => "the request can't be read",
            Self::Unavailable => "try again in a moment",
        }
    }
}

/// What the consent page shows.
pub(crate) struct Consent<'a> {
    /// The client's name.
    pub(crate) client: &'a str,
    /// What it wants.
    pub(crate) scopes: Vec<&'a str>,
    pub(crate) account: &'a Account,
    /// Goes back with the decision, to `/identity/consent`.
    pub(crate) hidden: Vec<(&'static str, String)>,
    /// Where the decision leads, for `form-action`.
    pub(crate) origin: Option<String>,
    /// The address of the page itself, to return to in another language.
    pub(crate) address: String,
    /// For how many days at most, once it is agreed to.
    pub(crate) days: i64,
}

/// The pages. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Screens(Pages);

impl Screens {
    pub(crate) fn new(pages: Pages) -> Self {
        Self(pages)
    }

    pub(crate) fn error(&self, headers: &HeaderMap, fault: Fault) -> Response {
        pages::error(&self.visit(headers, "/"), fault.status(), fault.detail())
    }

    /// Nobody is signed in any more; `continue_to` is the way on.
    pub(crate) fn signed_out(&self, headers: &HeaderMap) -> Response {
        pages::signed_out(&self.visit(headers, "/"), None)
    }

    pub(crate) fn confirm_sign_out(
        &self,
        headers: &HeaderMap,
        hidden: Vec<(&'static str, String)>,
        origin: Option<&str>,
    ) -> Response {
        pages::sign_out_confirm(&self.visit(headers, "/"), "/identity/logout", hidden, origin)
    }

    pub(crate) fn consent(&self, headers: &HeaderMap, consent: Consent<'_>) -> Response {
        let visit = self.visit(headers, &consent.address);
        let view = pages::Consent {
            client: consent.client,
            scopes: &consent.scopes,
            account: consent.account,
            action: "/identity/consent",
            hidden: consent.hidden,
            leads_to: consent.origin.as_deref(),
            days: consent.days,
        };
        pages::consent(&visit, view)
    }

    /// A form that goes to a client by itself, or at the press of a button.
    pub(crate) fn hand_over(&self, headers: &HeaderMap, to: &str, fields: &[(&str, &str)]) -> Response {
        pages::hand_over(&self.visit(headers, "/"), to, fields)
    }

    /// A form that one of our pages sent, or the page that says it is not.
    #[allow(clippy::result_large_err, reason = "an answer is what it is")]
    pub(crate) fn form(&self, headers: &HeaderMap, body: &[u8]) -> Result<Form, Response> {
        Form::read(&self.0, &self.visit(headers, "/"), body)
    }

    fn visit(&self, headers: &HeaderMap, address: &str) -> Visit {
        Visit::new(&self.0, &address.parse().unwrap_or(Uri::from_static("/")), headers)
    }
}
