//! How much one caller may do, and what everybody is told about it.

use std::time::Duration;

use platform_testkit::{Redis, TcpProxy, eventually, secret_file};
use tempfile::NamedTempFile;

use crate::support::{Running, WITHIN, counted, routes, start, telling};

/// The routes of all tests, with five requests an hour for `/open`.
fn limited(upstream: std::net::SocketAddr, by: &str) -> String {
    let limits = format!("limits:\n  few: {{requests: 5, perSeconds: 3600, burst: 5, by: {by}}}\nroutes:");
    routes(upstream).replace("routes:", &limits).replace("path: /open,", "path: /open, limit: few,")
}

#[tokio::test]
async fn the_sixth_of_five_is_told_when_to_come_again() {
    // Its class has a name of its own, and so a counter.
    let before = counted("gateway_limited_total", &["sixth"]);
    let running = start(&limited(telling().await, "address").replace("few", "sixth"), &[]).await;
    for left in (0..5).rev() {
        let answer = running.api.get("/open").await.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"sixth\";q=5;w=3600"));
        let state = answer.header("ratelimit").unwrap();
        assert!(state.starts_with(&format!("\"sixth\";r={left};t=")), "{state}");
    }
    let refused = running.api.get("/open").await;
    refused.problem(429, "too-many-requests");
    let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=720).contains(&seconds), "{seconds}");
    assert!(refused.header("ratelimit").unwrap().starts_with("\"sixth\";r=0;"));
    assert_eq!(counted("gateway_limited_total", &["sixth"]), before + 1.0);
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

/// Two replicas that share twenty requests an hour through a Redis that can be taken away. Whom they count, the test
/// says by `X-Forwarded-For`.
async fn replicas() -> (TcpProxy, [Running; 2], NamedTempFile) {
    let redis = Redis::database().await;
    let proxy = TcpProxy::to(redis.address()).await;
    let url = secret_file(&redis.url_through(proxy.address()));
    let routes = limited(telling().await, "address")
        .replace("requests: 5,", "requests: 20,")
        .replace("burst: 5", "burst: 20");
    let settings = [("REDIS_URL_FILE", url.path().to_str().unwrap()), ("TRUSTED_PROXIES", "127.0.0.0/8")];
    let replicas = [start(&routes, &settings).await, start(&routes, &settings).await];
    // They may not have read it yet.
    (proxy, replicas, url)
}

async fn ask(replica: &Running, address: &str) -> u16 {
    replica.api.with("x-forwarded-for", address).get("/open").await.status.as_u16()
}

/// Uses up what there is for an address at one replica, all of it.
async fn use_up(replica: &Running, address: &str) {
    for _ in 0..20 {
        assert_eq!(ask(replica, address).await, 200);
    }
    assert_eq!(ask(replica, address).await, 429);
}

/// Waits until what is used up at one replica is used up at the other one, for one address after the other.
async fn shared([first, second]: &[Running; 2], network: &str) {
    let mut host = 0;
    eventually(2 * WITHIN, || {
        host += 1;
        let address = format!("{network}.{host}");
        async move {
            use_up(first, &address).await;
            // Each of these tells the second what the first has used, a tenth of a second later.
            for _ in 0..10 {
                if ask(second, &address).await == 429 {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            false
        }
    })
    .await;
}

#[tokio::test]
async fn replicas_share_a_limit_and_each_has_its_own_while_redis_is_away() {
    let (proxy, replicas, _url) = replicas().await;
    shared(&replicas, "192.0.2").await;
    proxy.cut();
    for replica in &replicas {
        use_up(replica, "198.51.100.1").await;
    }
    proxy.heal();
    shared(&replicas, "203.0.113").await;
}

#[tokio::test]
async fn redis_that_does_not_answer_delays_nobody_and_is_listened_to_again() {
    let (proxy, replicas, _url) = replicas().await;
    proxy.stall();
    use_up(&replicas[0], "198.51.100.1").await;
    let many = (0..1000).map(|n| format!("198.18.{}.{}", n / 250, n % 250));
    for address in many {
        assert_eq!(ask(&replicas[0], &address).await, 200);
    }
    use_up(&replicas[1], "198.51.100.1").await;
    proxy.heal();
    shared(&replicas, "203.0.113").await;
}
