//! The server as a client on the network sees it: every error is a problem, nothing waits for ever, and a
//! drain finishes what runs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail the test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use clap::Parser as _;
use http::header;
use platform_http::Keep;
use platform_http::server::{ServerSettings, bind, serve, with_layers};
use platform_testkit::{Api, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

#[derive(clap::Parser)]
struct Settings {
    #[command(flatten)]
    server: ServerSettings,
}

struct Running {
    api: Api,
    address: SocketAddr,
    stop: CancellationToken,
    ended: tokio::task::JoinHandle<()>,
    /// Cancelled when clients are to leave.
    draining: CancellationToken,
    /// Each permit lets one request to `/held` finish.
    gate: Arc<Semaphore>,
    /// How many requests to `/held` have begun.
    begun: Arc<AtomicU32>,
}

async fn server(arguments: &[&str]) -> Running {
    let all = ["server", "--public-url=http://localhost", "--listen-addr=127.0.0.1:0"];
    let settings = Settings::parse_from(all.iter().chain(arguments)).server;
    let gate = Arc::new(Semaphore::new(0));
    let begun = Arc::new(AtomicU32::new(0));
    let held = {
        let (gate, begun) = (gate.clone(), begun.clone());
        move || async move {
            begun.fetch_add(1, Ordering::SeqCst);
            let _permit = gate.acquire().await;
            "finished"
        }
    };
    let routes = Router::new()
        .route("/held", get(held))
        .route(
            "/panics",
            get(|| async {
                if true {
                    panic!("on purpose")
                }
            }),
        )
        .route("/echo", post(|body: Bytes| async move { body }))
        .route("/kept", get(|| async { ([(header::CACHE_CONTROL, Keep::Release.value())], "kept") }));
    let listener = bind("LISTEN_ADDR", settings.listen_addr).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let drain = settings.drain_timeout_seconds;
    let draining = CancellationToken::new();
    let routes = with_layers(routes, &settings, &draining);
    let ended = tokio::spawn(serve(listener, routes, stop.clone(), drain));
    Running { api: Api::new(format!("http://{address}")), address, stop, ended, draining, gate, begun }
}

#[tokio::test]
async fn every_error_is_a_problem() {
    let running = server(&[]).await;
    running.api.get("/nothing").await.problem(404, "not-found");
    running.api.delete("/echo").await.problem(405, "method-not-allowed");
    running.api.get("/panics").await.problem(500, "internal-error");
    // The server is still there.
    running.api.send(http::Method::POST, "/echo", None, "hello").await.assert_status(200);
}

#[tokio::test]
async fn nobody_keeps_what_does_not_say_that_it_may_be_kept() {
    let running = server(&[]).await;
    let echo = running.api.send(http::Method::POST, "/echo", None, "hello").await.expect(200);
    let kept = running.api.get("/kept").await.expect(200);
    let (nothing, panicked) = (running.api.get("/nothing").await, running.api.get("/panics").await);
    for (answer, said) in
        [(echo, "no-store"), (nothing, "no-store"), (panicked, "no-store"), (kept, "public, max-age=30")]
    {
        assert_eq!(answer.header("cache-control"), Some(said));
    }
}

#[tokio::test]
async fn a_late_answer_is_given_up() {
    let running = server(&["--request-timeout-seconds=0.05"]).await;
    let answer = running.api.get("/held").await;
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn more_requests_than_it_can_take_are_turned_away() {
    let running = server(&["--max-concurrent-requests=1"]).await;
    let api = running.api.clone();
    let first = tokio::spawn(async move { api.get("/held").await });
    eventually(Duration::from_secs(5), || async { running.api.get("/held").await.status == 503 }).await;
    running.gate.add_permits(1);
    first.await.unwrap().assert_status(200);
}

#[tokio::test]
async fn a_drain_finishes_what_runs_and_takes_nothing_new() {
    let running = server(&[]).await;
    let api = running.api.clone();
    let request = tokio::spawn(async move { api.get("/held").await });
    eventually(Duration::from_secs(5), || async { running.begun.load(Ordering::SeqCst) == 1 }).await;
    running.stop.cancel();
    eventually(Duration::from_secs(5), || async { TcpStream::connect(running.address).await.is_err() }).await;
    running.gate.add_permits(1);
    assert_eq!(request.await.unwrap().expect(200).text(), "finished");
    running.ended.await.unwrap();
}

#[tokio::test]
async fn clients_are_told_to_leave_before_the_listener_closes() {
    let running = server(&[]).await;
    assert_eq!(running.api.get("/nothing").await.header("connection"), None);
    running.draining.cancel();
    for path in ["/nothing", "/panics"] {
        assert_eq!(running.api.get(path).await.header("connection"), Some("close"), "{path}");
    }
}

#[tokio::test]
async fn heads_are_bounded() {
    let running = server(&[]).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head = format!("GET /echo HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(200_000));
    drop(stream.write_all(head.as_bytes()).await);
    let mut answer = vec![0; 64];
    let read = stream.read(&mut answer).await.unwrap_or(0);
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
}
