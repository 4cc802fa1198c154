//! The feature *revocation*: a client gives a token back (RFC 7009).

mod api;

pub(crate) use api::routes;
