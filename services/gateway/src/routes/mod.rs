//! The phase *match*: from a path to the route that serves it.

mod load;
mod path;

use std::collections::HashMap;

use http::{Method, Uri};
use platform_components::{Name, Route};

pub(crate) use load::RoutesError;
pub(crate) use path::check as check_path;

/// A route, ready to be used.
#[derive(Debug)]
pub(crate) struct Compiled {
    route: Route,
    methods: Vec<Method>,
    upstream: Uri,
}

impl Compiled {
    pub(crate) fn upstream_name(&self) -> Name {
        self.route.upstream
    }

    pub(crate) fn body_limit(&self) -> u64 {
        self.route.body_limit_bytes
    }

    pub(crate) fn timeout(&self) -> std::time::Duration {
        std::time::Duration::from_secs(u64::from(self.route.timeout_seconds))
    }

    pub(crate) fn allows(&self, method: &Method) -> bool {
        self.methods.contains(method)
    }

    /// The value of `Allow` for a 405.
    pub(crate) fn allow(&self) -> String {
        self.route.methods.join(", ")
    }

    /// The upstream's address for a request's path and query.
    pub(crate) fn target(&self, uri: &Uri) -> Result<Uri, http::Error> {
        let path = uri.path().strip_prefix(&self.route.strip_prefix).unwrap_or(uri.path());
        let path = if path.is_empty() { "/" } else { path };
        let path_and_query = match uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let mut parts = self.upstream.clone().into_parts();
        parts.path_and_query = Some(path_and_query.try_into()?);
        Ok(Uri::from_parts(parts)?)
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
pub(crate) struct Table(Vec<Compiled>);

impl Table {
    /// The route for a path that [`check_path`] has let through.
    pub(crate) fn find(&self, path: &str) -> Option<&Compiled> {
        self.0.iter().find(|compiled| compiled.matches(path))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn new(routes: Vec<Route>, upstreams: &HashMap<Name, Uri>) -> Result<Self, RoutesError> {
        let mut table = Vec::with_capacity(routes.len());
        for route in routes {
            let upstream = upstreams.get(&route.upstream).cloned().ok_or_else(|| RoutesError::Route {
                path: route.path.clone(),
                reason: format!("its upstream {} is not in `upstreams`", route.upstream),
            })?;
            let methods = route.methods.iter().map(|method| Method::from_bytes(method.as_bytes()));
            let methods = methods.collect::<Result<Vec<_>, _>>().map_err(|_| RoutesError::Route {
                path: route.path.clone(),
                reason: "one of its methods is none".to_owned(),
            })?;
            table.push(Compiled { route, methods, upstream });
        }
        table.sort_by(|a, b| {
            let key = |it: &Compiled| {
                (std::cmp::Reverse(it.route.path.trim_end_matches('/').len()), !it.route.exact)
            };
            key(a).cmp(&key(b))
        });
        Ok(Self(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform_components::routes_file;

    fn table() -> Table {
        let file = routes_file(|name| format!("http://demo-{name}:8080"));
        load::compile(file).unwrap()
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
    fn prefixes_are_stripped_and_queries_kept() {
        let table = table();
        let target = |path: &str| {
            let uri: Uri = path.parse().unwrap();
            table.find(uri.path()).unwrap().target(&uri).unwrap().to_string()
        };
        assert_eq!(
            target("/services/catalog/v1/courses?limit=2"),
            "http://demo-catalog:8080/v1/courses?limit=2"
        );
        assert_eq!(target("/identity/jwks"), "http://demo-identity:8080/identity/jwks");
        assert_eq!(target("/"), "http://demo-web:8080/");
    }
}
