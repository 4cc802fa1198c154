//! Clients that go away in the middle: what they asked for is given up everywhere, and counted.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use platform_testkit::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::apart::Apart;
use crate::support::{WITHIN, raw_upstream, read_head, rest, statuses};

const ENDLESS: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// How a client goes away.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Ends,
    Resets,
    /// It will send nothing more, and still listens.
    HalfCloses,
}

/// What an upstream has seen.
#[derive(Debug, PartialEq)]
enum Seen {
    Arrived,
    /// Its connection has ended.
    Ended,
}

/// A gateway before an upstream that reads a head and as many bytes of a body, and then nothing more, answers with
/// `begin`, goes on with `more` for as long as somebody takes it, and tells what it sees.
async fn watched(begin: &'static str, more: &'static [u8], bytes: usize) -> (Apart, mpsc::Receiver<Seen>) {
    let (tell, told) = mpsc::channel(100);
    let upstream = raw_upstream(move |mut stream| {
        let tell = tell.clone();
        async move {
            if read_head(&mut stream).await.contains("/at-once") {
                drop(stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await);
                return;
            }
            stream.read_exact(&mut vec![0; bytes]).await.unwrap();
            tell.send(Seen::Arrived).await.unwrap();
            drop(stream.write_all(begin.as_bytes()).await);
            if more.is_empty() {
                drop(stream.read_to_end(&mut Vec::new()).await);
            }
            while !more.is_empty() && stream.write_all(more).await.is_ok() {}
            tell.send(Seen::Ended).await.unwrap();
        }
    })
    .await;
    (Apart::of("order", &format!("http://{upstream}"), "timeoutSeconds: 60").await, told)
}

async fn leave(way: Way, mut stream: TcpStream) -> Option<TcpStream> {
    match way {
        Way::Ends => {}
        Way::Resets => stream.set_zero_linger().unwrap(),
        Way::HalfCloses => {
            stream.shutdown().await.unwrap();
            return Some(stream);
        }
    }
    None
}

async fn seen(told: &mut mpsc::Receiver<Seen>) -> Option<Seen> {
    tokio::time::timeout(WITHIN, told.recv()).await.expect("the upstream is told in time")
}

const BODY: &str = "gateway_failures_total{upstream=\"order\",reason=\"client\"}";
const WAITING: &str = "gateway_clients_gone_total{while=\"waiting\"}";
const READING: &str = "gateway_clients_gone_total{while=\"reading\"}";
const SILENT: &str = "gateway_connections_silent_total";

/// Waits until this is all that was counted, once each.
async fn counted(running: &Apart, series: &[&str], what: &str) {
    let expected: BTreeMap<_, _> = series.iter().map(|series| ((*series).to_owned(), 1.0)).collect();
    running.counts_are(&expected, what).await;
}

#[tokio::test]
async fn a_client_that_goes_while_it_waits_ends_its_request() {
    for way in [Way::Ends, Way::Resets, Way::HalfCloses] {
        let (running, mut told) = watched("", b"", 0).await;
        let mut stream = TcpStream::connect(running.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert_eq!(seen(&mut told).await, Some(Seen::Arrived));
        let left = leave(way, stream).await;
        assert_eq!(seen(&mut told).await, Some(Seen::Ended), "{way:?}");
        counted(&running, &[WAITING], &format!("{way:?}")).await;
        // As with other proxies, whoever ends its side has gone: there is no answer.
        if let Some(mut stream) = left {
            assert_eq!(rest(&mut stream).await, "");
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_ends_its_request_and_no_other() {
    let (running, mut told) = watched("", b"", 0).await;
    let stream = TokioIo::new(TcpStream::connect(running.address()).await.unwrap());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = |path: &str| {
        let uri = format!("http://{}{path}", running.address());
        Request::get(uri).body(Body::empty()).unwrap()
    };
    let waiting = tokio::spawn(sender.send_request(request("/")));
    assert_eq!(seen(&mut told).await, Some(Seen::Arrived));
    waiting.abort();
    assert_eq!(seen(&mut told).await, Some(Seen::Ended));
    counted(&running, &[WAITING], "a reset").await;
    assert_eq!(sender.send_request(request("/at-once")).await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_client_that_goes_while_it_reads_ends_its_answer() {
    for way in [Way::Ends, Way::Resets] {
        let (running, mut told) = watched(ENDLESS, b"5\r\nagain\r\n", 0).await;
        let mut stream = TcpStream::connect(running.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert_eq!(seen(&mut told).await, Some(Seen::Arrived));
        assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200"));
        leave(way, stream).await;
        assert_eq!(seen(&mut told).await, Some(Seen::Ended), "{way:?}");
        counted(&running, &[READING], &format!("{way:?}")).await;
    }
}

#[tokio::test]
async fn who_says_nothing_or_half_a_head_or_reads_nothing_is_let_go_after_half_a_minute() {
    let (running, mut told) = watched(ENDLESS, b"5\r\nagain\r\n", 0).await;
    let half = |bytes: &'static [u8]| {
        let address = running.address();
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            let mut answer = Vec::new();
            let ended = tokio::time::timeout(4 * WITHIN, stream.read_to_end(&mut answer)).await;
            assert!(ended.is_ok(), "{:?} keeps its connection", String::from_utf8_lossy(bytes));
        }
    };
    let reads_nothing = async {
        let mut stream = TcpStream::connect(running.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert_eq!(seen(&mut told).await, Some(Seen::Arrived));
        let ended = tokio::time::timeout(4 * WITHIN, told.recv()).await;
        assert_eq!(ended.expect("its answer is given up"), Some(Seen::Ended));
    };
    let second = b"GET /at-once HTTP/1.1\r\nhost: x\r\n\r\nGET /at-once HTTP/1.1\r\nho";
    tokio::join!(
        half(b""),
        half(b"GET / HTTP/1.1\r\nhost: "),
        half(b"PRI * HTTP"),
        half(second),
        reads_nothing
    );
    // What came of the second request came with the first: for all that anybody knows, that connection is idle.
    let expected = BTreeMap::from([(SILENT.to_owned(), 3.0), (READING.to_owned(), 1.0)]);
    running.counts_are(&expected, "three that said too little, and one that read nothing").await;
}

#[tokio::test]
async fn a_client_that_goes_in_its_body_ends_its_request() {
    for framing in ["content-length: 100\r\n\r\nhello", "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"] {
        for way in [Way::Ends, Way::Resets, Way::HalfCloses] {
            let (running, mut told) = watched("", b"", 5).await;
            let mut stream = TcpStream::connect(running.address()).await.unwrap();
            stream.write_all(format!("POST / HTTP/1.1\r\nhost: x\r\n{framing}").as_bytes()).await.unwrap();
            assert_eq!(seen(&mut told).await, Some(Seen::Arrived));
            let left = leave(way, stream).await;
            assert_eq!(seen(&mut told).await, Some(Seen::Ended), "{way:?} {framing:?}");
            // One that ends in good order is still told what is wrong.
            if let Some(mut stream) = left {
                let answer = rest(&mut stream).await;
                assert_eq!(statuses(&answer), ["400"], "{framing:?}: {answer}");
            }
            // Whatever is noticed first, its body or itself, is counted, and not the other.
            eventually(WITHIN, || async {
                let counts = running.counts().await;
                let all: Vec<_> = counts.iter().map(|(series, count)| (series.as_str(), *count)).collect();
                if all == [(BODY, 1.0)] || all == [(WAITING, 1.0)] { Ok(()) } else { Err(counts) }
            })
            .await;
        }
    }
}
