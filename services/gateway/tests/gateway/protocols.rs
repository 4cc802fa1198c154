//! What there is beyond one request and one answer: interim answers, trailers, upgrades, events, HTTP/2.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::apart::Apart;
use crate::support::{WITHIN, gateway, raw, raw_upstream, read_head, rest, routes, start, statuses, telling};

#[tokio::test]
async fn a_client_that_waits_for_100_is_told_to_go_on_only_when_its_body_is_wanted() {
    let running = gateway(telling().await).await;
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
        assert!(head.contains("te: trailers") && head.contains("connection: te"), "{head}");
        let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
            5\r\nhello\r\n0\r\nx-sum: 42\r\n\r\n";
        drop(stream.write_all(answer.as_bytes()).await);
    })
    .await;
    let running = Apart::start(&routes(upstream), &[]).await;
    let request = "GET /open HTTP/1.1\r\nhost: x\r\nte: trailers\r\nconnection: te, close\r\n\r\n";
    let answer = raw(running.address(), request).await;
    assert!(answer.contains("hello") && answer.contains("x-sum: 42"), "{answer}");
    running.counts_are(&BTreeMap::new(), "an answer with trailers").await;
}

#[tokio::test]
async fn trailers_of_a_request_reach_the_service_and_change_nothing_that_was_checked() {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let upstream = raw_upstream(move |mut stream| {
        let tell = tell.clone();
        async move {
            let head = read_head(&mut stream).await;
            let mut body = Vec::new();
            while !body.ends_with(b"\r\n\r\n") {
                body.push(stream.read_u8().await.unwrap());
            }
            drop(stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await);
            tell.send((head, String::from_utf8(body).unwrap())).await.unwrap();
        }
    })
    .await;
    let running = gateway(upstream).await;
    let request = "POST /open HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\
        trailer: x-sum, authorization, host, content-length, x-forwarded-for, cookie\r\nconnection: close\r\n\r\n\
        5\r\nhello\r\n0\r\nx-sum: 42\r\nauthorization: Bearer forged\r\nhost: forged\r\ncontent-length: 9\r\n\
        x-forwarded-for: 6.6.6.6\r\ncookie: web=forged\r\n\r\n";
    let answer = raw(running.address(), request).await;
    assert_eq!(statuses(&answer), ["204"], "{answer}");
    let (head, body) = told.recv().await.unwrap();
    assert!(body.starts_with("5\r\nhello\r\n0\r\n") && body.contains("x-sum: 42"), "{body}");
    for forged in ["authorization", "host", "content-length", "x-forwarded-for", "cookie"] {
        assert!(!body.contains(forged), "{forged} came as a trailer: {body}");
    }
    assert!(!head.contains("forged") && !head.contains("6.6.6.6"), "{head}");
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
    let handshake = handshake.replace("Upgrade", "upgrade, close");
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
            let read = tokio::time::timeout(WITHIN, stream.read(&mut part));
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
    let routes = routes(telling().await);
    let running = start(&routes, &[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let api = running.api.with("x-forwarded-for", "1.1.1.1, 203.0.113.7, 127.0.0.9");
    let told: Value = api.get("/").await.expect(200).json();
    assert_eq!(told["headers"]["x-forwarded-for"], "203.0.113.7");
}

#[tokio::test]
async fn nobody_leaves_http_in_the_middle_of_a_request() {
    let upstream = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: mine\r\nconnection: upgrade\r\n\r\nhello";
        drop(stream.write_all(answer.as_bytes()).await);
        drop(stream.read_to_end(&mut Vec::new()).await);
    })
    .await;
    let running = gateway(upstream).await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    let begun = "POST /open HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: mine\r\ncontent-length: 10\r\n\r\nhalf";
    stream.write_all(begun.as_bytes()).await.unwrap();
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
}
