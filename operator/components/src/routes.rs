//! Which paths the gateway opens, and the versioned `routes.yaml` that tells it so. Later releases
//! add fields and routes; they never change the meaning of those that are there.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::demands::demands;
use crate::route_rules::{CacheRule, HeaderRules};
use crate::{Name, components};

pub(crate) const READ: &[&str] = &["GET", "HEAD", "OPTIONS"];
pub(crate) const READ_WRITE: &[&str] = &["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

/// The version of the format that [`routes_file`] writes.
pub const ROUTES_VERSION: u32 = 1;
const BODY_LIMIT: u64 = 1024 * 1024;
const TIMEOUT: u32 = 10;

/// The classes of limits. A page needs many requests at once (photos, styles), a person few for long.
const LIMITS: &[(&str, Limit)] = &[
    ("api", Limit { requests: 12_000, per_seconds: 60, burst: 1000, by: LimitBy::Subject }),
    ("pages", Limit { requests: 12_000, per_seconds: 60, burst: 1000, by: LimitBy::Address }),
    ("photos", Limit { requests: 18_000, per_seconds: 60, burst: 2000, by: LimitBy::Address }),
    ("sign-in", Limit { requests: 3000, per_seconds: 60, burst: 200, by: LimitBy::Address }),
];

/// A path of the public address that leads to a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicRoute {
    /// The path and everything below it (`/photos` matches `/photos/x`, not `/photoshop`).
    pub path: &'static str,
    /// What is taken off the front of the path; empty when the component sees it as it is.
    pub strip_prefix: &'static str,
    /// The methods that pass; others answer 405.
    pub methods: &'static [&'static str],
    /// The audience that a token needs for the component; none for open routes.
    pub audience: Option<Name>,
    /// The methods that need no token although there is an audience.
    pub public_methods: &'static [&'static str],
    /// The class of limits that its requests count in.
    pub limit: &'static str,
    /// Who goes first when the gateway has too much to do.
    pub priority: Priority,
    /// The longest body in bytes.
    pub body_limit: u64,
    /// How long the component may take until its answer begins, in seconds.
    pub timeout: u32,
    /// Whether the gateway keeps answers that the component lets it keep.
    pub cached: bool,
}

impl PublicRoute {
    /// A route whose path the component sees unchanged.
    pub(crate) const fn as_is(path: &'static str, methods: &'static [&'static str]) -> Self {
        Self {
            path,
            strip_prefix: "",
            methods,
            audience: None,
            public_methods: &[],
            limit: "pages",
            priority: Priority::Normal,
            body_limit: BODY_LIMIT,
            timeout: TIMEOUT,
            cached: false,
        }
    }

    /// The versioned API of a service.
    pub(crate) const fn service(path: &'static str, strip_prefix: &'static str, audience: Name) -> Self {
        Self {
            path,
            strip_prefix,
            methods: READ_WRITE,
            audience: Some(audience),
            public_methods: &[],
            limit: "api",
            priority: Priority::Normal,
            body_limit: BODY_LIMIT,
            timeout: TIMEOUT,
            cached: false,
        }
    }

    /// Methods that visitors may use; a token that comes along is checked all the same.
    pub(crate) const fn public(mut self, methods: &'static [&'static str]) -> Self {
        self.public_methods = methods;
        self
    }

    pub(crate) const fn limit(mut self, class: &'static str) -> Self {
        self.limit = class;
        self
    }

    pub(crate) const fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    pub(crate) const fn body_limit(mut self, bytes: u64) -> Self {
        self.body_limit = bytes;
        self
    }

    pub(crate) const fn timeout(mut self, seconds: u32) -> Self {
        self.timeout = seconds;
        self
    }

    pub(crate) const fn cached(mut self) -> Self {
        self.cached = true;
        self
    }
}

