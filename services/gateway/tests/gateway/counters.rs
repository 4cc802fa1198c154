//! Each way in which a client or a service does not behave has its status and its counter, and no other counter
//! rises with it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::Router;
use axum::routing::any;
use platform_testkit::{TcpProxy, TestIssuer, eventually, life};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::apart::Apart;
use crate::support::{WITHIN, raw, raw_upstream, read_head, rest, serve, statuses, tell};

const MALFORMED: &str = "gateway_requests_malformed_total";
const BODY: &str = "gateway_failures_total{upstream=\"web\",reason=\"client\"}";
const PATH: &str = "gateway_paths_refused_total{reason=\"dots\"}";
const AMBIGUOUS: &str = "gateway_answers_ambiguous_total";
const UNASKED: &str = "gateway_upstream_connections_broken_total";
const RUBBISH: &str = "gateway_failures_total{upstream=\"order\",reason=\"rubbish\"}";
const CUT: &str = "gateway_answers_cut_total{reason=\"broken\"}";

/// What an upstream without manners answers at `/bad/<number>`, what the client gets for it, and what is counted.
const ANSWERS: &[(&str, &str, Option<&str>)] = &[
    ("HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello", "204", Some(UNASKED)),
    ("HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\nhello", "304", Some(UNASKED)),
    ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokay", "200", Some(UNASKED)),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "200",
        Some(AMBIGUOUS),
    ),
    ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello", "503", Some(RUBBISH)),
    ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe", "200", Some(CUT)),
    ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "200", None),
];

