//! Upstreams are killed and replaced under load for a while: 30 s, or `SOAK_SECONDS`. What could be tried again
//! never fails, and what could not never arrives twice.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::Method;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::{WITHIN, gateway, read_head};

const CLIENTS: usize = 4;

/// How often each request that must not be repeated has arrived, whoever got it.
type Arrived = Arc<Mutex<HashMap<String, u32>>>;

/// An upstream that ends with all of its connections, wherever they are, when it is dropped.
struct Mortal(tokio::task::AbortHandle);

impl Mortal {
    async fn at(address: SocketAddr, arrived: &Arrived) -> (Self, SocketAddr) {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = arrived.clone();
        let serve = async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(answer(stream, arrived.clone()));
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

async fn answer(mut stream: TcpStream, arrived: Arrived) {
    loop {
        let head = read_head(&mut stream).await;
        if !head.ends_with("\r\n\r\n") {
            return;
        }
        if let Some(number) = head.strip_prefix("POST /open/").and_then(|rest| rest.split(' ').next()) {
            *arrived.lock().unwrap().entry(number.to_owned()).or_default() += 1;
        }
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
    let arrived = Arrived::default();
    let (mut upstream, address) = Mortal::at("127.0.0.1:0".parse().unwrap(), &arrived).await;
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
    let poster = {
        let (api, over) = (running.api.clone(), over.clone());
        tokio::spawn(async move {
            let mut number = 0_u64;
            while !over.load(Ordering::Relaxed) {
                let answer = api.send(Method::POST, &format!("/open/{number}"), None, "").await;
                // What had been sent when the upstream died can't be tried again.
                assert!(matches!(answer.status.as_u16(), 200 | 503), "{}", answer.text());
                number += 1;
            }
        })
    };
    let mut deaths = 0;
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(400)).await;
        drop(upstream);
        // Somebody else takes its place at once, as soon as the port is free.
        upstream = platform_testkit::eventually(WITHIN, || async {
            let free = TcpListener::bind(address).await.is_ok();
            if free { Some(Mortal::at(address, &arrived).await.0) } else { None }
        })
        .await;
        deaths += 1;
    }
    over.store(true, Ordering::Relaxed);
    let mut answered = 0;
    for client in clients {
        answered += client.await.unwrap();
    }
    poster.await.unwrap();
    let arrived = arrived.lock().unwrap();
    assert!(!arrived.is_empty() && arrived.values().all(|times| *times == 1), "one was repeated");
    assert!(answered > deaths, "{answered} answers over {deaths} deaths");
    drop(upstream);
}
