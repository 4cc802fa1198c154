//! The page of a course.

use askama::Template;
use axum::extract;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use platform_http::Path;
use uuid::Uuid;

use super::layout::{CardView, Layout};
use super::{State, message};
use crate::catalog::Category;
use crate::format;
use crate::visit::Visit;

/// A UUID with its hyphens.
const ID_LENGTH: usize = 36;

#[derive(Template)]
#[template(path = "course.html")]
struct CoursePage {
    layout: Layout,
    card: CardView,
    /// `None` when the categories can't be had: the page is shown without them.
    category: Option<Category>,
    /// One for each line that somebody wrote.
    paragraphs: Vec<String>,
    updated: String,
    picture: Option<String>,
}

/// `/courses/<slug>-<id>`: the id finds the course, an old slug leads to the new one.
pub(super) async fn show(
    extract::State(state): extract::State<State>,
    visit: Visit,
    Path(address): Path<String>,
) -> Response {
    let Some(id) = id_of(&address) else { return message::nothing_here(&state, visit) };
    let (course, categories) = tokio::join!(state.catalog.course(id), state.catalog.categories());
    let course = match course {
        Ok(Some(course)) => course,
        Ok(None) => return message::nothing_here(&state, visit),
        Err(error) => return message::unavailable(&state, visit, &error),
    };
    let language = visit.language;
    let card = CardView::new(&course.card, None, language);
    if card.href != visit.path
        && let Ok(location) = HeaderValue::try_from(&card.href)
    {
        return (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, location)]).into_response();
    }
    let categories = categories.unwrap_or_default();
    let page = CoursePage {
        layout: Layout::new(&state, visit),
        category: categories.into_iter().find(|category| category.id == course.card.category_id),
        paragraphs: course
            .description
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(str::to_owned)
            .collect(),
        updated: format::date(course.updated_at.date(), language),
        picture: course.card.picture.as_ref().map(|id| format!("/photos/{id}/page.webp")),
        card,
    };
    Layout::answer(StatusCode::OK, language, &page)
}

fn id_of(address: &str) -> Option<Uuid> {
    let start = address.len().checked_sub(ID_LENGTH)?;
    address.get(start..)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_end_of_the_address() {
        let id = Uuid::now_v7();
        assert_eq!(id_of(&format!("rusta-giris-{id}")), Some(id));
        assert_eq!(id_of(&id.to_string()), Some(id));
        for wrong in ["", "rusta-giris", &id.simple().to_string(), &format!("{id}ğ"), &"ğ".repeat(30)] {
            assert_eq!(id_of(wrong), None, "{wrong}");
        }
    }
}
