//! One table lists every route of every component with what it demands. Here it is held against the OpenAPI
//! documents of all of them, which each component's own tests hold against its code; those tests also try
//! every line on the running component (`platform_testkit::routes::check`).
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::path::Path;

use platform_testkit::routes;
use serde_json::{Value, json};

fn document(component: &str) -> Value {
    let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(services.join(component).join("openapi.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_route_of_every_component_is_listed_with_what_it_demands() {
    let components: Vec<_> = platform_components::components().iter().map(|it| it.name.as_str()).collect();
    for component in &components {
        routes::check_document(component, &document(component));
    }
    for route in routes::table() {
        assert!(components.contains(&route.service.as_str()), "{route:?} is of no component");
    }
}

#[test]
fn only_services_call_internal_routes_and_only_users_the_others() {
    for route in routes::table() {
        let internal = route.path.starts_with("/internal/");
        let of_services = route.demands.contains(".sys.") || route.demands == "internal";
        assert_eq!(internal, of_services, "{route:?}");
    }
}

#[test]
#[should_panic(expected = "not in docs/api/routes.md: | discount | DELETE | /v1/coupons | public |")]
fn a_route_that_is_not_listed_fails() {
    let mut document = document("discount");
    document["paths"]["/v1/coupons"]["delete"] = json!({ "responses": {} });
    routes::check_document("discount", &document);
}

#[test]
#[should_panic(expected = "not in docs/api/routes.md: | discount | GET | /v1/coupons | discount.preview |")]
fn a_route_that_demands_something_else_fails() {
    let mut document = document("discount");
    document["paths"]["/v1/coupons"]["get"]["security"] = json!([{ "access_token": ["discount.preview"] }]);
    routes::check_document("discount", &document);
}

#[test]
#[should_panic(expected = "and not in discount's openapi.json: GET /v1/coupons demands discount.manage")]
fn a_route_that_is_gone_fails() {
    let mut document = document("discount");
    document["paths"]["/v1/coupons"].as_object_mut().unwrap().remove("get");
    routes::check_document("discount", &document);
}
