//! Cards over HTTP.

use std::sync::Arc;

use axum::extract;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::{StatusCode, header};
use platform_auth::{Caller, scope};
use platform_http::{Json, Problem};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::domain::{Card, CardError, CardNumber, CardToken, Expiry, Sensitive, check_cvc, check_holder};
use super::store::CardStore;
use crate::provider::{Provider, ProviderError};

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State {
    cards: CardStore,
    provider: Arc<dyn Provider>,
}

impl State {
    pub(crate) fn new(pool: PgPool, provider: Arc<dyn Provider>) -> Self {
        Self { cards: CardStore::new(pool), provider }
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(create))
}

/// A card to be exchanged for a token. Only these test numbers are taken:
///
/// | number | outcome of a payment |
/// |---|---|
/// | 4242 4242 4242 4242 | authorized |
/// | 4000 0000 0000 0002 | declined: `refused` |
/// | 4000 0000 0000 9995 | declined: `insufficient_funds` |
/// | 4000 0000 0000 0119 | pending for ever: the provider does not answer |
/// | 4000 0000 0000 0259 | pending at first, authorized when asked again: the provider answers late |
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCard {
    /// 12 to 19 digits; spaces and hyphens between them don't count.
    #[garde(custom(is_number))]
    #[schema(value_type = String, example = "4242 4242 4242 4242")]
    number: Sensitive,
    /// The last month of the card, as year and month.
    #[garde(custom(is_expiry))]
    #[schema(value_type = String, example = "2030-09", pattern = "^[0-9]{4}-[0-9]{2}$")]
    expiry: Sensitive,
    /// 3 or 4 digits.
    #[garde(custom(is_cvc))]
    #[schema(value_type = String, example = "123", pattern = "^[0-9]{3,4}$")]
    cvc: Sensitive,
    /// The name on the card.
    #[garde(custom(is_holder))]
    #[schema(value_type = String, example = "Ayşe Yılmaz", min_length = 1, max_length = 100)]
    holder: Sensitive,
}

fn is_number(text: &Sensitive, (): &()) -> garde::Result {
    checked(text.expose().parse::<CardNumber>().map(drop))
}

fn is_expiry(text: &Sensitive, (): &()) -> garde::Result {
    let today = platform_service::now().date();
    checked(text.expose().parse::<Expiry>().and_then(|expiry| expiry.check(today)))
}

fn is_cvc(text: &Sensitive, (): &()) -> garde::Result {
    checked(check_cvc(text.expose()))
}

fn is_holder(text: &Sensitive, (): &()) -> garde::Result {
    checked(check_holder(text.expose()))
}

fn checked(outcome: Result<(), CardError>) -> garde::Result {
    outcome.map_err(garde::Error::new)
}

/// A token that pays for one order of the caller's.
#[derive(Serialize, utoipa::ToSchema)]
struct CardTokenDocument {
    /// Shown this once; send it as `card_token` of a payment.
    #[schema(example = "Zm9yIGV4YW1wbGUgb25seSwgbm90IGEgcmVhbCB0b2s")]
    card_token: String,
    /// When it ends, ten minutes from now.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// Exchanges a card for a one-time token. Neither the number nor any part of it is kept.
#[utoipa::path(
    post, path = "/v1/cards", operation_id = "make_card_token", tag = "cards", request_body = NewCard,
    security(("access_token" = ["payment.card"])),
    responses(
        (status = 201, description = "The token; it can't be read again", body = CardTokenDocument),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope"),
        (status = 422, description = "Some values are not acceptable, or the number is none of the test numbers"),
    ),
)]
async fn create(
    extract::State(state): extract::State<State>,
    caller: Caller<scope::PaymentCard>,
    Json(new): Json<NewCard>,
) -> Result<Response, Problem> {
    let number = new.number.expose().parse().map_err(|error: CardError| invalid_number(&error))?;
    let card = state.provider.tokenize(Card { number }).await.map_err(|error| match error {
        ProviderError::CardNotTaken => invalid_number(&error),
        ProviderError::Unavailable => Problem::unavailable("payment provider", &error),
    })?;
    let token = CardToken::generate();
    let expires_at = state
        .cards
        .insert(&token, caller.subject, &card, platform_service::now())
        .await
        .map_err(|error| Problem::unavailable("postgres", &error))?;
    let document = CardTokenDocument { card_token: token.expose(), expires_at };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(document)).into_response())
}

fn invalid_number(error: &dyn std::error::Error) -> Problem {
    Problem::invalid_field("/number", error.to_string())
}
