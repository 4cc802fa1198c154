//! How the gateway ends: what runs is finished, and everybody is told to go elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::routing::any;
use platform_testkit::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::frames::{self, END_HEADERS, END_STREAM, GOAWAY, HEADERS, frame};
use crate::support::{Running, WITHIN, raw, read_head, rest, routes, serve, start};

/// A gateway whose upstream answers `finished` as there are permits, and how many requests it has got.
async fn holding() -> (Running, Arc<Semaphore>, Arc<AtomicU32>) {
    holding_with(&[]).await
}

async fn holding_with(settings: &[(&str, &str)]) -> (Running, Arc<Semaphore>, Arc<AtomicU32>) {
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU32::new(0)));
    let (held, counter) = (gate.clone(), begun.clone());
    let hold = any(move || {
        let (held, counter) = (held.clone(), counter.clone());
        async move {
            counter.fetch_add(1, Ordering::SeqCst);
            held.acquire().await.unwrap().forget();
            "finished"
        }
    });
    let routes = routes(serve(Router::new().fallback(hold)).await);
    (start(&routes.replace("timeoutSeconds: 2", "timeoutSeconds: 60"), settings).await, gate, begun)
}

/// Until nobody is let in any more.
async fn closed(address: SocketAddr) {
    eventually(WITHIN, || async { TcpStream::connect(address).await.is_err() }).await;
}

#[tokio::test]
async fn a_drain_finishes_what_runs_and_says_goodbye() {
    let (running, gate, begun) = holding().await;
    let address = running.address();
    let mut idle = TcpStream::connect(address).await.unwrap();
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(b"GET /open HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    eventually(WITHIN, || async { begun.load(Ordering::SeqCst) == 1 }).await;
    let stopped = tokio::spawn(running.component.stop());
    closed(address).await;
    assert_eq!(idle.read(&mut [0; 10]).await.unwrap_or(0), 0, "an idle connection is closed");
    gate.add_permits(1);
    let answer = rest(&mut busy).await;
    assert!(answer.contains("connection: close") && answer.ends_with("finished"), "{answer}");
    stopped.await.unwrap().unwrap();
}

#[tokio::test]
async fn while_clients_learn_of_it_each_is_answered_once_more_and_sent_away() {
    let (running, gate, _) = holding_with(&[("DRAIN_DELAY_SECONDS", "3")]).await;
    gate.add_permits(100);
    let address = running.address();
    let mut kept = TcpStream::connect(address).await.unwrap();
    let mut second = frames::connect(address).await;
    let request = b"GET /open HTTP/1.1\r\nhost: x\r\n\r\n";
    kept.write_all(request).await.unwrap();
    let answer = read_head(&mut kept).await;
    assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("connection: close"), "{answer}");
    let (admin, stopped) = (running.component.admin, tokio::spawn(running.component.stop()));
    // It says that it is not ready, and serves on.
    let not_ready = || async {
        raw(admin, "GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 503")
    };
    eventually(WITHIN, not_ready).await;
    let mut body = [0; 8];
    kept.read_exact(&mut body).await.unwrap();
    kept.write_all(request).await.unwrap();
    let answer = rest(&mut kept).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    loop {
        let told = frames::next(&mut second).await.expect("a goodbye");
        if told.kind == GOAWAY {
            assert_eq!(told.error(), Some(0), "{told:?}");
            break;
        }
    }
    stopped.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_tells_http_2_by_goaway_and_finishes_its_streams() {
    let (running, gate, begun) = holding().await;
    let address = running.address();
    let mut stream = frames::connect(address).await;
    let head = frame(HEADERS, END_HEADERS | END_STREAM, 1, &frames::get("/open"));
    stream.write_all(&head).await.unwrap();
    eventually(WITHIN, || async { begun.load(Ordering::SeqCst) == 1 }).await;
    let stopped = tokio::spawn(running.component.stop());
    let told = loop {
        let told = frames::next(&mut stream).await.expect("a goodbye");
        if told.kind == GOAWAY {
            break told;
        }
    };
    assert_eq!(told.error(), Some(0), "{told:?}");
    gate.add_permits(1);
    let (mut body, mut ended) = (Vec::new(), false);
    while let Some(next) = frames::next(&mut stream).await {
        ended |= next.stream == 1 && next.ends_stream();
        if next.kind == frames::DATA {
            body.extend(next.payload);
        }
    }
    assert!(ended, "the stream must end in good order");
    assert_eq!(String::from_utf8(body).unwrap(), "finished");
    stopped.await.unwrap().unwrap();
}
