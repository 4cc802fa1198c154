//! What clients may write on the wire, byte by byte, and what becomes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{
    Running, counted, gateway, raw, raw_upstream, read_head, rest, serve, start, tell, telling,
};

/// A gateway before an upstream that counts the requests that reach it.
async fn counting() -> (Running, Arc<AtomicU32>) {
    let count = Arc::new(AtomicU32::new(0));
    let counter = count.clone();
    let tell = move |request: Request| {
        counter.fetch_add(1, Ordering::SeqCst);
        tell(request)
    };
    (gateway(serve(Router::new().fallback(any(tell))).await).await, count)
}

fn statuses(answer: &str) -> Vec<&str> {
    answer.match_indices("HTTP/1.1 ").filter_map(|(at, _)| answer.get(at + 9..at + 12)).collect()
}

#[tokio::test]
async fn a_body_with_two_lengths_is_one_request_or_none() {
    let (running, count) = counting().await;
    let before = counted("gateway_requests_malformed_total", &[]);
    let post = "POST /open HTTP/1.1\r\nhost: x\r\n";
    for (request, status, reached) in [
        // CL.TE and TE.CL: the chunks count, and the connection ends, so that nothing hides behind them.
        (
            "content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n",
            "200",
            1,
        ),
        (
            "transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n",
            "200",
            1,
        ),
        // Lengths that are none, or two.
        ("content-length: 5\r\ncontent-length: 6\r\n\r\nhello", "400", 0),
        ("content-length: 5, 6\r\n\r\nhello", "400", 0),
        ("content-length: +5\r\n\r\nhello", "400", 0),
        ("content-length: -5\r\n\r\nhello", "400", 0),
        ("content-length: 0x5\r\n\r\nhello", "400", 0),
        ("content-length: 5 5\r\n\r\nhello", "400", 0),
        ("content-length: 99999999999999999999999\r\n\r\nhello", "400", 0),
        // Encodings that only look like chunks.
        ("transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", "400", 0),
        ("transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n", "400", 0),
        ("transfer-encoding: identity\r\n\r\nhello", "400", 0),
        ("transfer-encoding : chunked\r\n\r\n0\r\n\r\n", "400", 0),
        ("transfer-encoding\t: chunked\r\n\r\n0\r\n\r\n", "400", 0),
        ("x: y\r\n transfer-encoding: chunked\r\n\r\n0\r\n\r\n", "400", 0),
        ("x: a\0b\r\n\r\n", "400", 0),
        ("bad name: y\r\n\r\n", "400", 0),
        ("x\r\n\r\n", "400", 0),
    ] {
        count.store(0, Ordering::SeqCst);
        let answer = raw(running.address(), &format!("{post}{request}")).await;
        assert_eq!(statuses(&answer), [status], "{request:?}: {answer}");
        assert_eq!(count.load(Ordering::SeqCst), reached, "{request:?}");
    }
    let old = "POST /open HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = raw(running.address(), old).await;
    assert!(answer.contains(" 400 "), "{answer}");
    assert!(counted("gateway_requests_malformed_total", &[]) >= before + 15.0);
}

#[tokio::test]
async fn broken_chunks_are_refused_and_the_upstream_stays_usable() {
    let (running, _) = counting().await;
    let post = "POST /open HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    for chunks in ["zz\r\nhello\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\nhello\r\n", "5\r\nhelloXX0\r\n\r\n"] {
        let answer = raw(running.address(), &format!("{post}{chunks}")).await;
        assert_eq!(statuses(&answer), ["400"], "{chunks:?}: {answer}");
    }
    running.api.get("/open").await.assert_status(200);
}

