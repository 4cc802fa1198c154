//! The home page: categories and the newest courses.

use askama::Template;
use axum::extract;
use axum::response::Response;
use http::StatusCode;

use super::State;
use super::layout::{CardView, Layout};
use crate::catalog::{Card, CatalogError, Category};
use crate::language::Language;
use crate::visit::Visit;

const NEWEST: u8 = 12;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    layout: Layout,
    /// `None`: not available right now.
    categories: Option<Vec<Category>>,
    /// `None`: not available right now.
    courses: Option<Vec<CardView>>,
}

pub(super) async fn show(extract::State(state): extract::State<State>, visit: Visit) -> Response {
    let (categories, courses) = tokio::join!(state.catalog.categories(), state.catalog.newest(NEWEST));
    let categories = block("categories", categories);
    let courses = block("courses", courses).map(|courses| {
        let cards = courses.iter().map(|card| card_view(card, categories.as_deref(), visit.language));
        cards.collect()
    });
    let language = visit.language;
    let page = HomePage { layout: Layout::new(&state, visit), categories, courses };
    Layout::answer(StatusCode::OK, language, &page)
}

fn card_view(card: &Card, categories: Option<&[Category]>, language: Language) -> CardView {
    let category = categories.unwrap_or_default().iter().find(|category| category.id == card.category_id);
    CardView::new(card, category.map(|category| category.name.as_str()), language)
}

/// A part of a page, which is shown without it when it can't be had.
fn block<T>(name: &'static str, part: Result<T, CatalogError>) -> Option<T> {
    part.inspect_err(|error| tracing::warn!(block = name, %error, "shown without a block")).ok()
}
