//! What a request asks the cache for.

use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName};
use http::{Method, request};

use super::conditional;
use super::status::Status;
use super::store::Place;
use crate::core::Live;
use crate::routes::{self, Compiled};

/// Requests with any of these go to the upstream: they are about a part, or about a change.
const NOT_KEPT: [HeaderName; 4] =
    [header::RANGE, header::IF_RANGE, header::IF_MATCH, header::IF_UNMODIFIED_SINCE];

/// A request that can be answered from what is kept.
pub(super) struct Asked {
    /// Route, host, and what the upstream would be asked for.
    pub(super) key: String,
    /// Where changes of it are marked.
    pub(super) place: Place,
    /// Whether it comes with a token or a cookie that reaches the upstream.
    pub(super) credentials: bool,
    pub(super) head: bool,
    /// The client's own `If-None-Match` and `If-Modified-Since`.
    pub(super) conditions: HeaderMap,
    /// How many variants of the answer are kept, and how long others are waited for.
    pub(super) variants: usize,
    pub(super) wait: Duration,
}

impl Asked {
    /// Reads the upstream's request, and takes the client's conditions out of it.
    ///
    /// What a client says in `Cache-Control` is advice (RFC 9111 §5.2.1). Only `no-store` is taken: whoever could
    /// ask for something newer at will could ask the upstream as often as without a cache.
    pub(super) fn of(
        live: &Live,
        route: &Compiled,
        host: &str,
        place: Place,
        parts: &mut request::Parts,
        has_body: bool,
    ) -> Result<Self, Status> {
        let head = parts.method == Method::HEAD;
        if !head && parts.method != Method::GET {
            return Err(Status::Method);
        }
        let Some(rule) = route.cache() else { return Err(Status::Bypass) };
        let headers = &mut parts.headers;
        if has_body || NOT_KEPT.iter().any(|name| headers.contains_key(name)) || is_no_store(headers) {
            return Err(Status::Bypass);
        }
        Ok(Self {
            key: format!("{} {} {host} {}", live.generation, route.index(), parts.uri),
            place,
            credentials: headers.contains_key(header::AUTHORIZATION) || headers.contains_key(header::COOKIE),
            head,
            conditions: conditional::take(headers),
            variants: usize::from(rule.variants),
            wait: Duration::from_secs(u64::from(rule.wait_seconds)),
        })
    }

    /// What requests have in common that can share one answer. `vary`: what is known about it by now.
    pub(super) fn flight(&self, vary: &str) -> String {
        let who = if self.credentials { 'c' } else { '-' };
        format!("{who} {}{vary}", self.key)
    }
}

/// The host that a route for some hosts was asked at. Upstreams never see it, and all others share their
/// answers: their key has none.
pub(super) fn host(route: &Compiled, parts: &request::Parts) -> String {
    if route.has_hosts() { routes::host_of(parts).unwrap_or_default().into_owned() } else { String::new() }
}

fn is_no_store(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut directives = values.flat_map(|value| value.split(',')).map(str::trim);
    directives.any(|directive| directive.eq_ignore_ascii_case("no-store"))
}