#[tokio::test]
async fn a_host_is_needed_and_one_is_enough() {
    let (running, count) = counting().await;
    for (head, status) in [
        ("GET / HTTP/1.1\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: a\r\n", "200"),
        ("GET http://elsewhere.example/ HTTP/1.1\r\nhost: a\r\n", "200"),
        ("CONNECT elsewhere.example:443 HTTP/1.1\r\nhost: a\r\n", "405"),
        ("OPTIONS * HTTP/1.1\r\nhost: a\r\n", "404"),
        ("TRACE / HTTP/1.1\r\nhost: a\r\n", "405"),
    ] {
        count.store(0, Ordering::SeqCst);
        let answer = raw(running.address(), &format!("{head}connection: close\r\n\r\n")).await;
        assert_eq!(statuses(&answer), [status], "{head:?}: {answer}");
        assert_eq!(count.load(Ordering::SeqCst), u32::from(status == "200"), "{head:?}");
    }
}

#[tokio::test]
async fn paths_are_never_routed_differently_than_checked() {
    let (running, count) = counting().await;
    for (path, status) in [
        ("/services/catalog/v1/%2e%2e/internal/v1/x", "400"),
        ("/services/catalog/v1/..%2finternal", "400"),
        ("/services/catalog/v1/%2E%2E%5cinternal", "400"),
        ("/services/catalog//v1/x", "400"),
        ("/services/catalog/v1/x%00", "400"),
        ("/services/catalog/v1/x%0d%0ahost:y", "400"),
        ("/services/catalog/v1;a=b/x", "400"),
        ("/services/catalog/v1/%c0%ae%c0%ae/x", "400"),
        ("/services/catalog/v1/%252e%252e/x", "400"),
        // Another spelling of a route is no route: it gets to the shop, which knows no such page.
        ("/SERVICES/catalog/v1/x", "200"),
        ("/services/catalog/internal/v1/x", "200"),
        ("/services/catalog/v1x", "200"),
    ] {
        count.store(0, Ordering::SeqCst);
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = raw(running.address(), &request).await;
        assert_eq!(statuses(&answer), [status], "{path}: {answer}");
        if status == "200" {
            let told: Value = serde_json::from_str(answer.rsplit("\r\n\r\n").next().unwrap()).unwrap();
            assert_eq!(told["path"], path, "the shop must see it as it is");
        }
    }
}

#[tokio::test]
async fn giant_heads_are_refused() {
    let (running, _) = counting().await;
    let long = "a".repeat(70_000);
    for head in
        [format!("GET / HTTP/1.1\r\nhost: x\r\nx: {long}\r\n\r\n"), format!("GET /{long} HTTP/1.1\r\n\r\n")]
    {
        let answer = raw(running.address(), &head).await;
        assert!(matches!(statuses(&answer)[..], ["431" | "414"]), "{answer}");
    }
    let many: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    let answer = raw(running.address(), &format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n")).await;
    assert_eq!(statuses(&answer), ["431"], "{answer}");
}

#[tokio::test]
async fn a_client_that_waits_for_100_is_told_to_go_on_only_when_its_body_is_wanted() {
    let (running, _) = counting().await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    let head = "POST /open HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"bytes\":5"), "{answer}");

    // One that is refused never gets to send it.
    let refused = head.replace("content-length: 5", "content-length: 5000");
    let answer = raw(running.address(), &refused).await;
    assert_eq!(statuses(&answer), ["413"], "{answer}");
}

#[tokio::test]
async fn trailers_pass_to_who_takes_them() {
    let upstream = raw_upstream(|mut stream| async move {
        let head = read_head(&mut stream).await;
        assert!(head.contains("te: trailers"), "{head}");
        let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
            5\r\nhello\r\n0\r\nx-sum: 42\r\n\r\n";
        drop(stream.write_all(answer.as_bytes()).await);
    })
    .await;
    let running = gateway(upstream).await;
    let request = "GET /open HTTP/1.1\r\nhost: x\r\nte: trailers\r\nconnection: te, close\r\n\r\n";
    let answer = raw(running.address(), request).await;
    assert!(answer.contains("hello") && answer.contains("x-sum: 42"), "{answer}");
}

