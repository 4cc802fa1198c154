//! What the application needs of the world. `infrastructure` implements it.

use async_trait::async_trait;
use order_domain::{BuyerId, CourseId, InstructorId, Order, OrderId};
use platform_messaging::idempotency::BodyHmac;
use platform_money::{Money, Uuid};
use time::OffsetDateTime;

/// Why the store has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// A row that this version can't read, or that breaks the domain's rules.
    #[error("order {id} in the database is not readable: {what}")]
    Corrupt { id: Uuid, what: String },
    /// The database is away or refuses.
    #[error("the database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Whose request it is and by which key: a key of one buyer or route says nothing about another's.
#[derive(Debug, Clone)]
pub(crate) struct RequestKey {
    pub(crate) principal: BuyerId,
    /// Method and route.
    pub(crate) route: &'static str,
    pub(crate) key: String,
    /// Tells whether it is the same request.
    pub(crate) body: BodyHmac,
}

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nothing.
    New,
    /// Its request made this order.
    Done(OrderId),
    /// It belongs to another request.
    OtherBody,
}

/// The position of an order in its buyer's list, newest first: microseconds since 1970, and the id.
pub(crate) type Position = (i64, Uuid);

/// Where an order stands in its buyer's list.
pub(crate) fn position(order: &Order) -> Position {
    let order = order.snapshot();
    let micros = order.placed_at.unix_timestamp_nanos() / 1_000;
    (i64::try_from(micros).unwrap_or(i64::MAX), order.id.0)
}

/// The time of a position; what lies beyond the calendar is its end.
pub(crate) fn time_of((micros, _): Position) -> OffsetDateTime {
    let latest = time::macros::datetime!(9999-12-31 23:59:59 UTC);
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap_or(latest)
}

/// The store of orders.
#[async_trait]
pub(crate) trait Orders: Send + Sync {
    /// The order with this id.
    async fn find(&self, id: OrderId) -> Result<Option<Order>, StoreError>;

    /// Up to `count` of a buyer's orders, newest first, after a position.
    async fn of_buyer(
        &self,
        buyer: BuyerId,
        after: Option<Position>,
        count: u16,
    ) -> Result<Vec<Order>, StoreError>;

    /// What is known of a key now. Only [`UnitOfWork::claim`] decides.
    async fn known(&self, key: &RequestKey) -> Result<Claim, StoreError>;

    /// Begins a unit of work.
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError>;
}

/// Changes that happen together or not at all. Dropped without a commit, none of them did.
#[async_trait]
pub(crate) trait UnitOfWork: Send {
    /// Claims a key. While another unit of work has claimed it, this waits for that one's end.
    async fn claim(&mut self, key: &RequestKey) -> Result<Claim, StoreError>;

    /// Notes which order the request of a claimed key made.
    async fn remember(&mut self, key: &RequestKey, order: OrderId) -> Result<(), StoreError>;

    /// Stores a new order.
    async fn insert(&mut self, order: &Order) -> Result<(), StoreError>;

    /// Makes all of it happen.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;

    /// Undoes all of it.
    async fn roll_back(self: Box<Self>) -> Result<(), StoreError>;
}

/// A course as the catalog quotes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quote {
    pub(crate) name: String,
    pub(crate) instructor: InstructorId,
    pub(crate) price: Money,
}

/// The catalog has no answer.
#[derive(Debug, thiserror::Error)]
#[error("the catalog has no answer")]
pub(crate) struct CatalogError(#[source] pub(crate) Box<dyn std::error::Error + Send + Sync>);

/// Who knows what courses are called and cost.
#[async_trait]
pub(crate) trait Catalog: Send + Sync {
    /// What a course costs now; `None` when it is not for sale.
    async fn quote(&self, course: CourseId) -> Result<Option<Quote>, CatalogError>;
}
