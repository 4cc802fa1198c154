//! The feature *authorize*: the authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2). `request` reads
//! what a client asks for, `decision` says what has to happen first, `response` is how a client hears of it, `api`
//! is the endpoint and the answer of the consent page. Pages themselves are not drawn here.

mod api;
mod decision;
mod request;
mod response;

pub(crate) use api::{Authorize, routes};
pub(crate) use request::PATH;
