//! Upstreams that are away, slow, dying or lying.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{WITHIN, counted, gateway, raw_upstream, read_head, routes, serve, start};

/// An upstream that breaks the first `times` connections after it has read a request, then answers.
async fn breaking(times: u32) -> (std::net::SocketAddr, Arc<AtomicU32>) {
    let seen = Arc::new(AtomicU32::new(0));
    let counter = seen.clone();
    let upstream = raw_upstream(move |mut stream| {
        let counter = counter.clone();
        async move {
            read_head(&mut stream).await;
            if counter.fetch_add(1, Ordering::SeqCst) >= times {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
                drop(stream.write_all(answer).await);
            }
        }
    })
    .await;
    (upstream, seen)
}

#[tokio::test]
async fn what_may_be_repeated_is_repeated_and_nothing_else() {
    let (upstream, seen) = breaking(2).await;
    let running = gateway(upstream).await;
    running.api.get("/open").await.assert_status(200);
    assert_eq!(seen.load(Ordering::SeqCst), 3);

    let (upstream, seen) = breaking(2).await;
    let running = gateway(upstream).await;
    let before = counted("gateway_failures_total", &["broken"]);
    running.api.post("/open", json!({})).await.problem(503, "unavailable");
    assert_eq!(seen.load(Ordering::SeqCst), 1, "a POST may have had its effect");
    assert!(counted("gateway_failures_total", &["broken"]) > before);

    let (upstream, seen) = breaking(9).await;
    let running = gateway(upstream).await;
    running.api.get("/open").await.problem(503, "unavailable");
    assert_eq!(seen.load(Ordering::SeqCst), 3, "once, and twice again");
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_given_up() {
    let running = gateway(serve(Router::new().fallback(any(|body: String| async { body }))).await).await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    let head = b"POST /open HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nshort";
    stream.write_all(head).await.unwrap();
    let mut answer = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut answer)).await;
    read.expect("it is given up").unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn an_upstream_is_left_alone_while_everything_fails() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = listener.local_addr().unwrap();
    drop(listener);
    let routes = routes(upstream).replace("path: /open,", "path: /open, retries: 0,");
    let running = start(&routes, &[]).await;
    let before = counted("gateway_failures_total", &["open"]);
    for _ in 0..40 {
        running.api.get("/open").await.problem(503, "unavailable");
    }
    assert!(counted("gateway_failures_total", &["open"]) > before, "the circuit never opened");
    assert!(counted("gateway_breaker_opened_total", &[]) >= 1.0);
    // As soon as there is somebody, it closes.
    let listener = TcpListener::bind(upstream).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(any(|| async { "ok" }))).await });
    platform_testkit::eventually(WITHIN, || async { running.api.get("/open").await.status == 200 }).await;
    running.api.get("/open").await.assert_status(200);
}

#[tokio::test]
async fn too_many_at_once_are_turned_away_the_least_important_first() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let held = gate.clone();
    let hold = any(move || {
        let held = held.clone();
        async move { drop(held.acquire().await) }
    });
    let upstream = serve(Router::new().fallback(hold)).await;
    let routes = routes(upstream).replace("path: /identity,", "path: /identity, priority: high,");
    let routes = routes.replace("timeoutSeconds: 2", "timeoutSeconds: 30");
    let running = start(&routes, &[("MAX_ACTIVE_REQUESTS", "10")]).await;
    let hold = |path: &'static str| {
        let api = running.api.clone();
        tokio::spawn(async move { api.get(path).await.status.as_u16() })
    };
    let normal: Vec<_> = (0..20).map(|_| hold("/open")).collect();
    platform_testkit::eventually(WITHIN, || async {
        normal.iter().filter(|it| it.is_finished()).count() == 11
    })
    .await;
    let high: Vec<_> = (0..3).map(|_| hold("/identity/x")).collect();
    platform_testkit::eventually(WITHIN, || async { high.iter().filter(|it| it.is_finished()).count() == 2 })
        .await;
    gate.add_permits(100);
    let statuses = futures::future::join_all(normal.into_iter().chain(high)).await;
    let count = |status| statuses.iter().filter(|it| *it.as_ref().unwrap() == status).count();
    assert_eq!((count(200), count(503)), (10, 13));
    assert!(counted("gateway_shed_total", &["normal"]) >= 11.0);
    running.api.get("/open").await.assert_status(200);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_behind() {
    let upstream = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await);
        let part = [7; 1000];
        while stream.write_all(&part).await.is_ok() {}
    })
    .await;
    let running = start(&routes(upstream), &[("MAX_ACTIVE_REQUESTS", "4")]).await;
    for _ in 0..20 {
        let mut stream = TcpStream::connect(running.address()).await.unwrap();
        stream.write_all(b"GET /open HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        read_head(&mut stream).await;
        drop(stream);
        // Their places are free again: more than there are can be had one after the other.
        platform_testkit::eventually(WITHIN, || async { raw_status(&running).await == "200" }).await;
    }
}