/// A gateway of its own before a service with manners, and one without.
async fn gateway(settings: &[(&str, &str)]) -> Apart {
    let good = serve(Router::new().fallback(any(tell))).await;
    let bad = raw_upstream(|mut stream| async move {
        loop {
            let head = read_head(&mut stream).await;
            let Some(number) = head.split(['/', ' ']).nth(3) else { return };
            let (text, _, counter) = ANSWERS[number.parse::<usize>().unwrap()];
            drop(stream.write_all(text.as_bytes()).await);
            if counter == Some(CUT) {
                return;
            }
        }
    })
    .await;
    let routes = format!(
        "version: 1
upstreams:
  web: {{url: 'http://{good}'}}
  order: {{url: 'http://{bad}'}}
routes:
  - {{path: /, upstream: web, methods: [GET, POST], bodyLimitBytes: 1000, timeoutSeconds: 60, retries: 0}}
  - {{path: /bad, upstream: order, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 60, retries: 0}}
  - {{path: /orders, upstream: web, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 60, audience: order, exchange: false}}
"
    );
    Apart::start(&routes, settings).await
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_counted_once_and_as_what_it_is() {
    let gateway = gateway(&[]).await;
    let long = "a".repeat(70_000);
    let many = (0..200).fold(String::new(), |mut heads, n| {
        write!(heads, "x-{n}: y\r\n").unwrap();
        heads
    });
    let post = "POST / HTTP/1.1\r\nhost: x\r\n";
    let chunked = format!("{post}transfer-encoding: chunked\r\n\r\n");
    let mut expected = BTreeMap::new();
    for (request, status, counter) in [
        // Whom it is for.
        ("GET / HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(), "400", Some(MALFORMED)),
        (
            "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n".to_owned(),
            "400",
            Some(MALFORMED),
        ),
        ("GET / HTTP/1.1\r\nhost:\r\nconnection: close\r\n\r\n".to_owned(), "400", Some(MALFORMED)),
        ("GET / HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n".to_owned(), "400", Some(MALFORMED)),
        ("GET / HTTP/1.1\r\nhost: u@h\r\nconnection: close\r\n\r\n".to_owned(), "400", Some(MALFORMED)),
        (
            "GET http://u@h/ HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n".to_owned(),
            "400",
            Some(MALFORMED),
        ),
        // How long it is.
        (format!("{post}content-length: 1001\r\nconnection: close\r\n\r\n"), "413", Some(BODY)),
        (
            format!("{post}content-length: 1001\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n"),
            "413",
            Some(BODY),
        ),
        (format!("{chunked}3e9\r\n{}\r\n0\r\n\r\n", &long[..1001]), "413", Some(BODY)),
        (format!("{post}content-length: 5\r\ncontent-length: 6\r\n\r\nhello"), "400", Some(MALFORMED)),
        (format!("{post}content-length: 5, 6\r\n\r\nhello"), "400", Some(MALFORMED)),
        (format!("{post}transfer-encoding: identity\r\n\r\nhello"), "400", Some(MALFORMED)),
        (format!("{chunked}zz\r\nhello\r\n0\r\n\r\n"), "400", Some(BODY)),
        (format!("{chunked}FFFFFFFFFFFFFFFFF\r\nhello\r\n"), "400", Some(BODY)),
        (format!("{chunked}5\r\nhelloXX0\r\n\r\n"), "400", Some(BODY)),
        // Giants.
        (format!("GET / HTTP/1.1\r\nhost: x\r\nx: {long}\r\n\r\n"), "431", Some(MALFORMED)),
        (format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"), "431", Some(MALFORMED)),
        (format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n"), "431", Some(MALFORMED)),
        // What could be read in two ways.
        ("GET /a/%2e%2e/b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned(), "400", Some(PATH)),
        // And nothing of it.
        (format!("{post}content-length: 5\r\nconnection: close\r\n\r\nhello"), "200", None),
        (format!("{chunked}5\r\nhello\r\n0\r\n\r\n"), "200", None),
    ] {
        let answer = raw(gateway.address(), &request).await;
        let (shown, _) = request.split_at(request.len().min(120));
        assert_eq!(statuses(&answer), [status], "{shown:?}: {answer}");
        if let Some(counter) = counter {
            *expected.entry(counter.to_owned()).or_insert(0.0) += 1.0;
        }
        gateway.counts_are(&expected, shown).await;
    }
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_a_408_and_counted() {
    let gateway = gateway(&[]).await;
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nshort").await.unwrap();
    let answer = rest(&mut stream).await;
    assert_eq!(statuses(&answer), ["408"], "{answer}");
    gateway.counts_are(&BTreeMap::from([(BODY.to_owned(), 1.0)]), "a slow body").await;
}

#[tokio::test]
async fn what_is_wrong_with_an_answer_is_counted_once_and_as_what_it_is() {
    let gateway = gateway(&[]).await;
    let mut expected = BTreeMap::new();
    for (number, (text, status, counter)) in ANSWERS.iter().enumerate() {
        let request = format!("GET /bad/{number} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = raw(gateway.address(), &request).await;
        assert_eq!(statuses(&answer), [*status], "{text:?}: {answer}");
        let ends = |status: &str| matches!(status, "204" | "304") && answer.ends_with("\r\n\r\n");
        assert!(ends(status) || !matches!(*status, "204" | "304"), "it has a body: {answer}");
        if let Some(counter) = counter {
            *expected.entry((*counter).to_owned()).or_insert(0.0) += 1.0;
        }
        gateway.counts_are(&expected, text).await;
    }
}

#[tokio::test]
async fn keys_that_are_away_later_are_told_and_serve_on() {
    let jwks = any(|| async { axum::Json(json!({ "keys": [TestIssuer::shared().jwk()] })) });
    let proxy = TcpProxy::to(serve(Router::new().route("/jwks", jwks)).await.to_string()).await;
    let gateway = gateway(&[("JWKS_URI", &format!("http://{}/jwks", proxy.address()))]).await;
    let token = || TestIssuer::shared().user("gateway", Uuid::now_v7()).scope("order.read");
    let up = |up: u8| {
        let (gateway, line) = (&gateway, format!("dependency_up{{dependency=\"identity-keys\"}} {up}"));
        eventually(WITHIN, move || {
            let line = line.clone();
            async move { gateway.metrics().await.lines().any(|it| it == line) }
        })
    };
    up(1).await;
    let api = &gateway.api;
    api.with_token(&token().sign()).get("/orders").await.assert_status(200);
    proxy.cut();
    // Looks for a key, in vain.
    api.with_token(&token().header("kid", Uuid::now_v7()).sign()).get("/orders").await.assert_status(401);
    up(0).await;
    life::ready_without(&gateway.admin, "identity-keys").await;
    api.with_token(&token().sign()).get("/orders").await.assert_status(200);
    let refused = "gateway_tokens_refused_total{reason=\"invalid\"}".to_owned();
    gateway.counts_are(&BTreeMap::from([(refused, 1.0)]), "an unknown key").await;
    proxy.heal();
    up(1).await;
}
