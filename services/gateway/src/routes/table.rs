//! All routes, and which of them a request is for: by its host, then by the most specific path, then by its
//! method.

use std::collections::{BTreeMap, HashMap};

use http::request::Parts;
use http::{HeaderValue, Method, header};
use platform_components::{Limit, Name};

use super::host::{self, Host};
use super::pattern::Pattern;
use super::tree::Tree;
use super::{Compiled, Target};
use crate::limit::{Class, WRONG_TOKENS};

/// The class of pages, the gateway's own among them.
const PAGES: &str = "pages";

/// All routes.
#[derive(Debug)]
pub(crate) struct Table {
    routes: Vec<Compiled>,
    /// Routes for some hosts, the most specific hosts first.
    hosts: Vec<(Host, Tree)>,
    /// Routes for every host.
    everywhere: Tree,
    targets: HashMap<Name, Target>,
    caches: bool,
    wrong_tokens: Class,
    /// The class `pages`, where the file has one.
    pages: Option<Class>,
}

/// A route that is put into the table, with what was read of its path and hosts.
pub(super) type Entry = (Compiled, Pattern, Vec<Host>);

impl Table {
    /// The route for a request whose path [`super::check_path`] has let through; one that takes its method if
    /// there is any at its path.
    pub(crate) fn find(&self, parts: &Parts) -> Option<&Compiled> {
        let path = parts.uri.path();
        let found = if self.hosts.is_empty() { None } else { self.find_by_host(parts, path) };
        let routes = found.or_else(|| self.everywhere.find(path))?;
        let mut routes = routes.iter().filter_map(|&index| self.routes.get(index));
        let first = routes.next()?;
        let method = wanted(parts);
        let method = method.as_ref().unwrap_or(&parts.method);
        if first.allows(method) { Some(first) } else { routes.find(|it| it.allows(method)).or(Some(first)) }
    }

    fn find_by_host(&self, parts: &Parts, path: &str) -> Option<&[usize]> {
        let host = host::of(parts)?;
        self.hosts.iter().filter(|(own, _)| own.matches(&host)).find_map(|(_, tree)| tree.find(path))
    }

    /// A route at this path, whatever its method, of those for every host.
    pub(crate) fn at(&self, path: &str) -> Option<&Compiled> {
        self.routes.get(*self.everywhere.find(path)?.first()?)
    }

    /// The route with this index.
    pub(crate) fn route(&self, index: usize) -> Option<&Compiled> {
        self.routes.get(index)
    }

    pub(crate) fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether any route keeps answers.
    pub(crate) fn caches(&self) -> bool {
        self.caches
    }

    /// Whether any route needs to know who calls.
    pub(crate) fn checks_tokens(&self) -> bool {
        self.routes.iter().any(|route| route.audience().is_some())
    }

    /// The class in which wrong tokens count, whatever route they came to.
    pub(crate) fn wrong_tokens(&self) -> &Class {
        &self.wrong_tokens
    }

    /// The class that the gateway's own pages count in.
    pub(crate) fn pages_limit(&self) -> Option<&Class> {
        self.pages.as_ref()
    }

    /// A route that exchanges tokens, if there is any.
    pub(crate) fn exchanging(&self) -> Option<&Compiled> {
        self.routes.iter().find(|route| route.exchanges())
    }

    pub(crate) fn targets(&self) -> &HashMap<Name, Target> {
        &self.targets
    }

    /// A table of routes that were checked not to clash.
    pub(super) fn new(
        entries: Vec<Entry>,
        targets: HashMap<Name, Target>,
        limits: &BTreeMap<String, Limit>,
    ) -> Self {
        let mut routes = Vec::with_capacity(entries.len());
        let mut everywhere = Tree::default();
        let mut hosts: BTreeMap<Host, Tree> = BTreeMap::new();
        for (index, (mut compiled, pattern, own)) in entries.into_iter().enumerate() {
            compiled.index = index;
            let class = compiled.route.limit.as_ref().and_then(|name| limits.get_key_value(name));
            compiled.limit = class.map(|(name, limit)| Class::new(name, *limit));
            routes.push(compiled);
            if own.is_empty() {
                everywhere.at(&pattern).push(index);
            }
            for host in own {
                hosts.entry(host).or_default().at(&pattern).push(index);
            }
        }
        let hosts: Vec<_> = hosts.into_iter().collect();
        for tree in hosts.iter().map(|(_, tree)| tree).chain([&everywhere]) {
            tree.each(&mut |places| allow_together(&mut routes, places));
        }
        let caches = routes.iter().any(|route: &Compiled| route.cache().is_some());
        let wrong_tokens = Class::of_wrong_tokens(limits.get(WRONG_TOKENS));
        let pages = limits.get(PAGES).map(|limit| Class::new(PAGES, *limit));
        Self { routes, hosts, everywhere, targets, caches, wrong_tokens, pages }
    }
}

