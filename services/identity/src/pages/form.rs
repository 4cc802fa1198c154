//! Forms: how they are read, and how they are shown again with what is wrong.

use axum::body::Bytes;
use axum::extract::{FromRef, FromRequest, Request};
use axum::response::Response;
use http::{StatusCode, header};

use super::layout::{Layout, message};
use super::{Pages, Visit, csrf};
use crate::accounts::Unacceptable;
use crate::language::Texts as _;

/// Larger than any form of ours.
const LARGEST: usize = 64 * 1024;

/// A form that one of our pages sent. Whatever else comes is answered with a page that says so.
#[derive(Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form and checks where it comes from.
    ///
    /// # Errors
    /// The page that says what is wrong.
    // The error is an answer, made once a request.
    #[allow(clippy::result_large_err, reason = "an answer is what it is")]
    pub(crate) fn read(pages: &Pages, visit: &Visit, body: &[u8]) -> Result<Self, Response> {
        let refuse = |status, about: &str| {
            let title = visit.language.text("error-page-title");
            let text = visit.language.text(about);
            Err(message(visit, status, title, text, None))
        };
        let kind = visit.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "error-form-text");
        }
        if body.len() > LARGEST {
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, "error-form-text");
        }
        let fields: Vec<_> = url::form_urlencoded::parse(body)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let is_text = |text: &str| !text.contains(['\u{fffd}', '\0']);
        let twice = fields
            .iter()
            .enumerate()
            .any(|(at, (name, _))| fields.iter().skip(at + 1).any(|(it, _)| it == name));
        if twice || !fields.iter().all(|(name, value)| is_text(name) && is_text(value)) {
            return refuse(StatusCode::BAD_REQUEST, "error-form-text");
        }
        let form = Self(fields);
        if !csrf::is_from(pages.origin(), &visit.headers) || !visit.csrf.accepts(form.field("csrf")) {
            let (title, text) =
                (visit.language.text("error-expired-title"), visit.language.text("error-expired-text"));
            return Err(message(visit, StatusCode::FORBIDDEN, title, text, None));
        }
        Ok(form)
    }

    /// A field's value, when it was sent.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A field's value, empty when it was not sent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.field(name).unwrap_or_default()
    }
}

impl<S> FromRequest<S> for Form
where
    S: Send + Sync,
    Pages: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let pages = Pages::from_ref(state);
        let visit = Visit::new(&pages, request.uri(), request.headers());
        match Bytes::from_request(request, state).await {
            Ok(body) => Self::read(&pages, &visit, &body),
            Err(rejection) => {
                let title = visit.language.text("error-page-title");
                let text = visit.language.text("error-form-text");
                Err(message(&visit, rejection.status(), title, text, None))
            }
        }
    }
}

/// One line of a form.
pub(super) struct Field {
    pub(super) id: String,
    pub(super) name: &'static str,
    pub(super) label: String,
    pub(super) hint: Option<String>,
    pub(super) error: Option<String>,
    pub(super) kind: &'static str,
    pub(super) autocomplete: &'static str,
    pub(super) value: String,
    pub(super) optional: bool,
    /// Nothing but digits is typed: phones show those.
    pub(super) digits: bool,
}

impl Field {
    /// A line with the label `field-<label>`.
    pub(super) fn new(
        layout: &Layout,
        name: &'static str,
        kind: &'static str,
        autocomplete: &'static str,
    ) -> Self {
        Self {
            id: name.to_owned(),
            name,
            label: layout.text(&format!("field-{}", name.replace('_', "-"))),
            hint: None,
            error: None,
            kind,
            autocomplete,
            value: String::new(),
            optional: false,
            digits: false,
        }
    }

    /// Filled in. Passwords never are.
    pub(super) fn with(mut self, value: &str) -> Self {
        if self.kind != "password" {
            value.clone_into(&mut self.value);
        }
        self
    }

    pub(super) fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    pub(super) fn digits(mut self) -> Self {
        self.digits = true;
        self
    }

    pub(super) fn hint(mut self, layout: &Layout, key: &str) -> Self {
        self.hint = Some(layout.text(key));
        self
    }

    /// With another id, where a page has two lines of a name.
    pub(super) fn identified(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// With another label.
    pub(super) fn labelled(mut self, layout: &Layout, key: &str) -> Self {
        self.label = layout.text(key);
        self
    }

    /// With what is wrong with it, when something is.
    pub(super) fn wrong<T>(mut self, layout: &Layout, checked: &Result<T, Unacceptable>) -> Self {
        self.error = checked.as_ref().err().map(|error| layout.text(error.key));
        self
    }

    /// For `aria-describedby`.
    pub(super) fn described_by(&self) -> String {
        let hint = self.hint.as_ref().map(|_| format!("{}-hint", self.id));
        let error = self.error.as_ref().map(|_| format!("{}-error", self.id));
        hint.into_iter().chain(error).collect::<Vec<_>>().join(" ")
    }
}

/// How a form's button looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// What the page is for.
    Primary,
    /// One of several things to do.
    Secondary,
    /// What can't be undone.
    Danger,
}

impl Look {
    /// Its class in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Primary => "button primary",
            Self::Secondary => "button",
            Self::Danger => "button danger",
        }
    }
}

/// A form as a page shows it.
pub(super) struct FormView {
    pub(super) action: String,
    pub(super) fields: Vec<Field>,
    pub(super) hidden: Vec<(&'static str, String)>,
    pub(super) button: String,
    pub(super) look: Look,
    /// What is wrong with all of it.
    pub(super) error: Option<String>,
    /// What stands above everything that is wrong; that it is to be corrected when absent.
    pub(super) error_title: Option<String>,
}

impl FormView {
    pub(super) fn new(action: impl Into<String>, button: String, fields: Vec<Field>) -> Self {
        Self {
            action: action.into(),
            fields,
            hidden: Vec::new(),
            button,
            look: Look::Primary,
            error: None,
            error_title: None,
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        self.error.is_some() || self.fields.iter().any(|field| field.error.is_some())
    }

    /// 422 when something is wrong with it.
    pub(super) fn status(&self) -> StatusCode {
        if self.has_errors() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
    }
}
