//! Upstreams are killed and replaced under load for a while: 30 s, or `SOAK_SECONDS`. Each also breaks off the first
//! request that it gets. What could be tried again never fails, and what could not never arrives twice.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::Method;
use platform_testkit::Api;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::support::{counted, read_head, routes, start};

const CLIENTS: usize = 4;
/// Between two requests of a client, so that ten minutes leave the machine to others too.
const PACE: Duration = Duration::from_millis(5);
/// An upstream's life: longer than the gateway tries one request again, which could else meet every death.
const LIFE: Duration = Duration::from_secs(1);
/// How much more memory may be in use at the end, by gateway, clients and upstreams together. Only told when there
/// are no other tests beside it.
const MOST_GROWTH_KIB: u64 = 32 * 1024;

/// How often each request that must not be repeated has arrived, whoever got it.
type Arrived = Arc<Mutex<Vec<u8>>>;

/// An upstream that ends with all of its connections, wherever they are, when it is dropped.
struct Mortal(tokio::task::AbortHandle);

impl Mortal {
    /// One that may be there already beside another. `resets`: its connections end by a reset, and not in good order.
    fn at(address: SocketAddr, arrived: &Arrived, resets: bool) -> (Self, SocketAddr) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseport(true).unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(1024).unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = arrived.clone();
        let serve = async move {
            let mut connections = JoinSet::new();
            let mut first = true;
            while let Ok((stream, _)) = listener.accept().await {
                if resets {
                    stream.set_zero_linger().unwrap();
                }
                connections.spawn(answer(stream, arrived.clone(), std::mem::take(&mut first)));
                // Those that have ended take no place.
                while connections.try_join_next().is_some() {}
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

/// `breaks`: the connection ends instead of an answer. It is new, so nobody can take it for one that was closed while
/// idle, and the request counts as tried again.
async fn answer(mut stream: TcpStream, arrived: Arrived, breaks: bool) {
    loop {
        let head = read_head(&mut stream).await;
        if !head.ends_with("\r\n\r\n") {
            return;
        }
        if let Some(number) = head.strip_prefix("POST /open/").and_then(|rest| rest.split(' ').next()) {
            let number: usize = number.parse().unwrap();
            let mut arrived = arrived.lock().unwrap();
            if arrived.len() <= number {
                arrived.resize(number + 1, 0);
            }
            arrived[number] += 1;
        }
        if breaks {
            return;
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// Asks for what may be asked for twice until `over`, and counts. One failure ends it all.
fn reader(api: &Api, over: &Arc<AtomicBool>) -> JoinHandle<u64> {
    let (api, over) = (api.clone(), over.clone());
    tokio::spawn(async move {
        let mut answered = 0;
        while !over.load(Ordering::Relaxed) {
            api.get("/open").await.assert_status(200);
            answered += 1;
            tokio::time::sleep(PACE).await;
        }
        answered
    })
}

/// Sends what must not be repeated until `over`, and counts it, and of that what was lost.
fn writer(api: &Api, over: &Arc<AtomicBool>) -> JoinHandle<(u64, u64)> {
    let (api, over) = (api.clone(), over.clone());
    tokio::spawn(async move {
        let (mut sent, mut lost) = (0, 0);
        while !over.load(Ordering::Relaxed) {
            let answer = api.send(Method::POST, &format!("/open/{sent}"), None, "").await;
            // What had been sent when the upstream died can't be tried again.
            assert!(matches!(answer.status.as_u16(), 200 | 503), "{}", answer.text());
            lost += u64::from(answer.status == 503);
            sent += 1;
            tokio::time::sleep(PACE).await;
        }
        (sent, lost)
    })
}

/// The memory that this process has, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "figures for who runs it for long")]
async fn no_request_fails_that_could_be_tried_again_while_upstreams_die() {
    let asked: Option<u64> = std::env::var("SOAK_SECONDS").ok().map(|text| text.parse().unwrap());
    let length = Duration::from_secs(asked.unwrap_or(30));
    let begun = Instant::now();
    let arrived = Arrived::default();
    let (mut upstream, address) = Mortal::at("127.0.0.1:0".parse().unwrap(), &arrived, false);
    // Being slow is no failure here.
    let running = start(&routes(address).replace("timeoutSeconds: 2", "timeoutSeconds: 60"), &[]).await;
    let (retries, failures) = (counted("gateway_retries_total", &[]), counted("gateway_failures_total", &[]));
    let over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..CLIENTS).map(|_| reader(&running.api, &over)).collect();
    let writer = writer(&running.api, &over);
    let mut deaths = 0;
    let mut early = None;
    // One that failed has ended before it should: no need to go on.
    while begun.elapsed() < length && !writer.is_finished() && !readers.iter().any(JoinHandle::is_finished) {
        tokio::time::sleep(LIFE).await;
        // As in a rollout, there is somebody else before it goes.
        upstream = Mortal::at(address, &arrived, deaths % 2 == 0).0;
        deaths += 1;
        // By then everything that is made once has been made.
        if begun.elapsed() >= length / 10 {
            early.get_or_insert_with(resident);
        }
    }
    over.store(true, Ordering::Relaxed);
    let mut answered = 0;
    for reader in readers {
        answered += reader.await.unwrap();
    }
    let (sent, lost) = writer.await.unwrap();
    let grown = resident().saturating_sub(early.unwrap());
    let retries = counted("gateway_retries_total", &[]) - retries;
    println!(
        "{} s: {deaths} upstreams died; {answered} requests that may be repeated, none failed; {sent} that may \
         not, {lost} lost; {retries} retries, {} failures told; {grown} KiB more memory than after a tenth of the \
         time",
        begun.elapsed().as_secs(),
        counted("gateway_failures_total", &[]) - failures,
    );
    let arrived = arrived.lock().unwrap();
    assert!(arrived.contains(&1) && arrived.iter().all(|times| *times <= 1), "one was repeated");
    assert!(answered > deaths, "{answered} answers over {deaths} deaths");
    assert!(retries > 0.0, "nothing had to be tried again");
    assert!(asked.is_none() || grown < MOST_GROWTH_KIB, "{grown} KiB more");
    drop(upstream);
}
