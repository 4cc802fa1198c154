//! Courses over HTTP.

use std::sync::Arc;

use axum::extract;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::{HeaderValue, StatusCode, header};
use platform_auth::{Caller, scope};
use platform_http::problem;
use platform_http::{
    IdempotencyKey, IfMatch, Json, Keep, Page, PageQuery, Path, Problem, Query, Reader, entity_tag,
};
use platform_messaging::RelayWaker;
use platform_money::{Currency, Money};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::domain::{self, Card, Course, CourseId, LONGEST_DESCRIPTION, Language, Status};
use super::quote;
use super::store::{CourseStore, StoreError};
use crate::categories::{CategoryId, CategoryStore};
use crate::idempotency::{self, Created, Creation};
use crate::index::{Index, Indexed as _};
use crate::name::{Name, is_name};

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State {
    courses: CourseStore,
    categories: CategoryStore,
    index: Index<Card>,
    relay: RelayWaker,
    currency: Currency,
    /// The public address of the list, below which `Location` and `Link` lie.
    list: Url,
}

impl State {
    pub(crate) fn new(
        courses: CourseStore,
        categories: CategoryStore,
        index: Index<Card>,
        relay: RelayWaker,
        currency: Currency,
        list: Url,
    ) -> Self {
        Self { courses, categories, index, relay, currency, list }
    }

    pub(super) fn courses(&self) -> &CourseStore {
        &self.courses
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(find, rename)).merge(quote::routes())
}

/// A course to be made.
#[derive(Debug, Serialize, Deserialize, Validate, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCourse {
    /// One line of 1 to 120 characters.
    #[garde(custom(is_name))]
    #[schema(example = "Rust'a giriş", min_length = 1, max_length = 120)]
    name: String,
    /// What one learns; up to 5000 characters.
    #[garde(length(chars, max = LONGEST_DESCRIPTION))]
    #[serde(default)]
    #[schema(max_length = 5000)]
    description: String,
    /// The language it is taught in; Turkish when absent.
    #[garde(skip)]
    #[serde(default)]
    language: Language,
    /// The category that it stands in.
    #[garde(skip)]
    category_id: Uuid,
    /// What it costs, tax included; 0 is free.
    #[garde(skip)]
    price: Money,
    /// The id of a photo.
    #[garde(inner(custom(is_picture)))]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    picture: Option<String>,
}

fn is_picture(text: &str, (): &()) -> garde::Result {
    if domain::is_photo_id(text) { Ok(()) } else { Err(garde::Error::new("must be the id of a photo")) }
}

/// A course's new name.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewName {
    /// One line of 1 to 120 characters.
    #[garde(custom(is_name))]
    #[schema(min_length = 1, max_length = 120)]
    name: String,
}

/// A course as a list shows it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CardDocument {
    id: Uuid,
    /// The readable part of its address; follows its name.
    slug: String,
    name: String,
    language: Language,
    category_id: Uuid,
    /// The user who made it.
    owner: Uuid,
    price: Money,
    /// The id of its photo.
    picture: Option<String>,
    status: Status,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

/// A course.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CourseDocument {
    #[serde(flatten)]
    card: CardDocument,
    description: String,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

impl From<&Card> for CardDocument {
    fn from(card: &Card) -> Self {
        Self {
            id: card.id.0,
            slug: card.slug(),
            name: card.name.to_string(),
            language: card.language,
            category_id: card.category_id.0,
            owner: card.owner,
            price: card.price,
            picture: card.picture.clone(),
            status: card.status,
            created_at: card.created_at,
        }
    }
}

impl From<&Course> for CourseDocument {
    fn from(course: &Course) -> Self {
        Self {
            card: CardDocument::from(&course.card),
            description: course.description.clone(),
            updated_at: course.updated_at,
        }
    }
}

/// Makes a course of the caller's and publishes it. With an `Idempotency-Key` the same request makes it once.
#[utoipa::path(
    post, path = "/v1/courses", operation_id = "create_course", tag = "courses", request_body = NewCourse,
    security(("access_token" = ["catalog.teach"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Such as a new UUID")),
    responses(
        (status = 201, description = "Made; `Location` names it", body = CourseDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope"),
        (status = 422, description = "Some values are not acceptable"),
    ),
)]
async fn create(
    extract::State(state): extract::State<State>,
    caller: Caller<scope::CatalogTeach>,
    key: Option<IdempotencyKey>,
    Json(new): Json<NewCourse>,
) -> Result<Response, Problem> {
    domain::check_price(new.price, state.currency)
        .map_err(|(pointer, reason)| Problem::invalid_field(pointer, reason))?;
    let category_id = CategoryId(new.category_id);
    if state.categories.find(category_id).await?.is_none() {
        return Err(Problem::invalid_field("/category_id", "names no category"));
    }
    let creation = Creation::new(caller.subject, "POST /v1/courses", key, &new)?;
    let now = domain::to_millis(platform_service::now());
    let card = Card {
        id: CourseId(creation.id),
        owner: caller.subject,
        name: new.name.parse::<Name>()?,
        language: new.language,
        category_id,
        price: new.price,
        picture: new.picture,
        status: Status::Published,
        created_at: now,
        rev: 1,
    };
    let course = Course { card, description: new.description, updated_at: now };
    let course = match state.courses.insert(&course, &creation).await? {
        Created::New => course,
        Created::Before(course) => course,
        Created::Mismatch => return Err(idempotency::mismatch()),
    };
    state.index.put(course.card.clone());
    let location = format!("{}/{}", state.list, course.card.id);
    let location = HeaderValue::try_from(location).map_err(|error| Problem::internal(&error))?;
    let headers = [(header::LOCATION, location), (header::ETAG, entity_tag(course.card.rev))];
    Ok((StatusCode::CREATED, headers, Json(CourseDocument::from(&course))).into_response())
}

/// Which courses to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct CourseQuery {
    /// How many items at most, 1 to 100; 24 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// Where to go on: the `next` of the page before.
    cursor: Option<String>,
    /// Only those of this user.
    owner: Option<Uuid>,
    /// Only those in this category.
    category: Option<Uuid>,
}

impl CourseQuery {
    fn matches(&self, card: &Card) -> bool {
        card.status == Status::Published
            && self.owner.is_none_or(|owner| card.owner == owner)
            && self.category.is_none_or(|category| card.category_id.0 == category)
    }

    /// The address of the list with these filters.
    fn address(&self, list: &Url) -> Url {
        let mut url = list.clone();
        for (key, value) in [("owner", self.owner), ("category", self.category)] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(key, &value.to_string());
            }
        }
        url
    }
}

