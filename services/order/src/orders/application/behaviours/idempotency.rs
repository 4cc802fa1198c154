//! Idempotency: a request that comes again gets the answer of the first time, and has no second effect.
//!
//! [`IdempotencyLayer`] decides, inside the transaction of the effect. [`ReplayLayer`] looks earlier, so that
//! a repeated request is answered even when what it needed the first time is away or has changed.

use std::sync::Arc;
use std::task::{Context, Poll};

use order_domain::{Order, OrderId};
use tower::{Layer, Service};

use super::transaction::InTransaction;
use super::{Answer, take};
use crate::orders::application::{ApplicationError, Claim, Orders, RequestKey, StoreError};

/// A request that must have its effect once.
pub(crate) trait Idempotent {
    /// What tells it from others.
    fn key(&self) -> &RequestKey;
}

/// The order that a request made; its answer is derived from the order.
async fn made(orders: &dyn Orders, id: OrderId) -> Result<Order, ApplicationError> {
    let order = orders.find(id).await?;
    let gone = || StoreError::Corrupt { id: id.0, what: "its request is stored, it is not".to_owned() };
    order.ok_or_else(|| gone().into())
}

/// Adds [`Replayed`].
#[derive(Clone)]
pub(crate) struct ReplayLayer(Arc<dyn Orders>);

impl ReplayLayer {
    pub(crate) fn new(orders: Arc<dyn Orders>) -> Self {
        Self(orders)
    }
}

impl<S> Layer<S> for ReplayLayer {
    type Service = Replayed<S>;

    fn layer(&self, inner: S) -> Replayed<S> {
        Replayed { orders: Arc::clone(&self.0), inner }
    }
}

/// Answers what was done before; lets everything else through.
#[derive(Clone)]
pub(crate) struct Replayed<S> {
    orders: Arc<dyn Orders>,
    inner: S,
}

impl<S, R> Service<R> for Replayed<S>
where
    S: Service<R, Response = Order, Error = ApplicationError> + Clone + Send + 'static,
    S::Future: Send,
    R: Idempotent + Send + Sync + 'static,
{
    type Response = Order;
    type Error = ApplicationError;
    type Future = Answer<Order>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ApplicationError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let (orders, mut inner) = (Arc::clone(&self.orders), take(&mut self.inner));
        Box::pin(async move {
            match orders.known(request.key()).await? {
                Claim::New => inner.call(request).await,
                Claim::Done(order) => made(&*orders, order).await,
                Claim::OtherBody => Err(ApplicationError::KeyReused),
            }
        })
    }
}

/// Adds [`Once`].
#[derive(Clone)]
pub(crate) struct IdempotencyLayer(Arc<dyn Orders>);

impl IdempotencyLayer {
    pub(crate) fn new(orders: Arc<dyn Orders>) -> Self {
        Self(orders)
    }
}

impl<S> Layer<S> for IdempotencyLayer {
    type Service = Once<S>;

    fn layer(&self, inner: S) -> Once<S> {
        Once { orders: Arc::clone(&self.0), inner }
    }
}

/// Claims the key in the unit of work of the effect: of requests that race, one has the effect and the others
/// get its answer.
#[derive(Clone)]
pub(crate) struct Once<S> {
    orders: Arc<dyn Orders>,
    inner: S,
}

impl<S, R> Service<InTransaction<R>> for Once<S>
where
    S: Service<InTransaction<R>, Response = InTransaction<Order>, Error = ApplicationError>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    R: Idempotent + Send + 'static,
{
    type Response = InTransaction<Order>;
    type Error = ApplicationError;
    type Future = Answer<InTransaction<Order>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ApplicationError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, InTransaction { value, mut work }: InTransaction<R>) -> Self::Future {
        let (orders, mut inner) = (Arc::clone(&self.orders), take(&mut self.inner));
        Box::pin(async move {
            let key = value.key().clone();
            match work.claim(&key).await? {
                Claim::New => {
                    let mut done = inner.call(InTransaction { value, work }).await?;
                    done.work.remember(&key, done.value.snapshot().id).await?;
                    Ok(done)
                }
                Claim::Done(order) => Ok(InTransaction { value: made(&*orders, order).await?, work }),
                Claim::OtherBody => {
                    work.roll_back().await?;
                    Err(ApplicationError::KeyReused)
                }
            }
        })
    }
}
