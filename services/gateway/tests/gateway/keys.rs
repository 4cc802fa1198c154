//! Where the keys come from, and what becomes of tokens when that is away or lied about.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use platform_testkit::{TcpProxy, TestIssuer, TokenBuilder, eventually, life};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::apart::Apart;
use crate::support::{WITHIN, rest, routes, statuses, telling};

const PATH: &str = "/services/order/v1/orders";

/// Somebody who publishes the keys of tests, and how often it was asked for them.
async fn publisher() -> (SocketAddr, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let answer = get(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        async { axum::Json(json!({ "keys": [TestIssuer::shared().jwk()] })) }
    });
    (crate::support::serve(Router::new().route("/jwks", answer)).await, asked)
}

/// A gateway that has its keys from there.
async fn fed(publisher: SocketAddr) -> Apart {
    let uri = format!("http://{publisher}/jwks");
    Apart::start(&routes(telling().await), &[("JWKS_URI", &uri)]).await
}

fn good() -> TokenBuilder<'static> {
    TestIssuer::shared().user("gateway", Uuid::now_v7()).scope("order.read")
}

/// With a key that nobody has ever published.
fn invented() -> String {
    good().header("kid", Uuid::now_v7()).sign()
}

fn refused(reason: &str) -> String {
    format!("gateway_tokens_refused_total{{reason=\"{reason}\"}}")
}

#[tokio::test]
async fn keys_that_are_away_at_the_start_are_waited_for() {
    let proxy = TcpProxy::to(publisher().await.0.to_string()).await;
    proxy.cut();
    let running = fed(proxy.address()).await;
    let api = running.api.with_token(&good().sign());
    let answer = api.get(PATH).await;
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    running.count_is(&refused("no-keys"), 1.0).await;
    // Visitors need none, and it is ready for them.
    running.api.get("/services/catalog/v1/courses").await.assert_status(200);
    life::ready_without(&running.admin, "identity-keys").await;
    proxy.heal();
    eventually(WITHIN, || async { api.get(PATH).await.status == 200 }).await;
}

#[tokio::test]
async fn keys_that_are_away_later_serve_on() {
    let (address, _) = publisher().await;
    let proxy = TcpProxy::to(address.to_string()).await;
    let running = fed(proxy.address()).await;
    let seen = running.api.with_token(&good().sign());
    eventually(WITHIN, || async { seen.get(PATH).await.status == 200 }).await;
    proxy.cut();
    // Looks for a key, in vain.
    running.api.with_token(&invented()).get(PATH).await.problem(401, "unauthenticated");
    life::ready_without(&running.admin, "identity-keys").await;
    seen.get(PATH).await.assert_status(200);
    running.api.with_token(&good().sign()).get(PATH).await.assert_status(200);
    // What is wrong is wrong all the same.
    let over = good().claim("exp", 1).sign();
    running.api.with_token(&over).get(PATH).await.problem(401, "unauthenticated");
    proxy.heal();
    life::ready_with(&running.admin, "identity-keys").await;
}

#[tokio::test]
async fn a_flood_of_invented_keys_causes_one_look() {
    let (address, asked) = publisher().await;
    let running = fed(address).await;
    let api = running.api.with_token(&good().sign());
    eventually(WITHIN, || async { api.get(PATH).await.status == 200 }).await;
    let looks = asked.load(Ordering::SeqCst);
    let calls = (0..200).map(|_| {
        let api = running.api.with_token(&invented());
        tokio::spawn(async move { api.get(PATH).await.problem(401, "unauthenticated") })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    running.count_is(&refused("invalid"), 200.0).await;
    assert_eq!(asked.load(Ordering::SeqCst), looks + 1, "invented keys caused traffic");
    api.get(PATH).await.assert_status(200);
}

#[tokio::test]
async fn each_wrong_token_has_its_status_and_its_count() {
    let running = Apart::start(&routes(telling().await), &[]).await;
    let service = TestIssuer::shared().service("gateway", "order").scope("order.read").sign();
    let long = good().claim("x", "a".repeat(8 * 1024)).sign();
    for (what, token, status, challenge, reason) in [
        ("none", None, 401, "Bearer", "missing"),
        ("an empty one", Some(String::new()), 401, "invalid_token", "invalid"),
        ("no token", Some("no.real.token".to_owned()), 401, "invalid_token", "invalid"),
        ("an old one", Some(good().claim("exp", 1).sign()), 401, "expired", "invalid"),
        (
            "one of tomorrow",
            Some(good().claim("nbf", 9_999_999_999_u64).sign()),
            401,
            "not valid yet",
            "invalid",
        ),
        (
            "another issuer's",
            Some(good().claim("iss", "https://evil.example").sign()),
            401,
            "issuer",
            "invalid",
        ),
        ("another audience's", Some(good().claim("aud", "order").sign()), 401, "audience", "invalid"),
        ("one without a signature", Some(good().header("alg", "none").sign()), 401, "ES256", "invalid"),
        ("an unknown key's", Some(invented()), 401, "key is not known", "invalid"),
        ("a long one", Some(long), 401, "malformed", "invalid"),
        ("a component's", Some(service), 403, "insufficient_scope", "service"),
    ] {
        let counter = refused(reason);
        let before = running.count(&counter).await;
        let api = token.map_or_else(|| running.api.clone(), |token| running.api.with_token(&token));
        let answer = api.get(PATH).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        answer.any_problem();
        let told = answer.header("www-authenticate").unwrap_or_default();
        assert!(told.contains(challenge), "{what}: {told}");
        running.count_is(&counter, before + 1.0).await;
    }
    running.api.with_token(&good().sign()).get(PATH).await.assert_status(200);
}

#[tokio::test]
async fn a_token_as_long_as_a_head_may_be_is_a_431() {
    let running = Apart::start(&routes(telling().await), &[]).await;
    let token = "a".repeat(70_000);
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    let request = format!("GET {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    drop(stream.write_all(request.as_bytes()).await);
    let answer = rest(&mut stream).await;
    assert_eq!(statuses(&answer), ["431"], "{answer}");
    running.count_is("gateway_requests_malformed_total", 1.0).await;
}
