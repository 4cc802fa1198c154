//! Payments over HTTP.

use std::sync::Arc;

use axum::extract;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::{HeaderValue, StatusCode, header};
use platform_auth::{Caller, Service, scope};
use platform_http::problem::{self, ProblemType};
use platform_http::{Json, Path, Problem, entity_tag};
use platform_money::Money;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use time::OffsetDateTime;
use url::Url;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::domain::{Payment, PaymentId, PaymentState, Request};
use super::process::{Outcome, PayError, Process};
use super::store::{PaymentStore, StoreError};
use crate::cards::{CardToken, Sensitive};
use crate::provider::{DeclineReason, Provider};

const AMOUNT_DIFFERS: ProblemType = ProblemType::new(
    "payment-amount-differs",
    StatusCode::CONFLICT,
    "This order has a payment of another amount",
);

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State {
    payments: PaymentStore,
    process: Process,
    /// The public address below which `Location` lies, where the buyer finds the payment.
    list: Url,
}

impl State {
    pub(crate) fn new(pool: PgPool, provider: Arc<dyn Provider>, list: Url) -> Self {
        let payments = PaymentStore::new(pool);
        Self { process: Process::new(payments.clone(), provider), payments, list }
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(find))
}

/// A payment to be made.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPayment {
    /// The user who pays.
    #[garde(skip)]
    buyer: Uuid,
    /// A token of the buyer's, from `POST /v1/cards`.
    #[garde(custom(is_token))]
    #[schema(value_type = String)]
    card_token: Sensitive,
    /// What is paid for. An order has one payment, so the same request again finds it.
    #[garde(skip)]
    order_id: Uuid,
    /// How much, more than zero.
    #[garde(custom(is_payable))]
    amount: Money,
}

fn is_token(text: &Sensitive, (): &()) -> garde::Result {
    text.expose().parse::<CardToken>().map(drop).map_err(garde::Error::new)
}

fn is_payable(amount: &Money, (): &()) -> garde::Result {
    if amount.amount > 0 { Ok(()) } else { Err(garde::Error::new("must be more than zero")) }
}

/// A payment as its buyer sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PaymentDocument {
    id: Uuid,
    order_id: Uuid,
    amount: Money,
    /// `pending` means unknown: send the request again to ask the provider again.
    #[schema(value_type = PaymentStateName)]
    state: &'static str,
    /// Why it was declined.
    #[schema(value_type = Option<DeclineReasonName>)]
    decline_reason: Option<&'static str>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

/// Where a payment stands.
#[derive(utoipa::ToSchema)]
#[schema(as = PaymentState, rename_all = "snake_case")]
#[allow(dead_code, reason = "describes the texts for the OpenAPI document")]
enum PaymentStateName {
    Pending,
    Authorized,
    Declined,
}

/// Why a payment was declined.
#[derive(utoipa::ToSchema)]
#[schema(as = DeclineReason, rename_all = "snake_case")]
#[allow(dead_code, reason = "describes the texts for the OpenAPI document")]
enum DeclineReasonName {
    Refused,
    InsufficientFunds,
}

impl From<Payment> for PaymentDocument {
    fn from(payment: Payment) -> Self {
        Self {
            id: payment.id.0,
            order_id: payment.order_id,
            amount: payment.amount,
            state: payment.state.as_str(),
            decline_reason: payment.state.decline_reason().map(DeclineReason::as_str),
            created_at: payment.created_at,
        }
    }
}

/// Pays an order of a buyer's, at most once: the order's id is the key. A declined payment is a payment too;
/// look at its `state`. For the order service: the gateway does not open this path.
#[utoipa::path(
    post, path = "/internal/v1/payments", operation_id = "pay", tag = "payments", request_body = NewPayment,
    security(("access_token" = ["payment.sys.charge"])),
    responses(
        (status = 200, description = "The order's payment was made before", body = PaymentDocument),
        (status = 201, description = "Made and decided; `Location` names it", body = PaymentDocument),
        (status = 202, description = "The provider has not answered; `Location` names it", body = PaymentDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "Somebody else pays this order"),
        (status = 409, description = "The order has a payment of another amount"),
        (status = 422, description = "Some values are not acceptable, or the card token can't be used"),
    ),
)]
async fn create(
    extract::State(state): extract::State<State>,
    _order: Service<scope::PaymentSysCharge>,
    Json(new): Json<NewPayment>,
) -> Result<Response, Problem> {
    let token: CardToken =
        new.card_token.expose().parse().map_err(|_| unusable(&StoreError::CardTokenUnusable))?;
    let request = Request { buyer: new.buyer, order_id: new.order_id, amount: new.amount };
    let Outcome { payment, made } = state.process.pay(request, &token).await?;
    let status = match (payment.state, made) {
        (PaymentState::Pending, _) => StatusCode::ACCEPTED,
        (_, true) => StatusCode::CREATED,
        (_, false) => StatusCode::OK,
    };
    let location = format!("{}/{}", state.list, payment.id);
    let location = HeaderValue::try_from(location).map_err(|error| Problem::internal(&error))?;
    let headers = [(header::LOCATION, location), (header::ETAG, entity_tag(payment.version))];
    Ok((status, headers, Json(PaymentDocument::from(payment))).into_response())
}

/// Shows one of the caller's payments.
#[utoipa::path(
    get, path = "/v1/payments/{id}", operation_id = "find_payment", tag = "payments", params(("id" = Uuid, Path)),
    security(("access_token" = ["payment.card"])),
    responses(
        (status = 200, body = PaymentDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope"),
        (status = 404, description = "No such payment of the caller's"),
    ),
)]
async fn find(
    extract::State(state): extract::State<State>,
    caller: Caller<scope::PaymentCard>,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    let payment = state.payments.find(PaymentId(id)).await?.ok_or(problem::NOT_FOUND)?;
    caller.must_own(payment.buyer)?;
    Ok(([(header::ETAG, entity_tag(payment.version))], Json(PaymentDocument::from(payment))).into_response())
}

fn unusable(error: &StoreError) -> Problem {
    Problem::invalid_field("/card_token", error.to_string())
}

impl From<PayError> for Problem {
    fn from(error: PayError) -> Self {
        match error {
            PayError::NotYours => Self::from(problem::NOT_FOUND),
            PayError::AmountDiffers => AMOUNT_DIFFERS.detail("an order is paid once; ask with its amount"),
            PayError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::CardTokenUnusable => unusable(&error),
            StoreError::Corrupt { .. } | StoreError::Movement(_) => Self::internal(&error),
            StoreError::Database(_) => Self::unavailable("postgres", &error),
        }
    }
}
