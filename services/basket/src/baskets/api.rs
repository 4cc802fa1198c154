//! Baskets over HTTP.

use axum::extract;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::{HeaderValue, StatusCode, header};
use platform_auth::{Caller, scope};
use platform_http::problem::{self, ProblemType};
use platform_http::{Json, Path, Problem, entity_tag};
use platform_money::Money;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::domain::{self, Basket, Item, MOST_ITEMS, Refusal};
use super::store::{Added, BasketStore, StoreError};
use crate::catalog::Catalog;

const OWN_COURSE: ProblemType =
    ProblemType::new("own-course", StatusCode::CONFLICT, "One owns what one teaches");
const NOT_ON_SALE: ProblemType =
    ProblemType::new("course-not-on-sale", StatusCode::CONFLICT, "This course is not on sale");
const BASKET_FULL: ProblemType =
    ProblemType::new("basket-full", StatusCode::CONFLICT, "The basket holds no more");

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State {
    baskets: BasketStore,
    catalog: Catalog,
    /// The public address of the items, below which `Location` lies.
    items: Url,
}

impl State {
    pub(crate) fn new(baskets: BasketStore, catalog: Catalog, items: Url) -> Self {
        Self { baskets, catalog, items }
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(add)).routes(routes!(remove))
}

/// A course to be put into the basket. Its name and price come from the catalog.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewItem {
    /// Which course.
    #[garde(skip)]
    course_id: Uuid,
}

/// A course in the basket.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ItemDocument {
    course_id: Uuid,
    /// As the catalog calls it now.
    name: String,
    price: Money,
    /// Always 1: one buys a course once.
    quantity: u32,
    #[serde(with = "time::serde::rfc3339")]
    added_at: OffsetDateTime,
}

impl From<Item> for ItemDocument {
    fn from(item: Item) -> Self {
        Self {
            course_id: item.course_id,
            name: item.name,
            price: item.price,
            quantity: 1,
            added_at: item.added_at,
        }
    }
}

/// A basket. Adding and removing different courses never clash, so neither takes `If-Match`; the `ETag` names
/// the version that a checkout buys.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct BasketDocument {
    /// Absent as long as nothing was ever put into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    /// Rises with every change.
    version: i64,
    /// In the order in which they were added.
    items: Vec<ItemDocument>,
    /// The sum of the prices; absent when the basket is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Money>,
}

impl BasketDocument {
    fn new(basket: Basket) -> Result<Self, Problem> {
        let total = basket.total().map_err(|error| Problem::internal(&error))?;
        let items = basket.items.into_iter().map(ItemDocument::from).collect();
        Ok(Self { id: basket.id, version: basket.version, items, total })
    }
}

/// Shows the caller's basket; an empty one when nothing is in it.
#[utoipa::path(
    get, path = "/v1/basket", operation_id = "show_basket", tag = "baskets",
    security(("access_token" = ["basket.use"])),
    responses((status = 200, body = BasketDocument), (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope")),
)]
async fn show(
    extract::State(state): extract::State<State>,
    caller: Caller<scope::BasketUse>,
) -> Result<Response, Problem> {
    let basket = state.baskets.load(caller.subject).await?;
    let tag = entity_tag(basket.version);
    Ok(([(header::ETAG, tag)], Json(BasketDocument::new(basket)?)).into_response())
}

/// Puts a course into the caller's basket. Doing it again changes nothing.
#[utoipa::path(
    post, path = "/v1/basket/items", operation_id = "add_item", tag = "baskets", request_body = NewItem,
    security(("access_token" = ["basket.use"])),
    responses(
        (status = 200, description = "It was there already", body = BasketDocument),
        (status = 201, description = "Added; `Location` names it", body = BasketDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope"),
        (status = 409, description = "The caller's own, not on sale, or the basket is full"),
        (status = 422, description = "There is no such course"),
        (status = 503, description = "The catalog, identity or the store is away"),
    ),
)]
async fn add(
    extract::State(state): extract::State<State>,
    caller: Caller<scope::BasketUse>,
    Json(new): Json<NewItem>,
) -> Result<Response, Problem> {
    let quote =
        state.catalog.quote(new.course_id).await.map_err(|error| Problem::unavailable("catalog", &error))?;
    let quote = quote.ok_or_else(|| Problem::invalid_field("/course_id", "names no course"))?;
    domain::may_add(caller.subject, &quote)?;
    let (status, basket) = match state.baskets.add(caller.subject, &quote, OffsetDateTime::now_utc()).await? {
        Added::New(basket) => (StatusCode::CREATED, basket),
        Added::There(basket) => (StatusCode::OK, basket),
        Added::Full => return Err(BASKET_FULL.detail(format!("a basket holds {MOST_ITEMS} courses"))),
    };
    let location = format!("{}/{}", state.items, quote.course_id);
    let location = HeaderValue::try_from(location).map_err(|error| Problem::internal(&error))?;
    let headers = [(header::LOCATION, location), (header::ETAG, entity_tag(basket.version))];
    Ok((status, headers, Json(BasketDocument::new(basket)?)).into_response())
}

/// Takes a course out of the caller's basket.
#[utoipa::path(
    delete, path = "/v1/basket/items/{course_id}", operation_id = "remove_item", tag = "baskets",
    security(("access_token" = ["basket.use"])),
    params(("course_id" = Uuid, Path)),
    responses(
        (status = 204, description = "Taken out"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "It is not in the caller's basket"),
    ),
)]
async fn remove(
    extract::State(state): extract::State<State>,
    caller: Caller<scope::BasketUse>,
    Path(course): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    if state.baskets.remove(caller.subject, course).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(problem::NOT_FOUND.into())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::OwnCourse => OWN_COURSE.detail("one can't buy what one teaches"),
            Refusal::NotOnSale => NOT_ON_SALE.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt { .. } => Self::internal(&error),
            StoreError::Redis(_) => Self::unavailable("redis", &error),
        }
    }
}
