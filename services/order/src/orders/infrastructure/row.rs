//! From rows to orders, for both engines: the domain checks what comes out of a database.

use order_domain::{Address, AddressFields, LineSnapshot, Order, OrderSnapshot};
use platform_messaging::idempotency::{Answer, Begun, Request};
use platform_money::{Currency, Uuid};

use crate::orders::application::{Claim, RequestKey, StoreError};

/// The columns of an order's row, as texts and numbers.
pub(super) struct OrderColumns {
    pub(super) id: Uuid,
    pub(super) number: String,
    pub(super) buyer: Uuid,
    pub(super) address: AddressFields,
    pub(super) currency: String,
    pub(super) total: i64,
    pub(super) state: String,
    pub(super) placed_at: time::OffsetDateTime,
    pub(super) version: i64,
}

impl OrderColumns {
    /// The order, if it is one. `lines` gets its currency.
    pub(super) fn with_lines(
        self,
        lines: impl FnOnce(Currency) -> Vec<LineSnapshot>,
    ) -> Result<Order, StoreError> {
        let id = self.id;
        let corrupt = |what: &dyn std::fmt::Display| StoreError::Corrupt { id, what: what.to_string() };
        let currency: Currency = self.currency.trim().parse().map_err(|error| corrupt(&error))?;
        let address = Address::new(self.address).map_err(|_| corrupt(&"its address"))?;
        Order::restore(OrderSnapshot {
            id: order_domain::OrderId(id),
            number: self.number.parse().map_err(|error| corrupt(&error))?,
            buyer: order_domain::BuyerId(self.buyer),
            address,
            lines: lines(currency),
            total: platform_money::Money::new(self.total, currency),
            state: self.state.parse().map_err(|error| corrupt(&error))?,
            placed_at: self.placed_at,
            version: self.version,
        })
        .map_err(|error| corrupt(&error))
    }
}

/// A key in the form of the messaging crate, whose principal is a text.
pub(super) struct KeyText<'a> {
    principal: String,
    key: &'a RequestKey,
}

impl<'a> KeyText<'a> {
    pub(super) fn of(key: &'a RequestKey) -> Self {
        Self { principal: key.principal.to_string(), key }
    }

    pub(super) fn request(&self) -> Request<'_> {
        Request {
            principal: &self.principal,
            route: self.key.route,
            key: &self.key.key,
            body_hmac: self.key.body,
        }
    }
}

/// What the messaging crate says of a key, in the application's words. The answer is the order's state, so
/// only its id is stored.
pub(super) fn claim(begun: &Begun) -> Result<Claim, StoreError> {
    match begun {
        Begun::Start => Ok(Claim::New),
        Begun::Mismatch => Ok(Claim::OtherBody),
        Begun::Saved(Answer { resource_id: Some(id), .. }) => Ok(Claim::Done(order_domain::OrderId(*id))),
        Begun::Saved(_) => {
            Err(StoreError::Corrupt { id: Uuid::nil(), what: "a key without its order".to_owned() })
        }
    }
}

/// The stored form of an answer.
pub(super) fn answer(order: order_domain::OrderId) -> Answer {
    Answer { resource_id: Some(order.0), status: None, body: None }
}
