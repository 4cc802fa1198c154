//! Upstreams are killed and replaced under load for a while: 30 s, or `SOAK_SECONDS`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::{gateway, read_head};

const CLIENTS: usize = 4;

/// An upstream that ends with all of its connections, wherever they are, when it is dropped.
struct Mortal(tokio::task::AbortHandle);

impl Mortal {
    async fn at(address: SocketAddr) -> (Self, SocketAddr) {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(answer(stream));
            }
        };
        (Self(tokio::spawn(serve).abort_handle()), address)
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn answer(mut stream: TcpStream) {
    while !read_head(&mut stream).await.is_empty() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn no_request_fails_that_could_be_tried_again_while_upstreams_die() {
    let seconds = std::env::var("SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(30);
    let until = Instant::now() + Duration::from_secs(seconds);
    let (mut upstream, address) = Mortal::at("127.0.0.1:0".parse().unwrap()).await;
    let running = gateway(address).await;
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (api, over) = (running.api.clone(), over.clone());
            tokio::spawn(async move {
                let mut answered = 0_u64;
                while !over.load(Ordering::Relaxed) {
                    api.get("/open").await.assert_status(200);
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    let mut deaths = 0;
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(400)).await;
        drop(upstream);
        // Somebody else takes its place at once, as soon as the port is free.
        upstream = platform_testkit::eventually(Duration::from_secs(5), || async {
            let free = TcpListener::bind(address).await.is_ok();
            if free { Some(Mortal::at(address).await.0) } else { None }
        })
        .await;
        deaths += 1;
    }
    over.store(true, Ordering::Relaxed);
    let mut answered = 0;
    for client in clients {
        answered += client.await.unwrap();
    }
    assert!(answered > deaths, "{answered} answers over {deaths} deaths");
    drop(upstream);
}
