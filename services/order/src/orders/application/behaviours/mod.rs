//! What happens around commands and queries, whatever they do: tower layers, each of them for one concern.

mod idempotency;
mod tracing;
mod transaction;
mod validation;

use std::pin::Pin;

pub(crate) use self::idempotency::{IdempotencyLayer, Idempotent, ReplayLayer};
pub(crate) use self::tracing::TracingLayer;
pub(crate) use self::transaction::{InTransaction, TransactionLayer};
pub(crate) use self::validation::{Validate, ValidationLayer};

use super::ApplicationError;

/// The future of a service whose answer is `T`.
pub(crate) type Answer<T> = Pin<Box<dyn Future<Output = Result<T, ApplicationError>> + Send>>;

/// Takes a service out of its place to be called, leaving a clone: only the one that was polled ready may be
/// called (see `tower::Service::call`).
fn take<S: Clone>(service: &mut S) -> S {
    let clone = service.clone();
    std::mem::replace(service, clone)
}
