//! The phase *guard*: what a request must look like, and which headers pass in both directions.
//!
//! Nothing that a client says about itself passes here unchecked: who it is, where it is and which request
//! this is are told to upstreams by the gateway alone.

mod address;
mod cookies;
pub(crate) mod cors;
mod headers;
mod host;
mod vouched;

use http::header;
use http::request::Parts;
use platform_http::Problem;
use platform_http::problem;

pub(crate) use address::{Networks, Peer, client_address, forwarded_for};
pub(crate) use headers::{REQUEST_ID, is_removed, is_upgrade, request, response};
pub(crate) use host::check as check_host;
pub(crate) use vouched::{Told, Vouched};

use crate::routes::{self, Compiled};

/// Refuses a path that two programs could read in two ways.
///
/// # Errors
/// A 400.
pub(crate) fn check_path(path: &str) -> Result<(), Problem> {
    routes::check_path(path).map_err(|error| {
        metrics::counter!("gateway_paths_refused_total", "reason" => error.reason()).increment(1);
        problem::MALFORMED.detail(error.to_string())
    })
}

/// Refuses a method that the route does not take and a body that says it is too long.
///
/// # Errors
/// A 405 or 413.
pub(crate) fn check_route(parts: &Parts, route: &Compiled) -> Result<(), Problem> {
    if !route.allows(&parts.method) {
        return Err(Problem::from(problem::METHOD_NOT_ALLOWED).header(header::ALLOW, route.allow()));
    }
    let length =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_none_or(|length| length <= route.body_limit()) {
        return Ok(());
    }
    let labels = [("upstream", route.upstream_name().as_str()), ("reason", "client")];
    metrics::counter!("gateway_failures_total", &labels).increment(1);
    Err(too_large(route))
}

/// A 413 for this route.
pub(crate) fn too_large(route: &Compiled) -> Problem {
    problem::TOO_LARGE.detail(format!("send at most {} bytes here", route.body_limit()))
}
