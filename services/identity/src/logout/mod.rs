//! The feature *logout*: a client sends somebody here to sign out (OpenID Connect RP-Initiated Logout 1.0).

mod api;

pub(crate) use api::{Logout, routes};
