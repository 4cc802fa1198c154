//! Validation: what can be refused without looking anything up is refused before anything is done.

use std::task::{Context, Poll};

use tower::{Layer, Service};

use super::{Answer, take};
use crate::orders::application::{ApplicationError, Violation};

/// A request that can tell whether it makes sense.
pub(crate) trait Validate {
    /// Everything about it that is not acceptable.
    fn violations(&self) -> Vec<Violation>;
}

/// Adds [`Validated`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct ValidationLayer;

impl<S> Layer<S> for ValidationLayer {
    type Service = Validated<S>;

    fn layer(&self, inner: S) -> Validated<S> {
        Validated(inner)
    }
}

/// Refuses requests that make no sense.
#[derive(Debug, Clone)]
pub(crate) struct Validated<S>(S);

impl<S, R> Service<R> for Validated<S>
where
    S: Service<R, Error = ApplicationError> + Clone + Send + 'static,
    S::Future: Send,
    R: Validate + Send + 'static,
{
    type Response = S::Response;
    type Error = ApplicationError;
    type Future = Answer<S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ApplicationError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let mut inner = take(&mut self.0);
        Box::pin(async move {
            let violations = request.violations();
            if violations.is_empty() {
                inner.call(request).await
            } else {
                Err(ApplicationError::Invalid(violations))
            }
        })
    }
}
