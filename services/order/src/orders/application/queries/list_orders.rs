//! The asker's orders.

use std::sync::Arc;
use std::task::{Context, Poll};

use order_domain::{BuyerId, Order};
use tower::Service;

use crate::orders::application::behaviours::Answer;
use crate::orders::application::{ApplicationError, Orders, Position};

/// "Show me my orders", newest first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListOrders {
    pub(crate) buyer: BuyerId,
    pub(crate) after: Option<Position>,
    pub(crate) count: u16,
}

/// Handles [`ListOrders`].
#[derive(Clone)]
pub(crate) struct ListOrdersHandler(Arc<dyn Orders>);

impl ListOrdersHandler {
    pub(crate) fn new(orders: Arc<dyn Orders>) -> Self {
        Self(orders)
    }
}

impl Service<ListOrders> for ListOrdersHandler {
    type Response = Vec<Order>;
    type Error = ApplicationError;
    type Future = Answer<Vec<Order>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ApplicationError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, query: ListOrders) -> Self::Future {
        let orders = Arc::clone(&self.0);
        Box::pin(async move { Ok(orders.of_buyer(query.buyer, query.after, query.count).await?) })
    }
}
