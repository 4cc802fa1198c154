//! The table of all routes and what each demands (docs/api/routes.md), held against OpenAPI documents and
//! running services. A route that is not listed fails, and so does one that demands something else.

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;
use uuid::Uuid;

use crate::{Answer, Api, TestIssuer, TokenBuilder};

/// The services whose APIs take tokens of their own audience.
pub const AUDIENCES: [&str; 6] = ["catalog", "basket", "discount", "order", "payment", "photostock"];
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/api/routes.md");
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// The component that serves it.
    pub service: String,
    /// Such as `GET`.
    pub method: String,
    /// Its template, as the component itself sees it.
    pub path: String,
    /// A scope, or `public` and the like.
    pub demands: String,
}

impl Route {
    /// The scope that it demands, if it is one; scopes have dots or are those of OpenID Connect.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        Some(self.demands.as_str()).filter(|it| it.contains('.') || *it == "openid")
    }

    /// Whether it is for services' tokens: those have system scopes.
    fn is_for_services(&self) -> bool {
        self.demands.contains(".sys.")
    }
}

/// Every line of the table.
///
/// # Panics
/// When there is no table.
#[must_use]
pub fn table() -> Vec<Route> {
    let text = std::fs::read_to_string(TABLE).expect("docs/api/routes.md");
    let cells = |line: &str| -> Vec<String> {
        line.trim()
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().trim_matches('`').to_owned())
            .collect()
    };
    let lines = text.lines().filter(|line| line.starts_with("| ")).map(cells);
    let routes: Vec<Route> = lines
        .filter_map(|cells| match <[String; 4]>::try_from(cells) {
            Ok([service, method, path, demands]) if path.starts_with('/') => {
                Some(Route { service, method, path, demands })
            }
            _ => None,
        })
        .collect();
    assert!(!routes.is_empty(), "docs/api/routes.md has no table of service, method, path and demand");
    routes
}

/// The scopes of the table that users may have.
#[must_use]
pub fn user_scopes() -> Vec<String> {
    scopes(|route| !route.is_for_services())
}

fn scopes(which: impl Fn(&Route) -> bool) -> Vec<String> {
    let table = table();
    let scopes = table.iter().filter(|route| which(route)).filter_map(Route::scope);
    scopes.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Holds the table against a component's OpenAPI document: each names the other's routes, and demands alike.
///
/// # Panics
/// With the difference.
pub fn check_document(service: &str, document: &Value) {
    let listed: BTreeSet<Route> = table().into_iter().filter(|route| route.service == service).collect();
    let described = described(service, document);
    let demands_alike = |one: &Route, other: &Route| {
        // A word such as `public` stands for every way to demand no access token.
        (&one.method, &one.path, one.scope()) == (&other.method, &other.path, other.scope())
    };
    for route in &described {
        assert!(
            listed.iter().any(|other| demands_alike(route, other)),
            "not in docs/api/routes.md: | {} | {} | {} | {} |",
            route.service,
            route.method,
            route.path,
            route.demands
        );
    }
    for route in &listed {
        assert!(
            described.iter().any(|other| demands_alike(route, other)),
            "in docs/api/routes.md, and not in {service}'s openapi.json: {} {} demands {}",
            route.method,
            route.path,
            route.demands
        );
    }
}

fn described(service: &str, document: &Value) -> BTreeSet<Route> {
    let mut routes = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let scopes = operation["security"].as_array().into_iter().flatten();
            let scopes: Vec<_> = scopes
                .filter_map(|one| one["access_token"].as_array())
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            routes.insert(Route {
                service: service.to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                demands: if scopes.is_empty() { "public".to_owned() } else { scopes.join(" ") },
            });
        }
    }
    routes
}

/// Holds the table against a component's OpenAPI document and against the running component, which must trust
/// [`TestIssuer::shared`] and have its store. `api` must be without credentials.
///
/// # Panics
/// With the route, when it lets somebody in whom it should not, or does not whom it should.
pub async fn check(api: &Api, service: &str, document: &Value) {
    check_document(service, document);
    let routes: Vec<Route> = table().into_iter().filter(|route| route.service == service).collect();
    assert!(!routes.is_empty(), "docs/api/routes.md has no route of {service}");
    for route in &routes {
        Running { api, route }.check().await;
    }
    no_other_methods(api, &routes).await;
}

/// A method that is not listed for a path is not served there.
async fn no_other_methods(api: &Api, routes: &[Route]) {
    let user = api.as_user(Uuid::now_v7());
    for route in routes {
        for method in METHODS {
            if !routes.iter().any(|other| other.path == route.path && other.method == method.as_str()) {
                let answer = user.send(method, &example(&route.path), None, "").await;
                answer.problem(405, "method-not-allowed");
            }
        }
    }
}

/// A path with ids in place of its variables.
fn example(template: &str) -> String {
    let parts = template
        .split('/')
        .map(|part| if part.starts_with('{') { Uuid::now_v7().to_string() } else { part.to_owned() });
    parts.collect::<Vec<_>>().join("/")
}

struct Running<'a> {
    api: &'a Api,
    route: &'a Route,
}

impl Running<'_> {
    async fn check(&self) {
        let wrong = self.send(&self.api.with_token("no.real.token")).await;
        wrong.problem(401, "unauthenticated");
        let without = self.send(self.api).await;
        let Some(scope) = self.route.scope() else { return self.lets_in("nobody", &without) };

        without.problem(401, "unauthenticated");
        assert_eq!(without.header("www-authenticate"), Some("Bearer"), "{:?}", self.route);
        let others =
            scopes(|_| true).into_iter().filter(|other| other != scope).collect::<Vec<_>>().join(" ");
        let (right, wrong) = if self.route.is_for_services() {
            (self.service(), self.user())
        } else {
            (self.user(), self.service())
        };
        let answer = self.send(&self.api.with_token(&right.clone().scope(&others).sign())).await;
        answer.problem(403, "insufficient-scope");
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
        assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()), "{:?}", self.route);
        self.send(&self.api.with_token(&wrong.scope(scope).sign())).await.problem(403, "insufficient-scope");
        self.lets_in("the right scope", &self.send(&self.api.with_token(&right.scope(scope).sign())).await);
    }

    fn user(&self) -> TokenBuilder<'static> {
        TestIssuer::shared().user(&self.route.service, Uuid::now_v7())
    }

    fn service(&self) -> TokenBuilder<'static> {
        TestIssuer::shared().service(&self.route.service, "order")
    }

    async fn send(&self, api: &Api) -> Answer {
        let method: Method = self.route.method.parse().expect("a method");
        api.send(method, &example(&self.route.path), None, "").await
    }

    fn lets_in(&self, who: &str, answer: &Answer) {
        let status = answer.status.as_u16();
        assert!(
            !matches!(status, 401 | 403 | 405 | 500..),
            "{who}: {:?} answered {status} {}",
            self.route,
            answer.text()
        );
    }
}