/// The document in `ROUTES_FILE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoutesFile {
    /// The format's version; a gateway refuses one that it does not know.
    pub version: u32,
    /// Where each component is.
    pub upstreams: BTreeMap<Name, Upstream>,
    /// How much each class of requests may do; a route names its class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, Limit>,
    /// The routes; the most specific path that matches wins, whatever their order.
    pub routes: Vec<Route>,
}

/// A component as the gateway reaches it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Upstream {
    /// Its base URL.
    pub url: String,
    /// Where it is, instead of wherever the URL's name resolves to: `address:port`, as many as there are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<SocketAddr>,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// The path and everything below it, by whole segments. A segment such as `{id}` stands for any one.
    pub path: String,
    /// Whether only this very path matches, nothing below it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
    /// The hosts that it is for: a name, or `*.example.org` for all names below one; empty: every host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Who answers.
    pub upstream: Name,
    /// What is taken off the front of the path.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub strip_prefix: String,
    /// What the upstream is asked for in place of the path, with the path's variables; what is below the path
    /// follows. Instead of `strip_prefix`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<String>,
    /// The methods that pass.
    pub methods: Vec<String>,
    /// The audience that a token needs for the upstream; none for open routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Name>,
    /// The methods that need no token although there is an audience. A token that comes along is checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub public_methods: Vec<String>,
    /// Scopes of which a token needs at least one; empty: the upstream's own check is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Whether the upstream gets a token of its own instead of the caller's; only where there is an audience.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub exchange: bool,
    /// The class in `limits` that its requests count in; none: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Who goes first when the gateway has too much to do.
    #[serde(default, skip_serializing_if = "Priority::is_normal")]
    pub priority: Priority,
    /// Whether connections may be upgraded (WebSocket).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub upgrade: bool,
    /// Foreign origins whose pages may call this route (CORS): `https://other.example`, or `*` for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// What of its answers is kept; none: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheRule>,
    /// What becomes of headers on their way to the upstream.
    #[serde(default, skip_serializing_if = "HeaderRules::is_empty")]
    pub request_headers: HeaderRules,
    /// What becomes of headers on their way to the client.
    #[serde(default, skip_serializing_if = "HeaderRules::is_empty")]
    pub response_headers: HeaderRules,
    /// The longest body in bytes.
    pub body_limit_bytes: u64,
    /// How long the upstream may take until its answer begins.
    pub timeout_seconds: u32,
    /// How long either side may be silent in the middle of a body.
    #[serde(default = "idle_timeout", skip_serializing_if = "is_idle_timeout")]
    pub idle_timeout_seconds: u32,
    /// How long request and answer may take together; none: as long as data flows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_timeout_seconds: Option<u32>,
    /// How often a request that is safe to repeat is sent again.
    #[serde(default = "retries", skip_serializing_if = "is_retries")]
    pub retries: u32,
}

/// How much a class of requests may do, for each of those it is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limit {
    /// How many requests.
    pub requests: u32,
    /// In how many seconds.
    pub per_seconds: u32,
    /// How many of them may come at once.
    pub burst: u32,
    /// What is counted.
    pub by: LimitBy,
}

/// What a limit counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitBy {
    /// The token's user or service; without a token the address.
    Subject,
    /// The token's client; without a token the address.
    Client,
    /// The address alone.
    Address,
}

/// Who goes first when the gateway has too much to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Turned away first.
    Low,
    /// Most routes.
    #[default]
    Normal,
    /// Turned away last: sign-in.
    High,
}

impl Priority {
    fn is_normal(&self) -> bool {
        *self == Self::Normal
    }
}

const IDLE_TIMEOUT: u32 = 60;
const RETRIES: u32 = 2;

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_yes(it: &bool) -> bool {
    *it
}

