//! The feature *discovery*: what the provider offers, as OpenID Connect Discovery 1.0 and RFC 8414 say it.

mod api;

pub(crate) use api::{State, routes};
