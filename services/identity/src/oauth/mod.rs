//! What every endpoint of the protocol shares: parameters, errors, scopes and secrets as RFC 6749 has them.
//! No endpoint, no store.

mod error;
mod parameters;
mod scope;
mod secret;

pub(crate) use error::{ErrorBody, OAuthError, no_store};
pub(crate) use parameters::{ParameterError, Parameters, form};
pub(crate) use scope::{Scopes, split};
pub(crate) use secret::{Hash, Secret, equal, random, sha256};
