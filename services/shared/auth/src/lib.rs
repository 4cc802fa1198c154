//! Who calls, and what the caller may do.
//!
//! A route that needs a caller takes [`Caller`] as an argument; there is no other way to learn who calls.
//! How a bearer token becomes a caller is the [`Authenticator`]'s business alone, so that handlers stay as
//! they are when access tokens replace the development tokens. This crate never logs a token.

mod authenticator;
mod caller;
mod settings;

pub use authenticator::{Authenticator, Rejection};
pub use caller::Caller;
pub use settings::AuthSettings;
