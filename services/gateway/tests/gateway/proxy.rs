//! What passes the gateway, and how it looks on the other side.

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::Method;
use platform_testkit::TcpProxy;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{gateway, raw, serve, telling};

#[tokio::test]
async fn a_request_reaches_its_service_under_the_services_own_path() {
    let upstream = telling().await;
    let running = gateway(upstream).await;
    let api = running
        .api
        .with("x-forwarded-for", "6.6.6.6")
        .with("cookie", "web=b; other=c; id=d; web-language=tr");
    let answer = api.get("/services/catalog/v1/courses?limit=2").await.expect(200);
    let told: Value = answer.json();
    assert_eq!(told["path"], "/v1/courses?limit=2");
    assert_eq!(told["method"], "GET");
    assert_eq!(told["headers"]["host"], upstream.to_string());
    assert_eq!(told["headers"]["x-forwarded-host"], "localhost:8080");
    assert_eq!(told["headers"]["x-forwarded-for"], "127.0.0.1");
    assert_eq!(told["headers"]["forwarded"], "for=127.0.0.1;host=\"localhost:8080\";proto=http");
    assert!(told["headers"]["cookie"].is_null(), "{told}");
    let trace = answer.header("x-trace-id").unwrap();
    assert!(told["headers"]["traceparent"].as_str().unwrap().contains(trace), "{told}");
    assert_eq!(told["headers"]["x-request-id"], answer.header("x-request-id").unwrap());
    for hidden in ["set-cookie", "x-inner", "server"] {
        assert!(answer.header(hidden).is_none(), "{hidden}");
    }

    let page = api.get("/courses/x").await.expect(200);
    assert_eq!(page.json::<Value>()["headers"]["cookie"], "web=b; web-language=tr");
    assert_eq!(page.header("set-cookie"), Some("web=b"));
}

#[tokio::test]
async fn methods_and_sizes_that_a_route_does_not_take_are_refused() {
    let running = gateway(telling().await).await;
    let refused = running.api.delete("/services/catalog/v1/courses/1").await;
    refused.problem(405, "method-not-allowed");
    assert_eq!(refused.header("allow"), Some("GET, HEAD, POST"));
    let large = "x".repeat(1001);
    let path = "/open";
    running.api.send(Method::POST, path, None, large.clone()).await.problem(413, "too-large");
    // Without a length the limit is found while streaming.
    let pieces =
        futures::stream::iter(large.into_bytes().chunks(100).map(<[u8]>::to_vec).collect::<Vec<_>>());
    let body = reqwest::Body::wrap_stream(futures::StreamExt::map(pieces, Ok::<_, std::io::Error>));
    running.api.send(Method::POST, path, None, body).await.problem(413, "too-large");
}

#[tokio::test]
async fn broken_requests_never_reach_an_upstream() {
    let running = gateway(telling().await).await;
    for request in [
        "GET / HTTP/1.1\r\n\r\nrubbish\r\n\r\n",
        "\0\0\0\0",
        "POST /services/catalog/v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "POST /services/catalog/v1/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n5\r\nhello\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\nbad header: y\r\n\r\n",
    ] {
        let answer = raw(running.address(), request).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{request:?}: {answer}");
    }
    let giant = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(100_000));
    let answer = raw(running.address(), &giant).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    running.api.get("/").await.assert_status(200);
}

#[tokio::test]
async fn an_upstream_that_is_away_is_a_503_and_one_that_is_late_a_504() {
    let upstream = telling().await;
    let proxy = TcpProxy::to(upstream.to_string()).await;
    let running = gateway(proxy.address()).await;
    running.api.get("/").await.assert_status(200);

    proxy.refuse();
    proxy.reset();
    let away = running.api.get("/").await;
    away.problem(503, "unavailable");
    assert_eq!(away.header("retry-after"), Some("1"));

    proxy.heal();
    running.api.get("/").await.assert_status(200);
    proxy.stall();
    running.api.get("/").await.problem(504, "timeout");
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_whatever_the_method() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let running = gateway(address).await;
    let api = running.api.clone();
    let request = tokio::spawn(async move { api.post("/open", json!({ "a": 1 })).await });
    // The upstream comes up while the gateway is trying.
    tokio::task::yield_now().await;
    let listener = TcpListener::bind(address).await.unwrap();
    let echo = any(|body: String| async move { body });
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(echo)).await });
    let answer = request.await.unwrap().expect(200);
    assert_eq!(answer.json::<Value>(), json!({ "a": 1 }));
}

#[tokio::test]
async fn a_long_answer_is_streamed_and_never_held() {
    const CHUNK: usize = 64 * 1024;
    const CHUNKS: usize = 1024;
    let endless = any(|| async {
        let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![7_u8; CHUNK]));
        Body::from_stream(futures::StreamExt::take(chunks, CHUNKS))
    });
    let running = gateway(serve(Router::new().fallback(endless)).await).await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut total = 0;
    let mut part = vec![0; CHUNK];
    loop {
        match stream.read(&mut part).await.unwrap() {
            0 => break,
            read => total += read,
        }
    }
    assert!(total >= CHUNK * CHUNKS, "{total} bytes of {}", CHUNK * CHUNKS);
}
