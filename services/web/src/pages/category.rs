//! The page of a category: its courses, newest first.

use askama::Template;
use axum::extract;
use axum::response::Response;
use http::StatusCode;
use platform_http::Path;

use super::layout::{CardView, Layout};
use super::{State, message};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "category.html")]
struct CategoryPage {
    layout: Layout,
    name: String,
    courses: Vec<CardView>,
    /// Where the list goes on.
    next: Option<String>,
    /// Whether this is a page behind the first.
    later: bool,
}

pub(super) async fn show(
    extract::State(state): extract::State<State>,
    visit: Visit,
    Path(slug): Path<String>,
) -> Response {
    let categories = match state.catalog.categories().await {
        Ok(categories) => categories,
        Err(error) => return message::unavailable(&state, visit, &error),
    };
    let Some(category) = categories.into_iter().find(|category| category.slug == slug) else {
        return message::nothing_here(&state, visit);
    };
    let page = match state.catalog.courses_in(category.id, visit.cursor.as_deref()).await {
        Ok(Some(page)) => page,
        Ok(None) => return message::nothing_here(&state, visit),
        Err(error) => return message::unavailable(&state, visit, &error),
    };
    let language = visit.language;
    let page = CategoryPage {
        courses: page.items.iter().map(|card| CardView::new(card, None, language)).collect(),
        next: page.next.map(|cursor| format!("{}?cursor={cursor}", visit.path)),
        later: visit.cursor.is_some(),
        name: category.name,
        layout: Layout::new(&state, visit),
    };
    Layout::answer(StatusCode::OK, language, &page)
}