#[tokio::test]
async fn a_websocket_is_joined_where_the_route_lets_it() {
    let upstream = raw_upstream(|mut stream| async move {
        let head = read_head(&mut stream).await;
        if !head.contains("upgrade: websocket") {
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno").await);
            return;
        }
        let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
            sec-websocket-accept: abc\r\nset-cookie: a=b\r\n\r\n";
        drop(stream.write_all(answer.as_bytes()).await);
        let mut part = [0; 4];
        while stream.read_exact(&mut part).await.is_ok() {
            drop(stream.write_all(&part).await);
        }
    })
    .await;
    let running = gateway(upstream).await;
    let handshake = "HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-key: k\r\nsec-websocket-version: 13\r\n\r\n";
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(format!("GET /open {handshake}").as_bytes()).await.unwrap();
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("sec-websocket-accept: abc"), "{head}");
    assert!(!head.contains("set-cookie"), "{head}");
    for message in [b"ping", b"pong"] {
        stream.write_all(message).await.unwrap();
        let mut part = [0; 4];
        stream.read_exact(&mut part).await.unwrap();
        assert_eq!(&part, message);
    }
    // Another route passes it on as an ordinary request.
    let answer = raw(running.address(), &format!("GET / {handshake}")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn events_arrive_as_they_are_sent() {
    let (sender, receiver) = tokio::sync::mpsc::channel::<&'static str>(1);
    let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
    let upstream = raw_upstream(move |mut stream| {
        let receiver = receiver.clone();
        async move {
            read_head(&mut stream).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
            drop(stream.write_all(head.as_bytes()).await);
            while let Some(event) = receiver.lock().await.recv().await {
                drop(stream.write_all(event.as_bytes()).await);
            }
        }
    })
    .await;
    let running = gateway(upstream).await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(b"GET /open HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_head(&mut stream).await;
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        // The next one is sent only when this one has arrived.
        sender.send(event).await.unwrap();
        let mut seen = String::new();
        while !seen.contains(event) {
            let mut part = [0; 256];
            let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut part));
            let read = read.await.expect("an event in time").unwrap();
            seen.push_str(&String::from_utf8_lossy(&part[..read]));
        }
    }
}

#[tokio::test]
async fn http_2_in_the_clear_reaches_the_same_routes() {
    let running = gateway(telling().await).await;
    let stream = TokioIo::new(TcpStream::connect(running.address()).await.unwrap());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let uri = format!("http://{}/courses/x", running.address());
    // Many at a time on one connection.
    let requests = (0..50).map(|_| {
        let request = Request::get(&uri).body(Body::empty()).unwrap();
        sender.send_request(request)
    });
    for answer in futures::future::join_all(requests).await {
        let answer = answer.unwrap();
        assert_eq!((answer.version(), answer.status().as_u16()), (http::Version::HTTP_2, 200));
        let body = axum::body::to_bytes(Body::new(answer.into_body()), 1 << 20).await.unwrap();
        let told: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(told["path"], "/courses/x");
    }
}

#[tokio::test]
async fn only_a_trusted_proxy_names_the_client() {
    let routes = crate::support::routes(telling().await);
    let running = start(&routes, &[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let api = running.api.with("x-forwarded-for", "1.1.1.1, 203.0.113.7, 127.0.0.9");
    let told: Value = api.get("/").await.expect(200).json();
    assert_eq!(told["headers"]["x-forwarded-for"], "203.0.113.7");
}

#[tokio::test]
async fn who_says_nothing_or_half_a_head_is_let_go_after_half_a_minute() {
    let running = gateway(telling().await).await;
    let before = counted("gateway_connections_silent_total", &[]);
    let half = |bytes: &'static [u8]| {
        let address = running.address();
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            let mut answer = Vec::new();
            let ended = tokio::time::timeout(Duration::from_secs(45), stream.read_to_end(&mut answer)).await;
            assert!(ended.is_ok(), "{:?} keeps its connection", String::from_utf8_lossy(bytes));
        }
    };
    let second = b"GET /open HTTP/1.1\r\nhost: x\r\n\r\nGET /open HTTP/1.1\r\nho";
    tokio::join!(half(b""), half(b"GET / HTTP/1.1\r\nhost: "), half(b"PRI * HTTP"), half(second));
    assert!(counted("gateway_connections_silent_total", &[]) >= before + 2.0);
}
