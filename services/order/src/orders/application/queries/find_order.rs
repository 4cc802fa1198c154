//! One order of the asker's.

use std::sync::Arc;
use std::task::{Context, Poll};

use order_domain::{BuyerId, Order, OrderId};
use tower::Service;

use crate::orders::application::behaviours::Answer;
use crate::orders::application::{ApplicationError, Orders};

/// "Show me this order." Somebody else's is not there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FindOrder {
    pub(crate) buyer: BuyerId,
    pub(crate) id: OrderId,
}

/// Handles [`FindOrder`].
#[derive(Clone)]
pub(crate) struct FindOrderHandler(Arc<dyn Orders>);

impl FindOrderHandler {
    pub(crate) fn new(orders: Arc<dyn Orders>) -> Self {
        Self(orders)
    }
}

impl Service<FindOrder> for FindOrderHandler {
    type Response = Order;
    type Error = ApplicationError;
    type Future = Answer<Order>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ApplicationError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, query: FindOrder) -> Self::Future {
        let orders = Arc::clone(&self.0);
        Box::pin(async move {
            let order = orders.find(query.id).await?;
            order.filter(|order| order.snapshot().buyer == query.buyer).ok_or(ApplicationError::NoSuchOrder)
        })
    }
}
