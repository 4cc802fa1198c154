//! Who calls, and what the caller may do.
//!
//! A route that needs a user takes [`Caller`] as an argument, one for other components takes [`Service`]; there
//! is no other way to learn who calls. Both name the scope that the route demands. How a bearer token becomes
//! a caller is the [`Authenticator`]'s business alone (RFC 9068, with the advice of RFC 8725), and the keys come
//! from [`Keys`], which a [`KeyFetcher`] or the provider itself fills. This crate never logs a token.
//!
//! Signatures are checked with aws-lc-rs itself. A library for JWTs was looked at (jsonwebtoken 11): it reads
//! the key's point anew for each token, where here that is done once a key; it leaves type, required claims and
//! duplicates to its caller all the same; and its many algorithms are what RFC 8725 §3.1 warns of. `cargo run
//! --release -p platform-auth` prints what a check takes.

mod authenticator;
mod cache;
mod caller;
mod claims;
mod fetch;
mod key_set;
mod keys;
mod openapi;
mod rejection;
pub mod scope;
mod service_token;
mod settings;
mod token;

pub use authenticator::Authenticator;
pub use caller::{Caller, Service};
pub use claims::{AccessToken, Actor, Audience, Role, Scopes};
pub use fetch::KeyFetcher;
pub use key_set::{KeySet, KeySetError};
pub use keys::Keys;
pub use openapi::AccessTokenScheme;
pub use rejection::{INSUFFICIENT_SCOPE, Rejection};
pub use scope::Scope;
pub use service_token::{CallError, ClientSettings, ServiceTokens, TokenError};
pub use settings::{AuthSettings, JwksUri};
pub use token::{CLOCK_DIFFERENCE, Invalid, LONGEST_TOKEN, Subject, Verified};
