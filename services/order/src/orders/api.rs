//! Orders over HTTP.

use std::sync::Arc;

use axum::extract;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::{HeaderValue, StatusCode, header};
use order_domain::{Address, AddressFields, BuyerId, CourseId, Order, OrderError, OrderId};
use platform_auth::{Caller, scope};
use platform_http::problem::{self, ProblemType};
use platform_http::{FieldError, IdempotencyKey, Json, Page, PageQuery, Path, Problem, Query, entity_tag};
use platform_messaging::idempotency::body_hmac;
use platform_money::Money;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tower::ServiceExt as _;
use url::Url;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::application::{
    Application, ApplicationError, Catalog, FindOrder, ListOrders, Orders, PlaceOrder, RequestKey,
    StoreError, position,
};

const NOT_FOR_SALE: ProblemType =
    ProblemType::new("course-not-for-sale", StatusCode::CONFLICT, "A course can't be bought");
const OWN_COURSE: ProblemType =
    ProblemType::new("own-course", StatusCode::CONFLICT, "One owns what one teaches");
const PRICE_CHANGED: ProblemType =
    ProblemType::new("price-changed", StatusCode::CONFLICT, "The total is not what was expected");

/// Requests are compared by this hash. What it hashes stands in clear beside it, so the key hides nothing and
/// need not be secret.
const BODY_KEY: &[u8; 32] = b"course platform: order requests ";

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State {
    application: Application,
    /// The public address of the list, below which `Location` and `Link` lie.
    list: Url,
}

impl State {
    pub(crate) fn new(orders: &Arc<dyn Orders>, catalog: Arc<dyn Catalog>, list: Url) -> Self {
        Self { application: Application::new(orders, catalog), list }
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(find))
}

/// An order to be placed. What it costs is the catalog's to say.
#[derive(Debug, Serialize, Deserialize, Validate, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    /// Where the invoice goes.
    #[garde(skip)]
    address: AddressDocument,
    /// 1 to 50 courses, none of them twice.
    #[garde(length(min = 1, max = order_domain::LARGEST_ORDER))]
    #[schema(min_items = 1, max_items = 50)]
    lines: Vec<NewLine>,
    /// What you believe that it costs; another total is a 409 instead of an order.
    #[garde(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_total: Option<Money>,
}

/// A course to be bought.
#[derive(Debug, Serialize, Deserialize, Validate, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOrderLine)]
struct NewLine {
    /// Which course.
    #[garde(skip)]
    course_id: Uuid,
}

/// An address.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Address)]
struct AddressDocument {
    #[schema(example = "İzmir", min_length = 1, max_length = 60)]
    province: String,
    #[schema(example = "Karşıyaka", min_length = 1, max_length = 60)]
    district: String,
    #[schema(example = "Cemal Gürsel Cd.", min_length = 1, max_length = 120)]
    street: String,
    #[schema(example = "35600", min_length = 3, max_length = 10)]
    zip_code: String,
    /// Building, floor, door.
    #[schema(example = "No 12, D 3", min_length = 1, max_length = 200)]
    line: String,
}

impl AddressDocument {
    fn parse(self) -> Result<Address, Problem> {
        let Self { province, district, street, zip_code, line } = self;
        Address::new(AddressFields { province, district, street, zip_code, line }).map_err(|errors| {
            let errors = errors.into_iter().map(|error| FieldError {
                pointer: format!("/address/{}", error.field),
                detail: error.reason.to_owned(),
            });
            Problem::invalid(errors.collect())
        })
    }
}

impl From<&Address> for AddressDocument {
    fn from(address: &Address) -> Self {
        let AddressFields { province, district, street, zip_code, line } = address.fields().clone();
        Self { province, district, street, zip_code, line }
    }
}

/// An order as its buyer sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Order)]
struct OrderDocument {
    id: Uuid,
    /// For people.
    #[schema(example = "7K2M9-04QXT")]
    number: String,
    /// Where it stands.
    #[schema(value_type = OrderStateName)]
    state: &'static str,
    address: AddressDocument,
    lines: Vec<LineDocument>,
    /// The sum of all lines.
    total: Money,
    #[serde(with = "time::serde::rfc3339")]
    placed_at: OffsetDateTime,
}

/// Where an order stands.
#[derive(utoipa::ToSchema)]
#[schema(as = OrderState, rename_all = "snake_case")]
#[allow(dead_code, reason = "describes the texts for the OpenAPI document")]
enum OrderStateName {
    Submitted,
    AwaitingPayment,
    Paid,
    PartlyRefunded,
    Refunded,
    Cancelled,
}

/// What was bought, as it was.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = OrderLine)]
struct LineDocument {
    course_id: Uuid,
    /// The course's name when it was bought.
    name: String,
    /// The course's price when it was bought.
    price: Money,
    refunded: bool,
}

