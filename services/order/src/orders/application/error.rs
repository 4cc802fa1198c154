//! Why a command or query has no answer.

use order_domain::{CourseId, OrderError};
use platform_money::Money;

use super::ports::{CatalogError, StoreError};

/// A value of a request that is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Where, as a JSON pointer into the request.
    pub(crate) pointer: String,
    /// What is wrong.
    pub(crate) reason: String,
}

impl Violation {
    pub(crate) fn new(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), reason: reason.into() }
    }
}

/// Why a command or query has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplicationError {
    /// The request can't be meant like this.
    #[error("some values are not acceptable")]
    Invalid(Vec<Violation>),
    /// There is no such order of the asker's.
    #[error("there is no such order")]
    NoSuchOrder,
    /// The course is unknown, a draft or archived.
    #[error("course {0} is not for sale")]
    NotForSale(CourseId),
    /// The buyer expected to pay something else.
    #[error("the total is {actual} and not {expected}")]
    PriceChanged { expected: Money, actual: Money },
    /// The domain refuses.
    #[error(transparent)]
    Refused(#[from] OrderError),
    /// The request's key was used for another one.
    #[error("the key was used for another request")]
    KeyReused,
    /// The catalog has no answer.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The store has no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApplicationError {
    /// For metrics: whether the request was refused, or something failed.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Catalog(_) | Self::Store(_) => "failed",
            _ => "refused",
        }
    }
}
