//! Which paths the gateway opens, and the versioned `routes.yaml` that tells it so. Later releases
//! add fields and routes; they never change the meaning of those that are there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Name, components};

pub(crate) const READ: &[&str] = &["GET", "HEAD", "OPTIONS"];
pub(crate) const READ_WRITE: &[&str] = &["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

/// The version of the format that [`routes_file`] writes.
pub const ROUTES_VERSION: u32 = 1;
const BODY_LIMIT: u64 = 1024 * 1024;
const TIMEOUT: u32 = 10;

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
    /// The longest body in bytes.
    pub body_limit: u64,
    /// How long the component may take until its answer begins, in seconds.
    pub timeout: u32,
}

impl PublicRoute {
    /// A route whose path the component sees unchanged.
    pub(crate) const fn as_is(path: &'static str, methods: &'static [&'static str]) -> Self {
        Self { path, strip_prefix: "", methods, audience: None, body_limit: BODY_LIMIT, timeout: TIMEOUT }
    }

    /// The versioned API of a service.
    pub(crate) const fn service(path: &'static str, strip_prefix: &'static str, audience: Name) -> Self {
        Self {
            path,
            strip_prefix,
            methods: READ_WRITE,
            audience: Some(audience),
            body_limit: BODY_LIMIT,
            timeout: TIMEOUT,
        }
    }

    pub(crate) const fn body_limit(mut self, bytes: u64) -> Self {
        self.body_limit = bytes;
        self
    }

    pub(crate) const fn timeout(mut self, seconds: u32) -> Self {
        self.timeout = seconds;
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
    /// The routes; the longest path that matches wins, whatever their order.
    pub routes: Vec<Route>,
}

/// A component as the gateway reaches it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Upstream {
    /// Its base URL.
    pub url: String,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// The path and everything below it, by whole segments.
    pub path: String,
    /// Whether only this very path matches, nothing below it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
    /// Who answers.
    pub upstream: Name,
    /// What is taken off the front of the path.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub strip_prefix: String,
    /// The methods that pass.
    pub methods: Vec<String>,
    /// The audience that a token needs for the upstream; none for open routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Name>,
    /// The longest body in bytes.
    pub body_limit_bytes: u64,
    /// How long the upstream may take until its answer begins.
    pub timeout_seconds: u32,
}

/// The gateway's routes, when `url` tells where a component is.
///
/// Beside the routes in the table every service with a versioned API shows its description at
/// `/services/<name>/openapi.json`. `/services/openapi.json` and `/docs` are the gateway's own.
pub fn routes_file(url: impl Fn(Name) -> String) -> RoutesFile {
    let mut file = RoutesFile { version: ROUTES_VERSION, upstreams: BTreeMap::new(), routes: Vec::new() };
    for component in components().iter().filter(|component| !component.routes.is_empty()) {
        file.upstreams.insert(component.name, Upstream { url: url(component.name) });
        for route in component.routes {
            file.routes.push(Route {
                path: route.path.to_owned(),
                exact: false,
                upstream: component.name,
                strip_prefix: route.strip_prefix.to_owned(),
                methods: route.methods.iter().map(|&method| method.to_owned()).collect(),
                audience: route.audience,
                body_limit_bytes: route.body_limit,
                timeout_seconds: route.timeout,
            });
        }
        if let Some(route) = component.routes.iter().find(|route| !route.strip_prefix.is_empty()) {
            file.routes.push(Route {
                path: format!("{}/openapi.json", route.strip_prefix),
                exact: true,
                upstream: component.name,
                strip_prefix: route.strip_prefix.to_owned(),
                methods: READ.iter().map(|&method| method.to_owned()).collect(),
                audience: None,
                body_limit_bytes: 0,
                timeout_seconds: TIMEOUT,
            });
        }
    }
    file.routes.sort_by(|a, b| a.path.cmp(&b.path));
    file
}
