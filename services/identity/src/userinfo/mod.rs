//! The feature *userinfo*: who the user of an access token is (OpenID Connect Core §5.3).

mod api;

pub(crate) use api::{CLAIMS, Userinfo, routes};