fn idle_timeout() -> u32 {
    IDLE_TIMEOUT
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_idle_timeout(seconds: &u32) -> bool {
    *seconds == IDLE_TIMEOUT
}

fn retries() -> u32 {
    RETRIES
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_retries(times: &u32) -> bool {
    *times == RETRIES
}

impl Route {
    /// A route with every optional field at its default.
    fn new(path: String, upstream: Name, body_limit_bytes: u64, timeout_seconds: u32) -> Self {
        Self {
            path,
            exact: false,
            hosts: Vec::new(),
            upstream,
            strip_prefix: String::new(),
            rewrite: None,
            methods: Vec::new(),
            audience: None,
            public_methods: Vec::new(),
            scopes: Vec::new(),
            exchange: true,
            limit: None,
            priority: Priority::Normal,
            upgrade: false,
            origins: Vec::new(),
            cache: None,
            request_headers: HeaderRules::default(),
            response_headers: HeaderRules::default(),
            body_limit_bytes,
            timeout_seconds,
            idle_timeout_seconds: IDLE_TIMEOUT,
            total_timeout_seconds: None,
            retries: RETRIES,
        }
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// The gateway's routes, when `url` tells where a component is.
///
/// Beside the routes in the table every service shows its description at `/services/<name>/openapi.json`.
/// `/services/openapi.json` and `/docs` are the gateway's own. What needs a
/// scope has a route of its own, so that the gateway refuses without asking the service; whatever else is
/// below a service's path goes there too, with a token of its audience.
pub fn routes_file(url: impl Fn(Name) -> String) -> RoutesFile {
    let limits = LIMITS.iter().map(|&(class, limit)| (class.to_owned(), limit)).collect();
    let mut file =
        RoutesFile { version: ROUTES_VERSION, upstreams: BTreeMap::new(), limits, routes: Vec::new() };
    for component in components().iter().filter(|component| !component.routes.is_empty()) {
        file.upstreams.insert(component.name, Upstream { url: url(component.name), addresses: Vec::new() });
        for route in component.routes {
            let whole = rendered(component.name, route);
            if route.audience.is_some() {
                file.routes.extend(demanding(&whole));
            }
            file.routes.push(whole);
        }
        if component.is_service() {
            let prefix = format!("/services/{}", component.name);
            file.routes.push(Route {
                exact: true,
                strip_prefix: prefix.clone(),
                methods: owned(READ),
                limit: Some("pages".to_owned()),
                priority: Priority::Low,
                ..Route::new(format!("{prefix}/openapi.json"), component.name, 0, TIMEOUT)
            });
        }
    }
    file.routes.sort_by(|a, b| (&a.path, &a.methods).cmp(&(&b.path, &b.methods)));
    file
}

/// A line of the table as a route.
fn rendered(upstream: Name, route: &PublicRoute) -> Route {
    Route {
        strip_prefix: route.strip_prefix.to_owned(),
        methods: owned(route.methods),
        audience: route.audience,
        public_methods: owned(route.public_methods),
        limit: Some(route.limit.to_owned()),
        priority: route.priority,
        cache: route.cached.then(CacheRule::default),
        ..Route::new(route.path.to_owned(), upstream, route.body_limit, route.timeout)
    }
}

/// The routes below `whole` that need a scope. Methods of the same path that need none stay together in one
/// more, since the most specific path decides before the method does.
fn demanding(whole: &Route) -> Vec<Route> {
    let inside = |path: &str| format!("{}{path}", whole.strip_prefix);
    let mut routes: Vec<Route> = Vec::new();
    for demand in demands().iter().filter(|demand| demand.service == whole.upstream) {
        let path = inside(demand.path);
        let methods = owned(demand.methods);
        if routes.iter().all(|route| route.path != path) {
            let taken = |method: &String| {
                let same =
                    demands().iter().filter(|it| it.service == demand.service && it.path == demand.path);
                same.flat_map(|it| it.methods).any(|it| it == method)
            };
            let rest: Vec<String> = whole.methods.iter().filter(|it| !taken(it)).cloned().collect();
            routes.push(Route { path: path.clone(), exact: true, methods: rest, ..whole.clone() });
        }
        routes.push(Route {
            path,
            exact: true,
            methods,
            public_methods: Vec::new(),
            scopes: vec![demand.scope.to_owned()],
            cache: None,
            ..whole.clone()
        });
    }
    routes
}
