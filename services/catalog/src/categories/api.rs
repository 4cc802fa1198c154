//! Categories over HTTP.

use std::sync::Arc;

use axum::extract;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::{HeaderValue, StatusCode, header};
use platform_auth::{Caller, scope};
use platform_http::problem::{self, ProblemType};
use platform_http::{
    IdempotencyKey, IfMatch, Json, Page, PageQuery, Path, Problem, Query, Reader, entity_tag,
};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::domain::{Category, CategoryId};
use super::store::{CategoryStore, StoreError};
use crate::idempotency::{self, Created, Creation};
use crate::index::{Index, Indexed as _};
use crate::name::{Name, is_name};

const CATEGORY_EXISTS: ProblemType =
    ProblemType::new("category-exists", StatusCode::CONFLICT, "There is such a category");

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State {
    categories: CategoryStore,
    index: Index<Category>,
    /// The public address of the list, below which `Location` and `Link` lie.
    list: Url,
}

impl State {
    pub(crate) fn new(categories: CategoryStore, index: Index<Category>, list: Url) -> Self {
        Self { categories, index, list }
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(find, rename))
}

/// A category to be made, or its new name.
#[derive(Debug, Serialize, Deserialize, Validate, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct CategoryName {
    /// One line of 1 to 120 characters.
    #[garde(custom(is_name))]
    #[schema(example = "Yazılım", min_length = 1, max_length = 120)]
    name: String,
}

/// A category.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CategoryDocument {
    id: Uuid,
    /// The readable part of its address; stays when the category is renamed.
    slug: String,
    name: String,
}

impl From<&Category> for CategoryDocument {
    fn from(category: &Category) -> Self {
        Self { id: category.id.0, slug: category.slug.clone(), name: category.name.to_string() }
    }
}

/// Makes a category. With an `Idempotency-Key` the same request makes it once.
#[utoipa::path(
    post, path = "/v1/categories", operation_id = "create_category", tag = "categories", request_body = CategoryName,
    security(("access_token" = ["catalog.admin"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Such as a new UUID")),
    responses(
        (status = 201, description = "Made; `Location` names it", body = CategoryDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope"),
        (status = 409, description = "There is a category with this name"),
        (status = 422, description = "Some values are not acceptable"),
    ),
)]
async fn create(
    extract::State(state): extract::State<State>,
    caller: Caller<scope::CatalogAdmin>,
    key: Option<IdempotencyKey>,
    Json(new): Json<CategoryName>,
) -> Result<Response, Problem> {
    let creation = Creation::new(caller.subject, "POST /v1/categories", key, &new)?;
    let category = Category::new(CategoryId(creation.id), new.name.parse::<Name>()?);
    let category = match state.categories.insert(&category, &creation).await? {
        Created::New => category,
        Created::Before(category) => category,
        Created::Mismatch => return Err(idempotency::mismatch()),
    };
    state.index.put(category.clone());
    let location = format!("{}/{}", state.list, category.id);
    let location = HeaderValue::try_from(location).map_err(|error| Problem::internal(&error))?;
    let headers = [(header::LOCATION, location), (header::ETAG, entity_tag(category.rev))];
    Ok((StatusCode::CREATED, headers, Json(CategoryDocument::from(&category))).into_response())
}

/// Lists the categories.
#[utoipa::path(
    get, path = "/v1/categories", operation_id = "list_categories", tag = "categories",
    params(PageQuery, ("If-None-Match" = Option<String>, Header, description = "An `ETag` that was read")),
    responses(
        (status = 200, body = Page<CategoryDocument>, headers(
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
    Query(query): Query<PageQuery>,
) -> Result<Response, Problem> {
    let limit = query.limit()?;
    let found = state.index.list(query.after()?, usize::from(limit) + 1, |_| true)?;
    let page = Page::from_overfetched(found, limit, |category: &Arc<Category>| category.position())?;
    let items = page.items.iter().map(|category| CategoryDocument::from(&**category)).collect();
    Page { items, next: page.next }.answer_at(&state.list, limit, &reader)
}

/// Shows a category.
#[utoipa::path(
    get, path = "/v1/categories/{id}", operation_id = "find_category", tag = "categories",
    params(("id" = Uuid, Path), ("If-None-Match" = Option<String>, Header, description = "An `ETag` that was read")),
    responses(
        (status = 200, body = CategoryDocument, headers(
            ("Cache-Control" = String, description = "Visitors may share it for two seconds"),
            ("ETag" = String, description = "Its version, for `If-Match`"),
        )),
        (status = 304, description = "The caller has it already"),
        (status = 404, description = "No such category"),
    ),
)]
async fn find(
    extract::State(state): extract::State<State>,
    reader: Reader,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    let category = state.categories.find(CategoryId(id)).await?.ok_or(problem::NOT_FOUND)?;
    let tag = entity_tag(category.rev);
    Ok(reader.answer(reader.of_everybody(), tag, Json(CategoryDocument::from(&category))))
}

/// Renames a category.
#[utoipa::path(
    patch, path = "/v1/categories/{id}", operation_id = "rename_category", tag = "categories", request_body = CategoryName,
    security(("access_token" = ["catalog.admin"])),
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The `ETag` that was read")),
    responses(
        (status = 200, description = "Renamed", body = CategoryDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "No such category"),
        (status = 412, description = "It was changed in the meantime"),
        (status = 422, description = "Some values are not acceptable"),
        (status = 428, description = "`If-Match` is missing"),
    ),
)]
async fn rename(
    extract::State(state): extract::State<State>,
    _caller: Caller<scope::CatalogAdmin>,
    Path(id): Path<Uuid>,
    IfMatch(rev): IfMatch,
    Json(new): Json<CategoryName>,
) -> Result<Response, Problem> {
    let category = state.categories.find(CategoryId(id)).await?.ok_or(problem::NOT_FOUND)?;
    if category.rev != rev {
        return Err(problem::PRECONDITION_FAILED.into());
    }
    let renamed = category.renamed(new.name.parse::<Name>()?);
    if !state.categories.rename(&renamed).await? {
        return Err(problem::PRECONDITION_FAILED.into());
    }
    let response = shown(&renamed);
    state.index.put(renamed);
    Ok(response)
}

fn shown(category: &Category) -> Response {
    ([(header::ETAG, entity_tag(category.rev))], Json(CategoryDocument::from(category))).into_response()
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::SlugTaken => CATEGORY_EXISTS.detail("choose another name"),
            StoreError::Corrupt(_) => Self::internal(&error),
            StoreError::Outbox(_) | StoreError::Database(_) => Self::unavailable("mongodb", &error),
        }
    }
}
