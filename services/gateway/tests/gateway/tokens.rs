//! Whose token is taken where, and what reaches the service.

use axum::Router;
use axum::extract::Request;
use platform_testkit::{TestIssuer, bad_tokens};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::exchange::{Identity, bearer, claims, exchanging, user};
use crate::support::{counted, routes, serve, start, tell, telling};

#[tokio::test]
async fn a_token_is_needed_where_the_route_says_so_and_a_wrong_one_is_refused_everywhere() {
    let identity = Identity::default();
    let address = identity.serve().await;
    let running = exchanging(telling().await, address, &[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let missing = running.api.get("/services/order/v1/orders").await;
    missing.problem(401, "unauthenticated");
    assert_eq!(missing.header("www-authenticate"), Some("Bearer"));
    running.api.post("/services/catalog/v1/courses", json!({})).await.problem(401, "unauthenticated");
    let told: Value = running.api.get("/services/catalog/v1/courses").await.expect(200).json();
    assert!(told["headers"]["authorization"].is_null());

    let before = counted("gateway_tokens_refused_total", &["invalid"]);
    let good = user(Uuid::now_v7(), "web", "order.read");
    let wrong = bad_tokens::wrong_tokens(TestIssuer::shared(), &good);
    for (number, (what, token)) in wrong
        .iter()
        .filter(|(what, _)| !what.contains("gateway"))
        .filter(|(_, token)| http::HeaderValue::from_str(token).is_ok())
        .enumerate()
    {
        // There are more than one address may send.
        let api = running.api.with("x-forwarded-for", &format!("192.0.2.{}", number % 250));
        let answer = api.with_token(token).get("/services/catalog/v1/courses").await;
        assert_eq!(answer.status, 401, "{what}");
    }
    assert!(counted("gateway_tokens_refused_total", &["invalid"]) > before + 50.0);
    let other = TestIssuer::shared().user("order", Uuid::now_v7()).scope("order.read").sign();
    let answer = running.api.with_token(&other).get("/services/order/v1/orders").await;
    answer.problem(401, "unauthenticated");
    assert!(answer.header("www-authenticate").unwrap().contains("invalid_token"));
    assert_eq!(identity.asked(), 0, "nothing of this is worth a question");
}

#[tokio::test]
async fn services_have_no_business_here_but_the_shops_server() {
    let identity = Identity::default();
    let address = identity.serve().await;
    let running = exchanging(telling().await, address, &[]).await;
    let service = |name: &str| TestIssuer::shared().service("gateway", name).scope("catalog.read").sign();
    let order = running.api.with_token(&service("order"));
    order.get("/services/catalog/v1/courses").await.problem(403, "insufficient-scope");
    let web = running.api.with_token(&service("web"));
    let told: Value = web.get("/services/catalog/v1/courses").await.expect(200).json();
    assert_eq!(claims(&bearer(&told))["sub"], "web");
}

#[tokio::test]
async fn only_the_shops_server_names_a_visitors_address() {
    let identity = Identity::default();
    let address = identity.serve().await;
    let running = exchanging(telling().await, address, &[]).await;
    let visitor = TestIssuer::shared().service("gateway", "web").scope("catalog.read").sign();
    let mobile = user(Uuid::now_v7(), "mobile", "catalog.learn").sign();
    for (token, expected) in [(&visitor, "203.0.113.7"), (&mobile, "127.0.0.1")] {
        let api = running.api.with_token(token).with("forwarded", "for=203.0.113.7");
        let told: Value = api.get("/services/catalog/v1/courses").await.expect(200).json();
        assert_eq!(told["headers"]["x-forwarded-for"], expected);
    }
}

#[tokio::test]
async fn identity_gets_what_it_was_sent_and_pages_get_nothing() {
    let identity = Identity::default();
    let address = identity.serve().await;
    let running = exchanging(telling().await, address, &[]).await;
    let token = user(Uuid::now_v7(), "web", "openid").sign();
    let api = running.api.with_token(&token);
    let told: Value = api.get("/identity/userinfo").await.expect(200).json();
    assert_eq!(bearer(&told), token);
    let basic = running.api.with("authorization", "Basic bWU6c2VjcmV0");
    let told: Value = basic.post("/identity/token", json!({})).await.expect(200).json();
    assert_eq!(told["headers"]["authorization"], "Basic bWU6c2VjcmV0");
    let told: Value = api.get("/").await.expect(200).json();
    assert!(told["headers"]["authorization"].is_null());
    assert_eq!(identity.asked(), 0);
}

#[tokio::test]
async fn without_keys_nothing_is_believed_and_visitors_are_served() {
    let running = start(&routes(telling().await), &[("JWKS_URI", "http://127.0.0.1:1/jwks")]).await;
    let api = running.api.with_token(&user(Uuid::now_v7(), "web", "order.read").sign());
    let answer = api.get("/services/order/v1/orders").await;
    answer.problem(503, "unavailable");
    assert!(answer.header("retry-after").is_some());
    running.api.get("/services/catalog/v1/courses").await.assert_status(200);
}

#[tokio::test]
async fn alone_with_a_static_jwks_tokens_are_checked_and_passed_on() {
    let settings = [("JWKS_URI", TestIssuer::shared().jwks_uri())];
    let running = start(&routes(telling().await), &settings).await;
    let token = user(Uuid::now_v7(), "web", "order.read").sign();
    let told: Value =
        running.api.with_token(&token).get("/services/order/v1/orders").await.expect(200).json();
    assert_eq!(bearer(&told), token);
}

#[tokio::test]
async fn a_route_may_want_a_scope_itself() {
    let routes = routes(telling().await).replace("audience: order,", "audience: order, scopes: [order.buy],");
    let running = start(&routes, &[("JWKS_URI", TestIssuer::shared().jwks_uri())]).await;
    let narrow = running.api.with_token(&user(Uuid::now_v7(), "web", "order.read").sign());
    let refused = narrow.get("/services/order/v1/orders").await;
    refused.problem(403, "insufficient-scope");
    assert!(refused.header("www-authenticate").unwrap().contains("scope=\"order.buy\""));
    let wide = running.api.with_token(&user(Uuid::now_v7(), "web", "order.read order.buy").sign());
    wide.get("/services/order/v1/orders").await.assert_status(200);
}

#[tokio::test]
async fn two_tokens_are_none() {
    let settings = [("JWKS_URI", TestIssuer::shared().jwks_uri())];
    let upstream = serve(Router::new().fallback(axum::routing::any(|request: Request| tell(request)))).await;
    let running = start(&routes(upstream), &settings).await;
    let token = user(Uuid::now_v7(), "web", "order.read").sign();
    let api = running.api.with_token(&token).and_with("authorization", format!("Bearer {token}").as_bytes());
    api.get("/services/order/v1/orders").await.problem(401, "unauthenticated");
}
