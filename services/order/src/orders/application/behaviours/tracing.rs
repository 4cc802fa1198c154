//! Tracing: a span and a metric for every command and query.

use std::task::{Context, Poll};
use std::time::Instant;

use tower::{Layer, Service};
use tracing::Instrument as _;

use super::{Answer, take};
use crate::orders::application::ApplicationError;

/// Adds [`Traced`] around a command or query of this name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TracingLayer(&'static str);

impl TracingLayer {
    pub(crate) fn new(name: &'static str) -> Self {
        Self(name)
    }
}

impl<S> Layer<S> for TracingLayer {
    type Service = Traced<S>;

    fn layer(&self, inner: S) -> Traced<S> {
        Traced { name: self.0, inner }
    }
}

/// Runs the inner service in a span, and counts and times it by its outcome.
#[derive(Debug, Clone)]
pub(crate) struct Traced<S> {
    name: &'static str,
    inner: S,
}

impl<S, R> Service<R> for Traced<S>
where
    S: Service<R, Error = ApplicationError> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = ApplicationError;
    type Future = Answer<S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ApplicationError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let (name, mut inner) = (self.name, take(&mut self.inner));
        let span = tracing::info_span!("request", otel.name = name);
        let work = async move {
            let begun = Instant::now();
            let answer = inner.call(request).await;
            let outcome = answer.as_ref().map_or_else(ApplicationError::outcome, |_| "done");
            let labels = [("request", name), ("outcome", outcome)];
            metrics::histogram!("application_request_duration_seconds", &labels)
                .record(begun.elapsed().as_secs_f64());
            answer
        };
        Box::pin(work.instrument(span))
    }
}
