//! Storing a submitted order, inside a unit of work.

use std::task::{Context, Poll};

use order_domain::Order;
use tower::Service;

use crate::orders::application::behaviours::{Answer, Idempotent, InTransaction};
use crate::orders::application::{ApplicationError, RequestKey};

/// "Keep this order."
#[derive(Debug, Clone)]
pub(crate) struct StoreOrder {
    pub(crate) key: RequestKey,
    pub(crate) order: Order,
}

impl Idempotent for StoreOrder {
    fn key(&self) -> &RequestKey {
        &self.key
    }
}

/// Handles [`StoreOrder`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoreOrderHandler;

impl Service<InTransaction<StoreOrder>> for StoreOrderHandler {
    type Response = InTransaction<Order>;
    type Error = ApplicationError;
    type Future = Answer<InTransaction<Order>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ApplicationError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, InTransaction { value, mut work }: InTransaction<StoreOrder>) -> Self::Future {
        Box::pin(async move {
            work.insert(&value.order).await?;
            Ok(InTransaction { value: value.order, work })
        })
    }
}