/// Lists published courses, newest first.
#[utoipa::path(
    get, path = "/v1/courses", operation_id = "list_courses", tag = "courses",
    params(CourseQuery, ("If-None-Match" = Option<String>, Header, description = "An `ETag` that was read")),
    responses(
        (status = 200, body = Page<CardDocument>, headers(
            ("Cache-Control" = String, description = "Visitors may share it for two seconds"),
            ("ETag" = String, description = "Of this page of the list"),
            ("Link" = Option<String>, description = "The next page"),
        )),
        (status = 304, description = "The caller has it already"),
    ),
)]
async fn list(
    extract::State(state): extract::State<State>,
    reader: Reader,
    Query(query): Query<CourseQuery>,
) -> Result<Response, Problem> {
    let paging = PageQuery { limit: query.limit, cursor: query.cursor.clone() };
    let limit = paging.limit()?;
    let found = state.index.list(paging.after()?, usize::from(limit) + 1, |card| query.matches(card))?;
    let page = Page::from_overfetched(found, limit, |card: &Arc<Card>| card.position())?;
    let items = page.items.iter().map(|card| CardDocument::from(&**card)).collect();
    Page { items, next: page.next }.answer_at(&query.address(&state.list), limit, &reader)
}

/// Shows a published course; its owner, who teaches, also sees it in any other status.
#[utoipa::path(
    get, path = "/v1/courses/{id}", operation_id = "find_course", tag = "courses",
    params(("id" = Uuid, Path), ("If-None-Match" = Option<String>, Header, description = "An `ETag` that was read")),
    responses(
        (status = 200, body = CourseDocument, headers(
            ("Cache-Control" = String, description = "Visitors may share it for two seconds"),
            ("ETag" = String, description = "Its version, for `If-Match`"),
        )),
        (status = 304, description = "The caller has it already"),
        (status = 404, description = "No such course"),
    ),
)]
async fn find(
    extract::State(state): extract::State<State>,
    reader: Reader,
    caller: Option<Caller<scope::CatalogTeach>>,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    let course = state.courses.find(CourseId(id)).await?.ok_or(problem::NOT_FOUND)?;
    let keep = match course.card.status {
        Status::Published => reader.of_everybody(),
        Status::Draft | Status::Archived => {
            caller.ok_or(problem::NOT_FOUND)?.must_own(course.card.owner)?;
            Keep::Nothing
        }
    };
    Ok(reader.answer(keep, entity_tag(course.card.rev), Json(CourseDocument::from(&course))))
}

/// Renames one of the caller's courses. Baskets that hold it follow.
#[utoipa::path(
    patch, path = "/v1/courses/{id}", operation_id = "rename_course", tag = "courses", request_body = NewName,
    security(("access_token" = ["catalog.teach"])),
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The `ETag` that was read")),
    responses(
        (status = 200, description = "Renamed", body = CourseDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "No such course of the caller's"),
        (status = 412, description = "It was changed in the meantime"),
        (status = 422, description = "Some values are not acceptable"),
        (status = 428, description = "`If-Match` is missing"),
    ),
)]
async fn rename(
    extract::State(state): extract::State<State>,
    caller: Caller<scope::CatalogTeach>,
    Path(id): Path<Uuid>,
    IfMatch(rev): IfMatch,
    Json(new): Json<NewName>,
) -> Result<Response, Problem> {
    let course = state.courses.find(CourseId(id)).await?.ok_or(problem::NOT_FOUND)?;
    caller.must_own(course.card.owner)?;
    if course.card.rev != rev {
        return Err(problem::PRECONDITION_FAILED.into());
    }
    let name = new.name.parse::<Name>()?;
    if course.card.name == name {
        return Ok(shown(&course));
    }
    let renamed = course.renamed(name, platform_service::now());
    if !state.courses.rename(&renamed).await? {
        return Err(problem::PRECONDITION_FAILED.into());
    }
    state.relay.wake();
    state.index.put(renamed.card.clone());
    Ok(shown(&renamed))
}

fn shown(course: &Course) -> Response {
    ([(header::ETAG, entity_tag(course.card.rev))], Json(CourseDocument::from(course))).into_response()
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt(_) | StoreError::Event(_) => Self::internal(&error),
            StoreError::Outbox(_) | StoreError::Database(_) => Self::unavailable("mongodb", &error),
        }
    }
}
