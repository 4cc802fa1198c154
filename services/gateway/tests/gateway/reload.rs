//! Changed routes are taken into use, and no request is dropped over it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use platform_testkit::eventually;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::support::{WITHIN, counted, gateway, replace, rest, routes, serve, start, statuses, telling};
use crate::talk::Talk;

const RELOADS: usize = 10;
const CLIENTS: usize = 32;
/// What the upload sends after each reload: enough not to be slow.
const PIECE: usize = 64 * 1024;

/// Routes to an upstream that has moved.
fn moved(upstream: SocketAddr) -> String {
    format!(
        "version: 1
upstreams:
  catalog: {{url: 'http://{upstream}'}}
routes:
  - {{path: /, upstream: catalog, methods: [GET, POST], retries: 0, bodyLimitBytes: 10000000, timeoutSeconds: 600, idleTimeoutSeconds: 600}}
"
    )
}

/// An upstream that says its number; what is slow ends when there is a permit.
async fn numbered(number: usize, begun: &Arc<AtomicU32>, gate: &Arc<Semaphore>) -> SocketAddr {
    let (slow_begun, slow_gate) = (begun.clone(), gate.clone());
    let slow = get(move || {
        let (begun, gate) = (slow_begun.clone(), slow_gate.clone());
        async move {
            begun.fetch_add(1, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
            format!("slow {number}")
        }
    });
    let begun = begun.clone();
    let upload = post(move |body: axum::body::Body| async move {
        begun.fetch_add(1, Ordering::SeqCst);
        let body: Bytes = axum::body::to_bytes(body, 10_000_000).await.unwrap();
        format!("took {} at {number}", body.len())
    });
    let tell = get(move || async move { number.to_string() });
    serve(Router::new().route("/slow", slow).route("/upload", upload).fallback(tell)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_reloads_that_move_the_upstream_drop_nothing() {
    let (begun, gate) = (Arc::new(AtomicU32::new(0)), Arc::new(Semaphore::new(0)));
    let running = start(&moved(numbered(0, &begun, &gate).await), &[]).await;

    // One that waits for its answer all the while, and one that sends its body all the while.
    let mut slow = TcpStream::connect(running.address()).await.unwrap();
    slow.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut upload = TcpStream::connect(running.address()).await.unwrap();
    let length = PIECE * (RELOADS + 1);
    let head =
        format!("POST /upload HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    upload.write_all(head.as_bytes()).await.unwrap();
    upload.write_all(&vec![7; PIECE]).await.unwrap();
    eventually(WITHIN, || async { begun.load(Ordering::SeqCst) == 2 }).await;

    // And many that ask again and again.
    let over = Arc::new(AtomicBool::new(false));
    let seen: Arc<[AtomicUsize; RELOADS + 1]> = Arc::default();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (address, over, seen) = (running.address(), over.clone(), seen.clone());
            tokio::spawn(async move {
                // One connection for all: nothing hides that it is closed.
                let mut talk = Talk::to(address).await;
                while !over.load(Ordering::SeqCst) {
                    let number: usize = talk.get("/any", "").await.parse().unwrap();
                    seen[number].fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();

    for times in 1..=RELOADS {
        let next = numbered(times, &begun, &gate).await;
        replace(running.routes.path(), &moved(next));
        eventually(WITHIN, || async { seen[times].load(Ordering::SeqCst) > CLIENTS }).await;
        upload.write_all(&vec![7; PIECE]).await.unwrap();
    }
    over.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.unwrap();
    }
    gate.add_permits(1);
    let answer = rest(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("slow 0"), "{answer}");
    let answer = rest(&mut upload).await;
    assert_eq!(statuses(&answer), ["200"], "{answer}");
    assert!(answer.ends_with(&format!("took {length} at 0")), "{answer}");
}

#[tokio::test]
async fn new_routes_are_used() {
    let upstream = telling().await;
    let running = gateway(upstream).await;
    running.api.get("/services/order/v1/x").await.assert_status(401);
    let opened = routes(upstream).replace("audience: order, exchange: false, ", "");
    replace(running.routes.path(), &opened);
    eventually(WITHIN, || async { running.api.get("/services/order/v1/x").await.status == 200 }).await;
}

#[tokio::test]
async fn a_wrong_file_changes_nothing() {
    let upstream = telling().await;
    let running = gateway(upstream).await;
    // Until it answers, it may not have read the first one.
    running.api.get("/open").await.assert_status(200);
    let before = counted("gateway_reloads_total", &["refused"]);
    replace(running.routes.path(), &routes(upstream).replace("methods: [GET],", "methods: [],"));
    eventually(WITHIN, || async { counted("gateway_reloads_total", &["refused"]) > before }).await;
    running.api.get("/open").await.assert_status(200);
}
