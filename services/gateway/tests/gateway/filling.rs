//! Answers on their way into the cache: one request for many, and nothing that is not whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use platform_testkit::eventually;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::cache::{Origin, cached, status};
use crate::support::{WITHIN, counted, raw, raw_upstream, read_head, routes, serve, start};

#[tokio::test]
async fn two_hundred_at_once_make_one_request() {
    let origin = Origin::held(&[("cache-control", "max-age=60")]);
    let running = origin.gateway_with("cache: {waitSeconds: 60}").await;
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let api = running.api.clone();
            tokio::spawn(async move { api.get("/open/x").await.expect(200).text() })
        })
        .collect();
    eventually(WITHIN, || async { origin.asked() == 1 }).await;
    origin.gate.add_permits(1000);
    for call in calls {
        assert_eq!(call.await.unwrap(), "1");
    }
    assert_eq!(origin.asked(), 1);
}

#[tokio::test]
async fn what_is_not_shared_is_not_waited_for_one_after_the_other() {
    let origin = Origin::held(&[("cache-control", "private")]);
    let running = origin.gateway_with("cache: {waitSeconds: 60}").await;
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let api = running.api.clone();
            tokio::spawn(async move { api.get("/open/x").await.expect(200).text() })
        })
        .collect();
    eventually(WITHIN, || async { origin.asked() == 1 }).await;
    origin.gate.add_permits(1);
    // The first answer frees all others at once, though none of them is answered yet.
    eventually(WITHIN, || async { origin.asked() == 50 }).await;
    origin.gate.add_permits(1000);
    let mut bodies = Vec::new();
    for call in calls {
        bodies.push(call.await.unwrap());
    }
    bodies.sort_unstable();
    bodies.dedup();
    assert_eq!(bodies.len(), 50, "a personal answer was shared");
}

