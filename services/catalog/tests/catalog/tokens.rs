//! Who may do what with the catalog.

use catalog::Catalog;
use platform_service::Component as _;
use platform_testkit::{TestIssuer, bad_tokens, routes};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::catalog;

#[tokio::test]
async fn every_route_demands_what_the_table_says() {
    let running = catalog().await;
    let document = serde_json::to_value(Catalog::openapi()).unwrap();
    routes::check(&running.api, "catalog", &document).await;
}

#[tokio::test]
async fn no_wrong_token_is_accepted() {
    let running = catalog().await;
    bad_tokens::check(&running.api, "catalog", http::Method::POST, "/v1/courses", "catalog.teach").await;
}

#[tokio::test]
async fn a_visitor_with_a_token_reads_what_everybody_reads() {
    let running = catalog().await;
    let category = crate::category(&running.api, "Yazılım").await;
    let course =
        json!({ "name": "Rust", "category_id": category, "price": { "amount": 1, "currency": "TRY" } });
    let teacher = running.api.as_user(Uuid::now_v7());
    let course: Value = teacher.post("/v1/courses", course).await.expect(201).json();
    let path = format!("/v1/courses/{}", course["id"].as_str().unwrap());
    let issuer = TestIssuer::shared();
    for token in [
        issuer.service("catalog", "web").scope("catalog.read"),
        issuer.user("catalog", Uuid::now_v7()).scope("catalog.read"),
        issuer.user("catalog", Uuid::now_v7()),
    ] {
        let seen = running.api.with_token(&token.sign()).get(&path).await.expect(200);
        assert_eq!(seen.json::<Value>(), course);
    }
}
