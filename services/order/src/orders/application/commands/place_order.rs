//! Placing an order: the catalog says what the courses cost, the domain whether that makes an order.

use std::collections::HashSet;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use order_domain::{Address, BuyerId, CourseId, LARGEST_ORDER, NewLine, NewOrder, Order, OrderId};
use platform_money::Money;
use tower::{Service, ServiceExt as _};

use super::StoreOrder;
use crate::orders::application::behaviours::{Answer, Idempotent, Validate};
use crate::orders::application::{self, ApplicationError, Catalog, RequestKey, Violation};

/// Courses of one order that the catalog is asked about at the same time.
const QUOTES_AT_ONCE: usize = 8;

/// "I want these courses." The buyer is whoever asks; prices are none of the asker's.
#[derive(Debug, Clone)]
pub(crate) struct PlaceOrder {
    pub(crate) key: RequestKey,
    pub(crate) buyer: BuyerId,
    pub(crate) address: Address,
    pub(crate) courses: Vec<CourseId>,
    /// What the asker believes that it costs.
    pub(crate) expected_total: Option<Money>,
}

impl Validate for PlaceOrder {
    fn violations(&self) -> Vec<Violation> {
        if !(1..=LARGEST_ORDER).contains(&self.courses.len()) {
            return vec![Violation::new("/lines", format!("must be 1 to {LARGEST_ORDER} lines"))];
        }
        let mut seen = HashSet::new();
        let repeated = self.courses.iter().enumerate().filter(|(_, course)| !seen.insert(**course));
        let violation = |(index, _)| Violation::new(format!("/lines/{index}/course_id"), "is there twice");
        repeated.map(violation).collect()
    }
}

impl Idempotent for PlaceOrder {
    fn key(&self) -> &RequestKey {
        &self.key
    }
}

/// Handles [`PlaceOrder`]. What it stores, it stores through the inner service.
#[derive(Clone)]
pub(crate) struct PlaceOrderHandler {
    catalog: Arc<dyn Catalog>,
    store: application::Service<StoreOrder, Order>,
}

impl PlaceOrderHandler {
    pub(crate) fn new(catalog: Arc<dyn Catalog>, store: application::Service<StoreOrder, Order>) -> Self {
        Self { catalog, store }
    }
}

impl Service<PlaceOrder> for PlaceOrderHandler {
    type Response = Order;
    type Error = ApplicationError;
    type Future = Answer<Order>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ApplicationError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: PlaceOrder) -> Self::Future {
        let Self { catalog, store } = self.clone();
        Box::pin(async move {
            let PlaceOrder { key, buyer, address, courses, expected_total } = command;
            let lines = stream::iter(courses)
                .map(|course| quote(Arc::clone(&catalog), course))
                .buffered(QUOTES_AT_ONCE)
                .try_collect()
                .await?;
            let id = OrderId::generate();
            let order =
                Order::submit(NewOrder { id, buyer, address, lines, placed_at: platform_service::now() })?;
            let actual = order.snapshot().total;
            match expected_total {
                Some(expected) if expected != actual => {
                    Err(ApplicationError::PriceChanged { expected, actual })
                }
                _ => store.oneshot(StoreOrder { key, order }).await,
            }
        })
    }
}

async fn quote(catalog: Arc<dyn Catalog>, course: CourseId) -> Result<NewLine, ApplicationError> {
    let quote = catalog.quote(course).await?.ok_or(ApplicationError::NotForSale(course))?;
    Ok(NewLine { course, name: quote.name, instructor: quote.instructor, price: quote.price })
}