#[tokio::test]
async fn a_first_client_that_goes_away_leaves_the_others_an_answer() {
    let origin = Origin::held(&[("cache-control", "max-age=60")]);
    let running = origin.gateway_with("cache: {waitSeconds: 60}").await;
    let mut first = TcpStream::connect(running.address()).await.unwrap();
    first.write_all(b"GET /open/x HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    eventually(WITHIN, || async { origin.asked() == 1 }).await;
    let api = running.api.clone();
    let waiting = tokio::spawn(async move { api.get("/open/x").await.expect(200).text() });
    drop(first);
    eventually(WITHIN, || async { origin.asked() == 2 }).await;
    origin.gate.add_permits(1000);
    assert_eq!(waiting.await.unwrap(), "2");
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_waited_for_it() {
    const CALLS: usize = 15;
    let asked = Arc::new(AtomicU32::new(0));
    let (counter, gate) = (asked.clone(), Arc::new(Semaphore::new(0)));
    let held = gate.clone();
    let upstream = raw_upstream(move |mut stream| {
        let (counter, held) = (counter.clone(), held.clone());
        async move {
            read_head(&mut stream).await;
            counter.fetch_add(1, Ordering::SeqCst);
            held.acquire().await.unwrap().forget();
        }
    })
    .await;
    let other = serve(Router::new().fallback(any(|| async { "ok" }))).await;
    let routes = format!(
        "version: 1
upstreams:
  catalog: {{url: 'http://{upstream}'}}
  web: {{url: 'http://{other}'}}
routes:
  - {{path: /failing, upstream: catalog, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 60, retries: 0, cache: {{waitSeconds: 60}}}}
  - {{path: /unimportant, upstream: web, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 60, priority: low}}
"
    );
    // One thread: whoever has a place there also waits already. Of 20 places, 15 are for what is unimportant too.
    let settings = [("SERVING_THREADS", "1"), ("MAX_ACTIVE_REQUESTS", "20")];
    let running = start(&routes, &settings).await;
    let calls: Vec<_> = (0..CALLS)
        .map(|_| {
            let api = running.api.clone();
            tokio::spawn(async move { api.get("/failing").await.problem(503, "unavailable") })
        })
        .collect();
    eventually(WITHIN, || async { running.api.get("/unimportant").await.status == 503 }).await;
    gate.add_permits(CALLS);
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "they waited, and asked all the same");
}

#[tokio::test]
async fn what_may_be_stale_while_it_is_renewed_is_answered_at_once() {
    let origin = Origin::new(&[("cache-control", "max-age=0, stale-while-revalidate=60"), ("etag", "\"a\"")]);
    let running = origin.gateway().await;
    running.api.get("/open/x").await.assert_status(200);
    origin.says(&[("cache-control", "max-age=60"), ("etag", "\"b\"")]);
    // Stale ones until the new one is there; nobody waits.
    eventually(WITHIN, || async {
        running.api.get("/open/x").await.expect(200).header("etag") == Some("\"b\"")
    })
    .await;
    assert!(status(&running.api.get("/open/x").await).starts_with("gateway; hit; ttl="));
}

#[tokio::test]
async fn what_breaks_off_is_never_kept() {
    let asked = Arc::new(AtomicU32::new(0));
    let counter = asked.clone();
    let upstream = raw_upstream(move |mut stream| {
        let counter = counter.clone();
        async move {
            let head = read_head(&mut stream).await;
            counter.fetch_add(1, Ordering::SeqCst);
            let rest = match head.split(' ').nth(1) {
                Some("/open/short") => "content-length: 100\r\n\r\nshort",
                Some("/open/chunks") => "transfer-encoding: chunked\r\n\r\n5\r\nshort\r\n",
                // Its end is the connection's, which could be anywhere.
                _ => "\r\nshort",
            };
            let answer = format!("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n{rest}");
            drop(stream.write_all(answer.as_bytes()).await);
        }
    })
    .await;
    let running = start(&cached(&routes(upstream), "cache: {}"), &[]).await;
    for path in ["/open/short", "/open/chunks", "/open/endless"] {
        let before = asked.load(Ordering::SeqCst);
        for _ in 0..3 {
            let answer = raw(
                running.address(),
                &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
            )
            .await;
            assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("short"), "{answer}");
            assert!(!answer.contains("gateway; hit"), "{answer}");
        }
        assert_eq!(asked.load(Ordering::SeqCst), before + 3, "{path}");
    }
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    let origin = Origin::new(&[("cache-control", "max-age=60"), ("x-long", "y".repeat(2000).as_str())]);
    let long = origin.clone();
    let answer = any(move |request: Request| {
        let long = long.clone();
        async move {
            let large = request.uri().path().ends_with("large");
            let response = long.answer(request).await;
            if large { response.map(|_| Body::from("z".repeat(5000))) } else { response }
        }
    });
    let upstream = serve(Router::new().fallback(answer)).await;
    let settings = [("CACHE_BYTES", "20000"), ("CACHE_ANSWER_BYTES", "4000")];
    let running = start(&cached(&routes(upstream), "cache: {}"), &settings).await;
    let evicted = counted("gateway_cache_evictions_total", &[]);
    for number in 0..50 {
        running.api.get(&format!("/open/{number}")).await.assert_status(200);
    }
    eventually(WITHIN, || async { counted("gateway_cache_evictions_total", &[]) > evicted }).await;
    // What is too long for it arrives whole all the same.
    for _ in 0..3 {
        let answer = running.api.get("/open/large").await.expect(200);
        assert_eq!(answer.text().len(), 5000);
        assert!(!status(&answer).contains("hit"));
    }
}

#[tokio::test]
async fn the_first_client_gets_its_body_while_it_is_kept() {
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let upstream = raw_upstream(move |mut stream| {
        let held = held.clone();
        async move {
            read_head(&mut stream).await;
            let head = b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 10\r\n\r\nfirst";
            drop(stream.write_all(head).await);
            held.acquire().await.unwrap().forget();
            drop(stream.write_all(b"again").await);
        }
    })
    .await;
    let running = start(&cached(&routes(upstream), "cache: {}"), &[]).await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(b"GET /open/x HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_head(&mut stream).await;
    let mut part = [0; 5];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut part).await.unwrap();
    assert_eq!(&part, b"first", "it was held back");
    // It goes away in the middle, and the next one is answered from what was kept.
    drop(stream);
    gate.add_permits(1);
    eventually(WITHIN, || async { status(&running.api.get("/open/x").await).contains("hit") }).await;
    assert_eq!(running.api.get("/open/x").await.expect(200).text(), "firstagain");
}