impl From<&Order> for OrderDocument {
    fn from(order: &Order) -> Self {
        let order = order.snapshot();
        let lines = order.lines.iter().map(|line| LineDocument {
            course_id: line.bought.course.0,
            name: line.bought.name.clone(),
            price: line.bought.price,
            refunded: line.refunded,
        });
        Self {
            id: order.id.0,
            number: order.number.to_string(),
            state: order.state.as_str(),
            address: AddressDocument::from(&order.address),
            lines: lines.collect(),
            total: order.total,
            placed_at: order.placed_at,
        }
    }
}

/// Places an order of the caller's at the catalog's prices, once for each `Idempotency-Key`.
#[utoipa::path(
    post, path = "/v1/orders", operation_id = "place_order", tag = "orders", request_body = NewOrder,
    security(("access_token" = ["order.buy"])),
    params(("Idempotency-Key" = String, Header, description = "Such as a new UUID")),
    responses(
        (status = 201, description = "Placed, now or by the same request before; `Location` names it", body = OrderDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope"),
        (status = 409, description = "A course is not for sale or the caller's own, or the total is another"),
        (status = 422, description = "Some values are not acceptable, or the key was used for another body"),
        (status = 503, description = "The catalog or the database is away"),
    ),
)]
async fn create(
    extract::State(state): extract::State<State>,
    caller: Caller<scope::OrderBuy>,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewOrder>,
) -> Result<Response, Problem> {
    let buyer = BuyerId(caller.subject);
    // Of the values and not of the text: white space makes no other request.
    let body = serde_json::to_vec(&new).map_err(|error| Problem::internal(&error))?;
    let command = PlaceOrder {
        key: RequestKey { principal: buyer, route: "POST /v1/orders", key, body: body_hmac(BODY_KEY, &body) },
        buyer,
        address: new.address.parse()?,
        courses: new.lines.iter().map(|line| CourseId(line.course_id)).collect(),
        expected_total: new.expected_total,
    };
    let order = state.application.place_order.oneshot(command).await?;
    let location = format!("{}/{}", state.list, order.snapshot().id);
    let location = HeaderValue::try_from(location).map_err(|error| Problem::internal(&error))?;
    let headers = [(header::LOCATION, location), (header::ETAG, entity_tag(order.snapshot().version))];
    Ok((StatusCode::CREATED, headers, Json(OrderDocument::from(&order))).into_response())
}

/// Lists the caller's orders, newest first.
#[utoipa::path(
    get, path = "/v1/orders", operation_id = "list_orders", tag = "orders", params(PageQuery),
    security(("access_token" = ["order.read"])),
    responses((status = 200, body = Page<OrderDocument>), (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope")),
)]
async fn list(
    extract::State(state): extract::State<State>,
    caller: Caller<scope::OrderRead>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Problem> {
    let limit = query.limit()?;
    let query = ListOrders { buyer: BuyerId(caller.subject), after: query.after()?, count: limit + 1 };
    let orders = state.application.list_orders.oneshot(query).await?;
    let page = Page::from_overfetched(orders, limit, position)?;
    let items = page.items.iter().map(OrderDocument::from).collect();
    Ok(Page { items, next: page.next }.into_response_at(&state.list, limit))
}

/// Shows one of the caller's orders.
#[utoipa::path(
    get, path = "/v1/orders/{id}", operation_id = "find_order", tag = "orders", params(("id" = Uuid, Path)),
    security(("access_token" = ["order.read"])),
    responses(
        (status = 200, body = OrderDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "No such order of the caller's"),
    ),
)]
async fn find(
    extract::State(state): extract::State<State>,
    caller: Caller<scope::OrderRead>,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    let query = FindOrder { buyer: BuyerId(caller.subject), id: OrderId(id) };
    let order = state.application.find_order.oneshot(query).await?;
    let tag = entity_tag(order.snapshot().version);
    Ok(([(header::ETAG, tag)], Json(OrderDocument::from(&order))).into_response())
}

impl From<ApplicationError> for Problem {
    fn from(error: ApplicationError) -> Self {
        match error {
            ApplicationError::Invalid(violations) => Self::invalid(
                violations
                    .into_iter()
                    .map(|violation| FieldError { pointer: violation.pointer, detail: violation.reason })
                    .collect(),
            ),
            ApplicationError::NoSuchOrder => Self::from(problem::NOT_FOUND),
            ApplicationError::NotForSale(_) => NOT_FOR_SALE.detail(error.to_string()),
            ApplicationError::PriceChanged { .. } => PRICE_CHANGED.detail(error.to_string()),
            ApplicationError::Refused(OrderError::OwnCourse(_)) => OWN_COURSE.detail(error.to_string()),
            // What is left of the domain's rules was checked before, or is the catalog's to keep.
            ApplicationError::Refused(_) => Self::internal(&error),
            ApplicationError::KeyReused => {
                Self::invalid_field("", "this `Idempotency-Key` was used for another body: use a new one")
            }
            ApplicationError::Catalog(_) => Self::unavailable("catalog", &error),
            ApplicationError::Store(StoreError::Corrupt { .. }) => Self::internal(&error),
            ApplicationError::Store(StoreError::Database(_)) => Self::unavailable("database", &error),
        }
    }
}
