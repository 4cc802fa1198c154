//! The feature *introspection*: what a token is worth now (RFC 7662), for clients that can prove who they are.

mod api;

pub(crate) use api::routes;
