//! Pages that have only something to say: nothing here, not available right now.

use askama::Template;
use axum::extract;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use super::State;
use super::layout::Layout;
use crate::catalog::CatalogError;
use crate::visit::Visit;

const RETRY_AFTER_SECONDS: u32 = 10;

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    layout: Layout,
    title: String,
    text: String,
}

impl MessagePage {
    /// The page whose texts are `<about>-title` and `<about>-text`.
    fn new(state: &State, visit: Visit, about: &str) -> Self {
        let layout = Layout::new(state, visit);
        let (title, text) = (layout.text(&format!("{about}-title")), layout.text(&format!("{about}-text")));
        Self { layout, title, text }
    }
}

/// Every address that is none of ours.
pub(super) async fn not_found(extract::State(state): extract::State<State>, visit: Visit) -> Response {
    nothing_here(&state, visit)
}

/// 404: there is no such page, or not for whoever looks.
pub(super) fn nothing_here(state: &State, visit: Visit) -> Response {
    let language = visit.language;
    let page = MessagePage::new(state, visit, "not-found");
    Layout::answer(StatusCode::NOT_FOUND, language, &page)
}

/// 503: the main part of a page can't be had. Logged here, once.
pub(super) fn unavailable(state: &State, visit: Visit, error: &CatalogError) -> Response {
    tracing::warn!(path = visit.path, %error, "a page can't be shown");
    let language = visit.language;
    let page = MessagePage::new(state, visit, "unavailable");
    let mut response = Layout::answer(StatusCode::SERVICE_UNAVAILABLE, language, &page);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    response
}