async fn raw_status(running: &crate::support::Running) -> String {
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(b"GET /open HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let head = read_head(&mut stream).await;
    head.get(9..12).unwrap_or_default().to_owned()
}

/// Two addresses of one upstream, of which the first does `wrong` and the second is well; and how often the
/// first was asked.
async fn half_well(
    wrong: fn(TcpStream) -> futures::future::BoxFuture<'static, ()>,
) -> (String, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let counter = asked.clone();
    let bad = raw_upstream(move |mut stream| {
        let counter = counter.clone();
        async move {
            read_head(&mut stream).await;
            counter.fetch_add(1, Ordering::SeqCst);
            wrong(stream).await;
        }
    })
    .await;
    let good = serve(Router::new().fallback(any(|| async { "ok" }))).await;
    let routes = format!(
        "version: 1
upstreams:
  order: {{url: 'http://shop:8080', addresses: ['{bad}', '{good}']}}
routes:
  - {{path: /, upstream: order, methods: [GET, POST], bodyLimitBytes: 100, timeoutSeconds: 1}}
"
    );
    (routes, asked)
}

fn falters(mut stream: TcpStream) -> futures::future::BoxFuture<'static, ()> {
    Box::pin(async move {
        let answer = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbusy";
        drop(stream.write_all(answer.as_bytes()).await);
    })
}

fn hangs(stream: TcpStream) -> futures::future::BoxFuture<'static, ()> {
    Box::pin(async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
}

#[tokio::test]
async fn an_address_that_can_not_do_its_work_is_left_out_and_what_may_be_repeated_goes_elsewhere() {
    let (routes, asked) = half_well(falters).await;
    let running = start(&routes, &[("SERVING_THREADS", "1")]).await;
    let before = counted("gateway_upstream_ejections_total", &["order"]);
    for _ in 0..40 {
        running.api.get("/").await.assert_status(200);
    }
    assert!((5..20).contains(&asked.load(Ordering::SeqCst)), "{asked:?}");
    assert!(counted("gateway_upstream_ejections_total", &["order"]) > before);
}

#[tokio::test]
async fn what_may_not_be_repeated_is_answered_as_the_address_did() {
    let (routes, _) = half_well(falters).await;
    let running = start(&routes, &[("SERVING_THREADS", "1")]).await;
    let mut busy = 0;
    for _ in 0..40 {
        let answer = running.api.post("/", json!({})).await;
        assert!(answer.status == 200 || answer.text() == "busy", "{}", answer.text());
        busy += u32::from(answer.status == 503);
    }
    assert!((1..40).contains(&busy), "{busy}");
}

#[tokio::test]
async fn an_address_that_hangs_is_left_out() {
    let (routes, asked) = half_well(hangs).await;
    let running = start(&routes, &[("SERVING_THREADS", "1")]).await;
    let calls = (0..40).map(|_| running.api.get("/"));
    let first = futures::future::join_all(calls).await;
    assert!(first.iter().any(|answer| answer.status == 504));
    assert!(asked.load(Ordering::SeqCst) >= 5);
    // It is tried again after a while, so one or the other may still wait for it.
    let mut late = 0;
    for _ in 0..10 {
        late += u32::from(running.api.get("/").await.status != 200);
    }
    assert!(late < 5, "{late} of 10 went where nobody answers");
}
