//! What clients may write on the wire, byte by byte, and what becomes of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::routing::any;

use crate::apart::Apart;
use crate::support::{raw, routes, serve, statuses, tell};

const MALFORMED: &str = "gateway_requests_malformed_total";

/// A gateway before an upstream that counts the requests that reach it.
pub(crate) async fn counting() -> (Apart, Arc<AtomicU32>) {
    let count = Arc::new(AtomicU32::new(0));
    let counter = count.clone();
    let tell = move |request: Request| {
        counter.fetch_add(1, Ordering::SeqCst);
        tell(request)
    };
    let upstream = serve(Router::new().fallback(any(tell))).await;
    (Apart::start(&routes(upstream), &[]).await, count)
}

#[tokio::test]
async fn a_body_with_two_lengths_is_one_request_or_none() {
    let (running, count) = counting().await;
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
    running.counts_are(&BTreeMap::from([(MALFORMED.to_owned(), 17.0)]), "all that is refused").await;
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
    let broken = "gateway_failures_total{upstream=\"web\",reason=\"client\"}".to_owned();
    running.counts_are(&BTreeMap::from([(broken, 3.0)]), "broken chunks").await;
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
    running.counts_are(&BTreeMap::from([(MALFORMED.to_owned(), 2.0)]), "no host and two").await;
}

#[tokio::test]
async fn giant_heads_are_refused() {
    let (running, _) = counting().await;
    let long = "a".repeat(70_000);
    for head in
        [format!("GET / HTTP/1.1\r\nhost: x\r\nx: {long}\r\n\r\n"), format!("GET /{long} HTTP/1.1\r\n\r\n")]
    {
        let answer = raw(running.address(), &head).await;
        assert_eq!(statuses(&answer), ["431"], "{answer}");
    }
    let many: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    let answer = raw(running.address(), &format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n")).await;
    assert_eq!(statuses(&answer), ["431"], "{answer}");
    running.counts_are(&BTreeMap::from([(MALFORMED.to_owned(), 3.0)]), "giants").await;
}
