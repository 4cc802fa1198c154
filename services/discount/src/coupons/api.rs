//! Coupons over HTTP.

use axum::extract;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::{HeaderValue, StatusCode, header};
use platform_auth::{Caller, scope};
use platform_http::problem::{self, ProblemType};
use platform_http::{Json, Page, PageQuery, Path, Problem, Query, entity_tag};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use time::OffsetDateTime;
use url::Url;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::domain::{Code, Coupon, CouponId, Reduction};
use super::store::{self, CouponStore, StoreError};

const CODE_TAKEN: ProblemType =
    ProblemType::new("coupon-code-taken", StatusCode::CONFLICT, "This code is taken");

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State {
    coupons: CouponStore,
    /// The public address of the list, below which `Location` and `Link` lie.
    list: Url,
}

impl State {
    pub(crate) fn new(pool: PgPool, list: Url) -> Self {
        Self { coupons: CouponStore::new(pool), list }
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(find)).routes(routes!(offer))
}

/// A coupon to be made.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCoupon {
    /// 4 to 32 characters of A-Z, 0-9 and hyphen; a code that can't be guessed when absent.
    #[garde(inner(custom(is_code)))]
    #[schema(example = "SUMMER-26")]
    code: Option<String>,
    /// What it takes off.
    #[garde(custom(is_reduction))]
    reduction: Reduction,
    /// The one course that it is for; every course of the owner when absent.
    #[garde(skip)]
    course_id: Option<Uuid>,
    /// When it begins; now when absent.
    #[garde(skip)]
    #[serde(default, with = "time::serde::rfc3339::option")]
    valid_from: Option<OffsetDateTime>,
    /// When it ends; never when absent.
    #[garde(skip)]
    #[serde(default, with = "time::serde::rfc3339::option")]
    valid_until: Option<OffsetDateTime>,
}

fn is_code(text: &str, (): &()) -> garde::Result {
    text.parse::<Code>().map(drop).map_err(garde::Error::new)
}

fn is_reduction(reduction: &Reduction, (): &()) -> garde::Result {
    reduction.check().map_err(garde::Error::new)
}

/// A coupon as its owner sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CouponDocument {
    id: Uuid,
    code: String,
    reduction: Reduction,
    course_id: Option<Uuid>,
    #[serde(with = "time::serde::rfc3339")]
    valid_from: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    valid_until: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

impl From<Coupon> for CouponDocument {
    fn from(coupon: Coupon) -> Self {
        Self {
            id: coupon.id.0,
            code: coupon.code.to_string(),
            reduction: coupon.reduction,
            course_id: coupon.course_id,
            valid_from: coupon.valid_from,
            valid_until: coupon.valid_until,
            created_at: coupon.created_at,
        }
    }
}

/// What a code gives, as anybody who knows it sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Offer {
    code: String,
    reduction: Reduction,
    course_id: Option<Uuid>,
    #[serde(with = "time::serde::rfc3339::option")]
    valid_until: Option<OffsetDateTime>,
}

/// Makes a coupon of the caller's.
#[utoipa::path(
    post, path = "/v1/coupons", tag = "coupons", request_body = NewCoupon,
    security(("access_token" = ["discount.manage"])),
    responses(
        (status = 201, description = "Made; `Location` names it", body = CouponDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope"),
        (status = 409, description = "The code is taken"),
        (status = 422, description = "Some values are not acceptable"),
    ),
)]
async fn create(
    extract::State(state): extract::State<State>,
    caller: Caller<scope::DiscountManage>,
    Json(new): Json<NewCoupon>,
) -> Result<Response, Problem> {
    let now = platform_service::now();
    let valid_from = new.valid_from.unwrap_or(now);
    if new.valid_until.is_some_and(|end| end <= valid_from) {
        return Err(Problem::invalid_field("/valid_until", "must be after the beginning"));
    }
    let code = match new.code {
        Some(text) => text
            .parse()
            .map_err(|error: super::domain::CodeError| Problem::invalid_field("/code", error.to_string()))?,
        None => Code::generate(),
    };
    let coupon = Coupon {
        id: CouponId::generate(),
        owner: caller.subject,
        code,
        reduction: new.reduction,
        course_id: new.course_id,
        valid_from,
        valid_until: new.valid_until,
        created_at: now,
        version: 1,
    };
    state.coupons.insert(&coupon).await?;
    let location = format!("{}/{}", state.list, coupon.id);
    let location = HeaderValue::try_from(location).map_err(|error| Problem::internal(&error))?;
    let headers = [(header::LOCATION, location), (header::ETAG, entity_tag(coupon.version))];
    Ok((StatusCode::CREATED, headers, Json(CouponDocument::from(coupon))).into_response())
}

/// Lists the caller's coupons, newest first.
#[utoipa::path(
    get, path = "/v1/coupons", tag = "coupons", params(PageQuery),
    security(("access_token" = ["discount.manage"])),
    responses((status = 200, body = Page<CouponDocument>), (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope")),
)]
async fn list(
    extract::State(state): extract::State<State>,
    caller: Caller<scope::DiscountManage>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Problem> {
    let limit = query.limit()?;
    let coupons = state.coupons.of_owner(caller.subject, query.after()?, i64::from(limit) + 1).await?;
    let page = Page::from_overfetched(coupons, limit, store::position)?;
    let items = page.items.into_iter().map(CouponDocument::from).collect();
    Ok(Page { items, next: page.next }.into_response_at(&state.list, limit))
}

/// Shows one of the caller's coupons.
#[utoipa::path(
    get, path = "/v1/coupons/{id}", tag = "coupons", params(("id" = Uuid, Path)),
    security(("access_token" = ["discount.manage"])),
    responses(
        (status = 200, body = CouponDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "No such coupon of the caller's"),
    ),
)]
async fn find(
    extract::State(state): extract::State<State>,
    caller: Caller<scope::DiscountManage>,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    let coupon = state.coupons.find(CouponId(id)).await?.ok_or(problem::NOT_FOUND)?;
    caller.must_own(coupon.owner)?;
    Ok(([(header::ETAG, entity_tag(coupon.version))], Json(CouponDocument::from(coupon))).into_response())
}

/// Says what a code gives now. An unknown code, one that has ended and one that has not begun are the same 404.
#[utoipa::path(
    get, path = "/v1/offers/{code}", tag = "coupons", params(("code" = String, Path)),
    security(("access_token" = ["discount.preview"])),
    responses(
        (status = 200, body = Offer),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "The code gives nothing now"),
    ),
)]
async fn offer(
    extract::State(state): extract::State<State>,
    _caller: Caller<scope::DiscountPreview>,
    Path(code): Path<String>,
) -> Result<Json<Offer>, Problem> {
    let nothing = || problem::NOT_FOUND.detail("this code gives nothing now");
    let code: Code = code.parse().map_err(|_| nothing())?;
    let coupon = state.coupons.find_by_code(&code).await?.ok_or_else(nothing)?;
    if !coupon.is_valid_at(platform_service::now()) {
        return Err(nothing());
    }
    Ok(Json(Offer {
        code: coupon.code.to_string(),
        reduction: coupon.reduction,
        course_id: coupon.course_id,
        valid_until: coupon.valid_until,
    }))
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::CodeTaken => CODE_TAKEN.detail("choose another code, or leave it out to get one"),
            StoreError::Corrupt { .. } => Self::internal(&error),
            StoreError::Database(_) => Self::unavailable("postgres", &error),
        }
    }
}
