//! What other services are told about a course that somebody wants to buy.

use axum::extract;
use platform_auth::{Service, scope};
use platform_http::{Json, Path, Problem, problem};
use platform_money::Money;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::api::State;
use super::domain::{CourseId, Status};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(quote))
}

/// A course as it can be bought now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Quote {
    course_id: Uuid,
    /// Who teaches it; they can't buy it.
    owner: Uuid,
    name: String,
    price: Money,
    /// Only `published` is on sale.
    status: Status,
    /// The course's version: of two names the one with the higher version holds. Events carry it as
    /// `aggregateversion`.
    version: i64,
}

/// Quotes a course. For basket and order: the gateway does not open this path.
#[utoipa::path(
    get, path = "/internal/v1/courses/{id}/quote", operation_id = "quote_course", tag = "internal", params(("id" = Uuid, Path)),
    security(("access_token" = ["catalog.sys.quote"])),
    responses(
        (status = 200, body = Quote),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "No such course"),
    ),
)]
async fn quote(
    extract::State(state): extract::State<State>,
    _service: Service<scope::CatalogSysQuote>,
    Path(id): Path<Uuid>,
) -> Result<Json<Quote>, Problem> {
    // From the store, not from the index: money depends on it.
    let course = state.courses().find(CourseId(id)).await?.ok_or(problem::NOT_FOUND)?;
    let card = course.card;
    Ok(Json(Quote {
        course_id: card.id.0,
        owner: card.owner,
        name: card.name.to_string(),
        price: card.price,
        status: card.status,
        version: card.rev,
    }))
}
