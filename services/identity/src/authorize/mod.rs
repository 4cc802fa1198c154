//! The feature *authorize*: the authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2). `request` reads
//! what a client asks for, `decision` says what has to happen first, `addresses` and `response` are where the browser
//! goes next, `service` puts them together, `api` is the endpoint and the answer of the consent page. Pages themselves
//! are not drawn here.

mod addresses;
mod api;
mod decision;
mod request;
mod response;
mod service;

pub(crate) use api::routes;
pub(crate) use request::PATH;
pub(crate) use service::Authorize;
