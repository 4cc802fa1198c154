//! How much one caller may do, and what everybody is told about it.

use platform_testkit::{Redis, TcpProxy, eventually, secret_file};

use crate::support::{WITHIN, counted, routes, start, telling};

/// The routes of all tests, with five requests an hour for `/open`.
fn limited(upstream: std::net::SocketAddr, by: &str) -> String {
    let limits = format!("limits:\n  few: {{requests: 5, perSeconds: 3600, burst: 5, by: {by}}}\nroutes:");
    routes(upstream).replace("routes:", &limits).replace("path: /open,", "path: /open, limit: few,")
}

#[tokio::test]
async fn the_sixth_of_five_is_told_when_to_come_again() {
    let before = counted("gateway_limited_total", &["few"]);
    let running = start(&limited(telling().await, "address"), &[]).await;
    for left in (0..5).rev() {
        let answer = running.api.get("/open").await.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"few\";q=5;w=3600"));
        let state = answer.header("ratelimit").unwrap();
        assert!(state.starts_with(&format!("\"few\";r={left};t=")), "{state}");
    }
    let refused = running.api.get("/open").await;
    refused.problem(429, "too-many-requests");
    let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=720).contains(&seconds), "{seconds}");
    assert!(refused.header("ratelimit").unwrap().starts_with("\"few\";r=0;"));
    assert!(counted("gateway_limited_total", &["few"]) > before);
    // Other routes are another matter.
    running.api.get("/").await.assert_status(200);
}

#[tokio::test]
async fn parallel_requests_get_exactly_what_is_allowed() {
    let running = start(&limited(telling().await, "address"), &[("SERVING_THREADS", "4")]).await;
    let asked = (0..50).map(|_| {
        let api = running.api.clone();
        tokio::spawn(async move { api.get("/open").await.status.as_u16() })
    });
    let statuses = futures::future::join_all(asked).await;
    let count = |status| statuses.iter().filter(|it| *it.as_ref().unwrap() == status).count();
    assert_eq!((count(200), count(429)), (5, 45));
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_counted_apart() {
    let trusted = [("TRUSTED_PROXIES", "127.0.0.1")];
    let running = start(&limited(telling().await, "address"), &trusted).await;
    for _ in 0..5 {
        running.api.with("x-forwarded-for", "192.0.2.1").get("/open").await.assert_status(200);
    }
    running.api.with("x-forwarded-for", "192.0.2.1").get("/open").await.assert_status(429);
    running.api.with("x-forwarded-for", "192.0.2.2").get("/open").await.assert_status(200);
    // Who is not behind one can't pretend to be.
    let running = start(&limited(telling().await, "address"), &[]).await;
    for n in 0..5 {
        running.api.with("x-forwarded-for", &format!("192.0.2.{n}")).get("/open").await.assert_status(200);
    }
    running.api.with("x-forwarded-for", "192.0.2.9").get("/open").await.assert_status(429);
}

#[tokio::test]
async fn what_clients_write_in_front_of_a_proxys_word_gives_nobody_another_limit() {
    let trusted = [("TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8")];
    let running = start(&limited(telling().await, "address"), &trusted).await;
    // As a proxy passes it on: what the client sent, then whom it came from, then a second proxy's first.
    let client = |wrote: &str, from: &str| {
        let api = running.api.with("forwarded", &format!("for={wrote}"));
        let api = api.and_with("x-forwarded-for", b"198.51.100.7").and_with("x-forwarded-for", b"\xff");
        api.and_with("x-forwarded-for", format!("{wrote}, {from}, 10.1.2.3").as_bytes())
    };
    for n in 0..5 {
        client(&format!("203.0.113.{n}"), "192.0.2.1").get("/open").await.assert_status(200);
    }
    client("203.0.113.9", "192.0.2.1").get("/open").await.problem(429, "too-many-requests");
    client("192.0.2.1", "192.0.2.2").get("/open").await.assert_status(200);
    let told: serde_json::Value = client("192.0.2.1", "192.0.2.3").get("/open").await.expect(200).json();
    assert_eq!(told["headers"]["x-forwarded-for"], "192.0.2.3");
    assert_eq!(told["headers"]["forwarded"].as_str().unwrap().split(';').next(), Some("for=192.0.2.3"));
}

#[tokio::test]
async fn replicas_share_a_limit_and_each_has_its_own_without_redis() {
    let redis = Redis::database().await;
    let proxy = TcpProxy::to(redis.address()).await;
    let url = secret_file(&redis.url_through(proxy.address()));
    let upstream = telling().await;
    let routes = limited(upstream, "address")
        .replace("requests: 5,", "requests: 20,")
        .replace("burst: 5", "burst: 20");
    let settings = [("REDIS_URL_FILE", url.path().to_str().unwrap())];
    let (first, second) = (start(&routes, &settings).await, start(&routes, &settings).await);
    for _ in 0..20 {
        first.api.get("/open").await.assert_status(200);
    }
    first.api.get("/open").await.assert_status(429);
    // Each of its requests tells the second what the first has used, until it knows.
    let mut allowed = 0;
    eventually(WITHIN, || {
        allowed += 1;
        async { second.api.get("/open").await.status == 429 }
    })
    .await;
    assert!(allowed < 20, "the second let {allowed} through as if it were alone");

    proxy.cut();
    let alone = start(&routes, &settings).await;
    for _ in 0..20 {
        alone.api.get("/open").await.assert_status(200);
    }
    alone.api.get("/open").await.assert_status(429);
}
