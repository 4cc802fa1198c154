//! Transaction: everything that the inner service does happens together or not at all.

use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{Layer, Service};

use super::{Answer, take};
use crate::orders::application::{ApplicationError, Orders, UnitOfWork};

/// A request (on the way in) or an answer (on the way out) with the unit of work that it belongs to. An inner
/// service that fails keeps the unit of work, which undoes it.
pub(crate) struct InTransaction<T> {
    pub(crate) value: T,
    pub(crate) work: Box<dyn UnitOfWork>,
}

/// Adds [`Transactional`].
#[derive(Clone)]
pub(crate) struct TransactionLayer(Arc<dyn Orders>);

impl TransactionLayer {
    pub(crate) fn new(orders: Arc<dyn Orders>) -> Self {
        Self(orders)
    }
}

impl<S> Layer<S> for TransactionLayer {
    type Service = Transactional<S>;

    fn layer(&self, inner: S) -> Transactional<S> {
        Transactional { orders: Arc::clone(&self.0), inner }
    }
}

/// Begins a unit of work, and commits it when the inner service succeeded.
#[derive(Clone)]
pub(crate) struct Transactional<S> {
    orders: Arc<dyn Orders>,
    inner: S,
}

impl<S, R, T> Service<R> for Transactional<S>
where
    S: Service<InTransaction<R>, Response = InTransaction<T>, Error = ApplicationError>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    R: Send + 'static,
    T: Send,
{
    type Response = T;
    type Error = ApplicationError;
    type Future = Answer<T>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ApplicationError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, value: R) -> Self::Future {
        let (orders, mut inner) = (Arc::clone(&self.orders), take(&mut self.inner));
        Box::pin(async move {
            let work = orders.begin().await?;
            let InTransaction { value, work } = inner.call(InTransaction { value, work }).await?;
            work.commit().await?;
            Ok(value)
        })
    }
}
