//! The phase *match*: from a path to the route that serves it.

mod check;
mod compile;
mod error;
mod host;
mod load;
mod path;
mod pattern;
mod rules;
mod table;
mod tree;

use std::net::SocketAddr;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Uri};
use platform_components::{CacheRule, Name, Priority, Route};

use self::pattern::Rewrite;
pub(crate) use self::rules::Rules;
pub(crate) use self::table::Table;
pub(crate) use host::of as host_of;
pub(crate) use path::check as check_path;

use crate::limit::Class;

/// A route, ready to be used.
#[derive(Debug)]
pub(crate) struct Compiled {
    route: Route,
    methods: Vec<Method>,
    public_methods: Vec<Method>,
    allow: HeaderValue,
    origins: Vec<HeaderValue>,
    rewrite: Option<Rewrite>,
    request_rules: Option<Rules>,
    response_rules: Option<Rules>,
    limit: Option<Class>,
    /// Its place in the table.
    index: usize,
}

/// Where an upstream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// A name, which may resolve to several addresses, or an address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of `Host`.
    pub(crate) authority: HeaderValue,
    /// Where it is, when the file says so itself.
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Compiled {
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// The path as it stands in the file: a label and a name for people.
    pub(crate) fn name(&self) -> &str {
        &self.route.path
    }

    pub(crate) fn upstream_name(&self) -> Name {
        self.route.upstream
    }

    pub(crate) fn audience(&self) -> Option<Name> {
        self.route.audience
    }

    /// Scopes of which a token needs one; empty when any will do.
    pub(crate) fn scopes(&self) -> &[String] {
        &self.route.scopes
    }

    pub(crate) fn is_public(&self, method: &Method) -> bool {
        self.public_methods.contains(method)
    }

    /// Whether the upstream gets a token of its own instead of the caller's.
    pub(crate) fn exchanges(&self) -> bool {
        self.route.exchange && self.route.audience.is_some()
    }

    /// None: nothing is kept.
    pub(crate) fn cache(&self) -> Option<CacheRule> {
        self.route.cache
    }

    /// Whether it is for some hosts only.
    pub(crate) fn has_hosts(&self) -> bool {
        !self.route.hosts.is_empty()
    }

    /// What becomes of headers on their way to the upstream.
    pub(crate) fn request_rules(&self) -> Option<&Rules> {
        self.request_rules.as_ref()
    }

    /// What becomes of headers on their way to the client.
    pub(crate) fn response_rules(&self) -> Option<&Rules> {
        self.response_rules.as_ref()
    }

    /// None: its requests are not counted.
    pub(crate) fn limit(&self) -> Option<&Class> {
        self.limit.as_ref()
    }

    pub(crate) fn priority(&self) -> Priority {
        self.route.priority
    }

    pub(crate) fn upgrades(&self) -> bool {
        self.route.upgrade
    }

    pub(crate) fn origins(&self) -> &[HeaderValue] {
        &self.origins
    }

    pub(crate) fn body_limit(&self) -> u64 {
        self.route.body_limit_bytes
    }

    /// Until the answer begins.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.route.timeout_seconds))
    }

    /// Between two pieces of a body.
    pub(crate) fn idle_timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.route.idle_timeout_seconds))
    }

    /// From the request's begin to the answer's end.
    pub(crate) fn total_timeout(&self) -> Option<Duration> {
        self.route.total_timeout_seconds.map(|seconds| Duration::from_secs(u64::from(seconds)))
    }

    pub(crate) fn retries(&self) -> u32 {
        self.route.retries
    }

    pub(crate) fn allows(&self, method: &Method) -> bool {
        self.methods.contains(method)
    }

    /// The value of `Allow` for a 405: what all routes of this path take.
    pub(crate) fn allow(&self) -> HeaderValue {
        self.allow.clone()
    }

    /// What the upstream is asked for: path and query without the prefix, or as the route's template has it.
    pub(crate) fn target(&self, uri: &Uri) -> Result<Uri, http::Error> {
        let whole = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        if let Some(rewrite) = &self.rewrite {
            let mut target = rewrite.apply(whole.path());
            if let Some(query) = whole.query() {
                target.push('?');
                target.push_str(query);
            }
            return Ok(Uri::from(PathAndQuery::try_from(target)?));
        }
        if self.route.strip_prefix.is_empty() {
            return Ok(Uri::from(whole));
        }
        let rest = whole.as_str().strip_prefix(&self.route.strip_prefix).unwrap_or(whole.as_str());
        let rest: PathAndQuery =
            if rest.starts_with('/') { rest.try_into()? } else { format!("/{rest}").try_into()? };
        Ok(Uri::from(rest))
    }
}
