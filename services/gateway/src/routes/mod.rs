//! The phase *match*: from a path to the route that serves it.

mod load;
mod path;

use std::collections::{BTreeMap, HashMap};

use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Uri};
use platform_components::{Limit, Name, Priority, Route};
use std::time::Duration;

pub(crate) use path::check as check_path;

/// A route, ready to be used.
#[derive(Debug)]
pub(crate) struct Compiled {
    route: Route,
    methods: Vec<Method>,
    public_methods: Vec<Method>,
    allow: HeaderValue,
    origins: Vec<HeaderValue>,
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

    pub(crate) fn limit_class(&self) -> Option<&str> {
        self.route.limit.as_deref()
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

    /// The value of `Allow` for a 405.
    pub(crate) fn allow(&self) -> HeaderValue {
        self.allow.clone()
    }

    /// What the upstream is asked for: path and query without the prefix.
    pub(crate) fn target(&self, uri: &Uri) -> Result<Uri, http::Error> {
        let whole = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        if self.route.strip_prefix.is_empty() {
            return Ok(Uri::from(whole));
        }
        let rest = whole.as_str().strip_prefix(&self.route.strip_prefix).unwrap_or(whole.as_str());
        let rest: PathAndQuery =
            if rest.starts_with('/') { rest.try_into()? } else { format!("/{rest}").try_into()? };
        Ok(Uri::from(rest))
    }

    fn matches(&self, path: &str) -> bool {
        let prefix = self.route.path.trim_end_matches('/');
        match path.strip_prefix(prefix) {
            Some("") => true,
            Some(rest) => !self.route.exact && rest.starts_with('/'),
            None => false,
        }
    }
}

/// All routes, longest path first, so that the first match is the right one.
#[derive(Debug)]
pub(crate) struct Table {
    routes: Vec<Compiled>,
    targets: HashMap<Name, Target>,
    limits: BTreeMap<String, Limit>,
}

impl Table {
    /// The route for a path that [`check_path`] has let through.
    pub(crate) fn find(&self, path: &str) -> Option<&Compiled> {
        self.routes.iter().find(|compiled| compiled.matches(path))
    }

    pub(crate) fn len(&self) -> usize {
        self.routes.len()
    }

    pub(crate) fn targets(&self) -> &HashMap<Name, Target> {
        &self.targets
    }

    pub(crate) fn limit(&self, class: &str) -> Option<&Limit> {
        self.limits.get(class)
    }

    fn new(
        mut routes: Vec<Compiled>,
        targets: HashMap<Name, Target>,
        limits: BTreeMap<String, Limit>,
    ) -> Self {
        routes.sort_by_key(|it| {
            (std::cmp::Reverse(it.route.path.trim_end_matches('/').len()), !it.route.exact)
        });
        for (index, route) in routes.iter_mut().enumerate() {
            route.index = index;
        }
        Self { routes, targets, limits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform_components::routes_file;

    fn table() -> Table {
        let file = routes_file(|name| format!("http://demo-{name}:8080"));
        load::compile(file, "").unwrap()
    }

    #[test]
    fn every_public_path_leads_to_its_component() {
        let table = table();
        for (path, upstream) in [
            ("/", "web"),
            ("/courses/rust-1", "web"),
            ("/identity/.well-known/openid-configuration", "identity"),
            ("/.well-known/oauth-authorization-server/identity", "identity"),
            ("/services/catalog/v1/courses", "catalog"),
            ("/services/catalog/openapi.json", "catalog"),
            ("/services/order/v1/orders", "order"),
            ("/photos/abc/card.webp", "photostock"),
            ("/photoshop", "web"),
        ] {
            assert_eq!(table.find(path).map(|it| it.upstream_name().as_str()), Some(upstream), "{path}");
        }
    }

    #[test]
    fn internal_routes_have_no_way_in() {
        let table = table();
        for component in platform_components::components() {
            let path = format!("/services/{}/internal/v1/x", component.name);
            let found = table.find(&path).map(Compiled::upstream_name);
            assert_eq!(found, Some(Name::Web), "{path} must only reach the shop's 404");
        }
    }

    #[test]
    fn only_reading_the_catalog_and_photos_needs_no_token() {
        let table = table();
        for (method, path, public) in [
            (Method::GET, "/services/catalog/v1/courses", true),
            (Method::POST, "/services/catalog/v1/courses", false),
            (Method::GET, "/services/photostock/v1/photos/x", true),
            (Method::POST, "/services/photostock/v1/photos", false),
            (Method::GET, "/services/order/v1/orders", false),
            (Method::GET, "/services/basket/v1/basket", false),
        ] {
            let route = table.find(path).unwrap();
            assert!(route.audience().is_some(), "{path}");
            assert_eq!(route.is_public(&method), public, "{method} {path}");
        }
    }

    #[test]
    fn prefixes_are_stripped_and_queries_kept() {
        let table = table();
        let target = |path: &str| {
            let uri: Uri = path.parse().unwrap();
            table.find(uri.path()).unwrap().target(&uri).unwrap().to_string()
        };
        assert_eq!(target("/services/catalog/v1/courses?limit=2"), "/v1/courses?limit=2");
        assert_eq!(target("/services/catalog/v1"), "/v1");
        assert_eq!(target("/identity/jwks"), "/identity/jwks");
        assert_eq!(target("/?a=b"), "/?a=b");
        assert_eq!(table.targets()[&Name::Catalog].authority, "demo-catalog:8080");
    }
}
