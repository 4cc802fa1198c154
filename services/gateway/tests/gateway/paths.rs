//! Paths that two programs could read in two ways: refused, in both versions of HTTP, before anything is looked up.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::support::{raw, statuses};
use crate::wire::counting;

/// What is refused, and the reason that is counted.
const REFUSED: &[(&str, &str)] = &[
    ("/services/catalog/v1/../internal/v1/x", "dots"),
    ("/services/catalog/v1/./x", "dots"),
    ("/services/catalog/v1/..", "dots"),
    ("/services/catalog/v1/%2e%2e/internal/v1/x", "dots"),
    ("/services/catalog/v1/%2E%2e/internal/v1/x", "dots"),
    ("/services/catalog/v1/.%2E/internal/v1/x", "dots"),
    ("/services/catalog//v1/x", "empty"),
    ("//services/catalog/v1/x", "empty"),
    ("/services/catalog/v1//", "empty"),
    ("/services/catalog/v1/..%2finternal", "disguised"),
    ("/services/catalog/v1/%2E%2E%5cinternal", "disguised"),
    ("/services/catalog/v1/x%00", "disguised"),
    ("/services/catalog/v1/x%00/../internal", "disguised"),
    ("/services/catalog/v1/x%0d%0ahost:y", "disguised"),
    ("/services/catalog/v1/x%7f", "disguised"),
    ("/services/catalog/v1;a=b/x", "disguised"),
    ("/services/catalog/v1/..;/internal", "disguised"),
    ("/services/catalog/v1/%252e%252e/x", "disguised"),
    ("/services/catalog/v1/x%", "encoding"),
    ("/services/catalog/v1/x%2", "encoding"),
    ("/services/catalog/v1/x%u002e", "encoding"),
    ("/services/%63atalog/v1/x", "needless"),
    ("/services/catalog/v%31/x", "needless"),
    // Overlong spellings of `.` and `/`, half a surrogate pair, and half a character.
    ("/services/catalog/v1/%c0%ae%c0%ae/x", "not-utf8"),
    ("/services/catalog/v1/x%c0%afy", "not-utf8"),
    ("/services/catalog/v1/x%e0%80%afy", "not-utf8"),
    ("/services/catalog/v1/x%f0%80%80%afy", "not-utf8"),
    ("/services/catalog/v1/x%ed%a0%80", "not-utf8"),
    ("/services/catalog/v1/x%c3", "not-utf8"),
];

/// How often each reason must be counted.
fn refused() -> BTreeMap<String, f64> {
    let mut refused = BTreeMap::new();
    for (_, reason) in REFUSED {
        *refused.entry(format!("gateway_paths_refused_total{{reason=\"{reason}\"}}")).or_insert(0.0) += 1.0;
    }
    refused
}

#[tokio::test]
async fn paths_are_never_routed_differently_than_checked() {
    let (running, count) = counting().await;
    for (path, _) in REFUSED {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = raw(running.address(), &request).await;
        assert_eq!(statuses(&answer), ["400"], "{path}: {answer}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0, "one of them reached an upstream");
    running.counts_are(&refused(), "all of them").await;
}

#[tokio::test]
async fn another_spelling_of_a_route_is_no_route() {
    let (running, _) = counting().await;
    // The shop sees it as it is, and knows no such page.
    for path in [
        "/SERVICES/catalog/v1/x",
        "/services/Catalog/v1/x",
        "/services/catalog/V1/x",
        "/services/catalog/internal/v1/x",
        "/services/catalog/v1x",
        "/services/catalog",
        "/%C3%A7ay/x%20y",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = raw(running.address(), &request).await;
        assert_eq!(statuses(&answer), ["200"], "{path}: {answer}");
        let told: Value = serde_json::from_str(answer.rsplit("\r\n\r\n").next().unwrap()).unwrap();
        assert_eq!(told["path"], path);
    }
}

#[tokio::test]
async fn the_same_holds_for_http_2() {
    let (running, count) = counting().await;
    let stream = TokioIo::new(TcpStream::connect(running.address()).await.unwrap());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    for (path, _) in REFUSED {
        let uri = format!("http://{}{path}", running.address());
        let answer = sender.send_request(Request::get(uri).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 400, "{path}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0, "one of them reached an upstream");
    running.counts_are(&refused(), "all of them").await;
}
