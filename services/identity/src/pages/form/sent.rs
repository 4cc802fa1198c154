//! What a form brings: its fields, once it is sure that one of our own pages sent it, and whose it is.

use axum::body::Bytes;
use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::response::Response;
use http::{StatusCode, header};

use crate::language::Texts as _;
use crate::pages::layout::message;
use crate::pages::{Pages, State, Visit, csrf};

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
    pub(in crate::pages) fn text(&self, name: &str) -> &str {
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

/// A form, and whose it is. The form is checked first: a forged one is answered alike, whoever its browser belongs to.
pub(in crate::pages) struct FormOf<W>(pub(in crate::pages) W, pub(in crate::pages) Form);

impl<W> FromRequest<State> for FormOf<W>
where
    W: FromRequestParts<State, Rejection = Response>,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &State) -> Result<Self, Self::Rejection> {
        let (mut parts, body) = request.into_parts();
        let form = Form::from_request(Request::from_parts(parts.clone(), body), state).await?;
        Ok(Self(W::from_request_parts(&mut parts, state).await?, form))
    }
}
