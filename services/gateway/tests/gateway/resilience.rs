//! Upstreams that are away, slow, dying or lying.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{counted, gateway, raw, raw_upstream, read_head, rest, routes, serve, start};

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
async fn an_upstream_that_talks_rubbish_is_a_503() {
    for rubbish in ["hello\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nx y\r\n\r\n", ""] {
        let upstream = raw_upstream(move |mut stream| async move {
            read_head(&mut stream).await;
            drop(stream.write_all(rubbish.as_bytes()).await);
        })
        .await;
        let running = gateway(upstream).await;
        running.api.post("/open", json!({})).await.problem(503, "unavailable");
    }
}

#[tokio::test]
async fn an_answer_with_a_wrong_length_is_cut_off_and_not_completed() {
    let upstream = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort").await);
    })
    .await;
    let before = counted("gateway_answers_cut_total", &[]);
    let running = gateway(upstream).await;
    let answer = raw(running.address(), "GET /open HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("short"), "{answer}");
    assert!(counted("gateway_answers_cut_total", &[]) > before);
}

#[tokio::test]
async fn an_upstream_that_falls_silent_in_its_answer_is_cut_off() {
    let upstream = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort").await);
        std::future::pending::<()>().await;
    })
    .await;
    let routes = routes(upstream).replace("path: /open,", "path: /open, idleTimeoutSeconds: 1,");
    let running = start(&routes, &[]).await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(b"GET /open HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "the connection was left open");
    assert!(String::from_utf8_lossy(&answer).ends_with("short"));
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
    platform_testkit::eventually(Duration::from_secs(5), || async {
        running.api.get("/open").await.status == 200
    })
    .await;
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
    platform_testkit::eventually(Duration::from_secs(5), || async {
        normal.iter().filter(|it| it.is_finished()).count() == 11
    })
    .await;
    let high: Vec<_> = (0..3).map(|_| hold("/identity/x")).collect();
    platform_testkit::eventually(Duration::from_secs(5), || async {
        high.iter().filter(|it| it.is_finished()).count() == 2
    })
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
        platform_testkit::eventually(Duration::from_secs(5), || async {
            raw_status(&running).await == "200"
        })
        .await;
    }
}

async fn raw_status(running: &crate::support::Running) -> String {
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(b"GET /open HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let head = read_head(&mut stream).await;
    head.get(9..12).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_drain_finishes_what_runs_and_says_goodbye() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let (held, begun) = (gate.clone(), Arc::new(AtomicU32::new(0)));
    let counter = begun.clone();
    let hold = any(move || {
        let (held, counter) = (held.clone(), counter.clone());
        async move {
            counter.fetch_add(1, Ordering::SeqCst);
            drop(held.acquire().await);
            "finished"
        }
    });
    let running = gateway(serve(Router::new().fallback(hold)).await).await;
    let address = running.address();
    let mut idle = TcpStream::connect(address).await.unwrap();
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(b"GET /open HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    platform_testkit::eventually(Duration::from_secs(5), || async { begun.load(Ordering::SeqCst) == 1 })
        .await;
    let stopped = tokio::spawn(running.component.stop());
    platform_testkit::eventually(Duration::from_secs(5), || async {
        TcpStream::connect(address).await.is_err()
    })
    .await;
    assert_eq!(idle.read(&mut [0; 10]).await.unwrap_or(0), 0, "an idle connection is closed");
    gate.add_permits(1);
    let answer = rest(&mut busy).await;
    assert!(answer.contains("connection: close") && answer.ends_with("finished"), "{answer}");
    stopped.await.unwrap().unwrap();
}

#[tokio::test]
async fn two_thousand_idle_connections_keep_nobody_waiting() {
    let running = gateway(serve(Router::new().fallback(any(|| async { "ok" }))).await).await;
    let connects = (0..2000).map(|_| TcpStream::connect(running.address()));
    let begun = std::time::Instant::now();
    let idle = futures::future::join_all(connects).await;
    assert!(idle.iter().all(Result::is_ok), "a connection was refused");
    running.api.get("/open").await.assert_status(200);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    drop(idle);
}