/// `Allow` names what all routes of one path take.
fn allow_together(routes: &mut [Compiled], places: &[usize]) {
    if places.len() < 2 {
        return;
    }
    let mut methods: Vec<Method> = Vec::new();
    for route in places.iter().filter_map(|&place| routes.get(place)) {
        methods.extend(route.methods.iter().filter(|it| !methods.contains(it)).cloned().collect::<Vec<_>>());
    }
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    // Methods were read from text that is a header's value too.
    let Ok(allow) = HeaderValue::try_from(names.join(", ")) else { return };
    for &place in places {
        if let Some(route) = routes.get_mut(place) {
            route.allow = allow.clone();
        }
    }
}

/// The method that a browser asks about before it sends (Fetch standard, §3.3).
fn wanted(parts: &Parts) -> Option<Method> {
    if parts.method != Method::OPTIONS {
        return None;
    }
    let value = parts.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    Method::from_bytes(value.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Uri;
    use platform_components::routes_file;

    fn table() -> Table {
        let file = routes_file(|name| format!("http://demo-{name}:8080"));
        super::super::load::build(file, "").unwrap()
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
            ("/services/identity/openapi.json", "identity"),
            ("/services/order/v1/orders", "order"),
            ("/photos/abc/card.webp", "photostock"),
            ("/photoshop", "web"),
        ] {
            assert_eq!(table.at(path).map(|it| it.upstream_name().as_str()), Some(upstream), "{path}");
        }
    }

    #[test]
    fn internal_routes_have_no_way_in() {
        let table = table();
        for component in platform_components::components() {
            let path = format!("/services/{}/internal/v1/x", component.name);
            let found = table.at(&path).map(Compiled::upstream_name);
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
            let (parts, ()) =
                http::Request::builder().method(&method).uri(path).body(()).unwrap().into_parts();
            let route = table.find(&parts).unwrap();
            assert!(route.allows(&method));
            assert!(route.audience().is_some(), "{path}");
            assert_eq!(route.is_public(&method), public, "{method} {path}");
        }
    }

    #[test]
    fn prefixes_are_stripped_and_queries_kept() {
        let table = table();
        let target = |path: &str| {
            let uri: Uri = path.parse().unwrap();
            table.at(uri.path()).unwrap().target(&uri).unwrap().to_string()
        };
        assert_eq!(target("/services/catalog/v1/courses?limit=2"), "/v1/courses?limit=2");
        assert_eq!(target("/services/catalog/v1"), "/v1");
        assert_eq!(target("/identity/jwks"), "/identity/jwks");
        assert_eq!(target("/?a=b"), "/?a=b");
        assert_eq!(table.targets()[&Name::Catalog].authority, "demo-catalog:8080");
    }

    #[test]
    fn a_scope_is_demanded_where_the_service_demands_it() {
        let table = table();
        for (method, path, scopes) in [
            (Method::GET, "/services/catalog/v1/courses", ""),
            (Method::POST, "/services/catalog/v1/courses", "catalog.teach"),
            (Method::PATCH, "/services/catalog/v1/courses/1", "catalog.teach"),
            (Method::GET, "/services/catalog/v1/courses/1", ""),
            (Method::GET, "/services/order/v1/orders", "order.read"),
            (Method::POST, "/services/order/v1/orders", "order.buy"),
            (Method::GET, "/services/order/v1/orders/1", "order.read"),
            (Method::DELETE, "/services/basket/v1/basket/items/1", "basket.use"),
            (Method::GET, "/services/order/v1/elsewhere", ""),
        ] {
            let (parts, ()) =
                http::Request::builder().method(&method).uri(path).body(()).unwrap().into_parts();
            let route = table.find(&parts).unwrap();
            assert!(route.allows(&method), "{method} {path}");
            assert_eq!(route.scopes().join(" "), scopes, "{method} {path}");
        }
    }
}
