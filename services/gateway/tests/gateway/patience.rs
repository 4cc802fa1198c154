//! How long things may take: uploads, answers, connections that have left HTTP.

use std::time::Duration;

use axum::Router;
use axum::routing::any;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{
    Running, WITHIN, counted, failures, gateway_of, raw_upstream, read_head, rest, serve, start,
};

#[tokio::test]
async fn an_upload_may_take_longer_than_its_answer_may_take_to_begin() {
    let upstream =
        serve(Router::new().fallback(any(|body: String| async move { body.len().to_string() }))).await;
    let running = gateway_of("basket", &format!("http://{upstream}"), "timeoutSeconds: 1").await;
    for framing in ["content-length: 30", "transfer-encoding: chunked"] {
        let mut stream = TcpStream::connect(running.address()).await.unwrap();
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{framing}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        for part in ["0123456789"; 3] {
            let part = if framing.starts_with('c') { part.to_owned() } else { format!("a\r\n{part}\r\n") };
            stream.write_all(part.as_bytes()).await.unwrap();
            // Longer than the answer may take.
            tokio::time::sleep(Duration::from_millis(1200)).await;
        }
        if !framing.starts_with('c') {
            stream.write_all(b"0\r\n\r\n").await.unwrap();
        }
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("30"), "{answer}");
    }
}

#[tokio::test]
async fn an_upstream_that_takes_no_more_of_a_body_is_late() {
    let upstream = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let routes = format!(
        "version: 1
upstreams:
  discount: {{url: 'http://{upstream}'}}
routes:
  - {{path: /, upstream: discount, methods: [POST], bodyLimitBytes: 1000000000, timeoutSeconds: 1}}
"
    );
    let running = start(&routes, &[]).await;
    let before = failures("discount", "late");
    let stream = TcpStream::connect(running.address()).await.unwrap();
    let (mut answers, mut sends) = stream.into_split();
    let sending = tokio::spawn(async move {
        let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n";
        sends.write_all(head.as_bytes()).await.unwrap();
        while sends.write_all(&[0; 65536]).await.is_ok() {}
    });
    let mut status = [0; 12];
    tokio::time::timeout(WITHIN, answers.read_exact(&mut status)).await.expect("an answer in time").unwrap();
    assert_eq!(&status, b"HTTP/1.1 504");
    assert_eq!(failures("discount", "late"), before + 1.0);
    sending.abort();
}

#[tokio::test]
async fn a_total_time_holds_for_slow_readers_too() {
    let upstream = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await);
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(65536));
        while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    })
    .await;
    let more = "timeoutSeconds: 5, totalTimeoutSeconds: 1";
    let running = gateway_of("payment", &format!("http://{upstream}"), more).await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200"));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    // There is always more to read, and yet it ends.
    let body = tokio::time::timeout(WITHIN, rest(&mut stream)).await.expect("it is cut off");
    assert!(body.contains("xxx") && !body.ends_with("0\r\n\r\n"));
    assert!(counted("gateway_answers_cut_total", &["late"]) >= 1.0);
}

/// A gateway that handles four requests at a time, whose upstream switches to a protocol in which it repeats what
/// it gets, greeting first.
async fn switching(more: &str) -> Running {
    switching_with(more, &[("MAX_ACTIVE_REQUESTS", "4")]).await
}

async fn switching_with(more: &str, settings: &[(&str, &str)]) -> Running {
    let upstream = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\nhello";
        drop(stream.write_all(answer.as_bytes()).await);
        let mut part = [0; 4];
        while stream.read_exact(&mut part).await.is_ok() {
            drop(stream.write_all(&part).await);
        }
    })
    .await;
    let more = format!("timeoutSeconds: 5, upgrade: true, {more}");
    let routes = format!(
        "version: 1
upstreams:
  photostock: {{url: 'http://{upstream}'}}
routes:
  - {{path: /, upstream: photostock, methods: [GET], bodyLimitBytes: 0, {more}}}
"
    );
    start(&routes, settings).await
}

/// A client that has left HTTP.
async fn joined(running: &Running) -> TcpStream {
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let mut greeting = [0; 5];
    stream.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"hello", "what came with the switch is not lost");
    stream
}

#[tokio::test]
async fn who_has_left_http_keeps_a_requests_place_until_it_ends() {
    let running = switching("idleTimeoutSeconds: 60").await;
    let mut joined = futures::future::join_all([(); 4].map(|()| joined(&running))).await;
    assert!(running.api.get("/").await.text().contains("too busy"));
    for stream in &mut joined {
        stream.write_all(b"ping").await.unwrap();
        let mut part = [0; 4];
        stream.read_exact(&mut part).await.unwrap();
        assert_eq!(&part, b"ping");
    }
    drop(joined);
    // The upstream answers a plain request with a switch that nobody asked for, which is another 503.
    let free = || async { !running.api.get("/").await.text().contains("too busy") };
    platform_testkit::eventually(WITHIN, free).await;
}

#[tokio::test]
async fn who_has_left_http_counts_as_a_connection_and_has_the_time_of_the_drain() {
    let running = switching_with("idleTimeoutSeconds: 60", &[("MAX_CONNECTIONS", "1")]).await;
    let mut stream = joined(&running).await;
    let mut refused = TcpStream::connect(running.address()).await.unwrap();
    assert_eq!(refused.read(&mut [0; 10]).await.unwrap_or(0), 0, "there is no place for another");
    let address = running.address();
    let stopped = tokio::spawn(running.component.stop());
    platform_testkit::eventually(WITHIN, || async { TcpStream::connect(address).await.is_err() }).await;
    stream.write_all(b"ping").await.unwrap();
    let mut part = [0; 4];
    stream.read_exact(&mut part).await.unwrap();
    assert_eq!(&part, b"ping");
    drop(stream);
    stopped.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_has_left_http_and_says_nothing_is_let_go() {
    for (more, reason) in
        [("idleTimeoutSeconds: 1", "silent"), ("idleTimeoutSeconds: 60, totalTimeoutSeconds: 1", "late")]
    {
        let running = switching(more).await;
        let before = counted("gateway_tunnels_ended_total", &[reason]);
        let mut stream = joined(&running).await;
        let ended = tokio::time::timeout(WITHIN, rest(&mut stream)).await;
        assert_eq!(ended.expect("it is let go"), "");
        let counted = || async { counted("gateway_tunnels_ended_total", &[reason]) >= before + 1.0 };
        platform_testkit::eventually(WITHIN, counted).await;
    }
}
