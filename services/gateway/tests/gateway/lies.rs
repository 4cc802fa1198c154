//! Upstreams that answer rubbish, or another length than they say: nothing of it reaches anybody as an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::apart::Apart;
use crate::support::{failures, gateway_of, raw, raw_upstream, read_head, statuses};

/// Heads that are none.
const RUBBISH: &[&str] = &[
    "hello\r\n\r\n",
    "HTTP/1.1 abc\r\n\r\n",
    "HTTP/9.1 200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nx y\r\n\r\n",
    "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
];

#[tokio::test]
async fn rubbish_is_a_503_and_never_passed_on() {
    let upstream = raw_upstream(|mut stream| async move {
        let head = read_head(&mut stream).await;
        let number: usize = head.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        drop(stream.write_all(RUBBISH[number].as_bytes()).await);
    })
    .await;
    let running = gateway_of("payment", &format!("http://{upstream}"), "timeoutSeconds: 20").await;
    for (number, rubbish) in RUBBISH.iter().enumerate() {
        let before = failures("payment", "rubbish");
        let answer = running.api.get(&format!("/{number}")).await;
        assert_eq!(answer.status, 503, "{rubbish:?}: {}", answer.text());
        answer.problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(failures("payment", "rubbish"), before + 1.0, "{rubbish:?}");
    }
}

#[tokio::test]
async fn a_head_without_end_is_a_503() {
    let (ended, mut told) = tokio::sync::mpsc::channel(9);
    let upstream = raw_upstream(move |mut stream| {
        let ended = ended.clone();
        async move {
            let head = read_head(&mut stream).await;
            let line = if head.starts_with("GET /many") { "x: y\r\n" } else { "y" };
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await);
            while stream.write_all(line.as_bytes()).await.is_ok() {
                tokio::task::yield_now().await;
            }
            ended.send(()).await.unwrap();
        }
    })
    .await;
    let running = gateway_of("discount", &format!("http://{upstream}"), "timeoutSeconds: 20").await;
    for path in ["/many", "/long"] {
        let before = failures("discount", "rubbish");
        running.api.get(path).await.problem(503, "unavailable");
        assert_eq!(failures("discount", "rubbish"), before + 1.0);
        told.recv().await.unwrap();
    }
}

#[tokio::test]
async fn interim_answers_without_end_are_a_503() {
    let (ended, mut told) = tokio::sync::mpsc::channel(9);
    let upstream = raw_upstream(move |mut stream| {
        let ended = ended.clone();
        async move {
            read_head(&mut stream).await;
            let many = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
            while stream.write_all(many.as_bytes()).await.is_ok() {}
            ended.send(()).await.unwrap();
        }
    })
    .await;
    let running = gateway_of("web", &format!("http://{upstream}"), "timeoutSeconds: 20").await;
    let before = failures("web", "rubbish");
    running.api.get("/").await.problem(503, "unavailable");
    assert_eq!(failures("web", "rubbish"), before + 1.0);
    told.recv().await.unwrap();
}

#[tokio::test]
async fn an_upstream_that_leaves_http_unasked_is_a_503() {
    let upstream = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: mine\r\nconnection: upgrade\r\n\r\nhello";
        drop(stream.write_all(answer.as_bytes()).await);
    })
    .await;
    let running = gateway_of("photostock", &format!("http://{upstream}"), "timeoutSeconds: 20").await;
    let before = failures("photostock", "rubbish");
    let answer = running.api.get("/").await;
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(failures("photostock", "rubbish"), before + 1.0);
}

const UNASKED: &str = "gateway_upstream_connections_broken_total";

/// A gateway with one thread, so that there is one pool, before an upstream that keeps connections and always
/// answers this; and how many connections there were.
async fn always(answer: &'static str) -> (Apart, Arc<AtomicU32>) {
    let connections = Arc::new(AtomicU32::new(0));
    let counter = connections.clone();
    let upstream = raw_upstream(move |mut stream: TcpStream| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            while !read_head(&mut stream).await.is_empty() {
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    let routes = format!(
        "version: 1
upstreams:
  web: {{url: 'http://{upstream}'}}
routes:
  - {{path: /, upstream: web, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 20}}
"
    );
    (Apart::start(&routes, &[("SERVING_THREADS", "1")]).await, connections)
}

#[tokio::test]
async fn what_comes_after_an_answer_is_never_the_next_one() {
    let forged =
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
    let (running, connections) = always(forged).await;
    for _ in 0..20 {
        assert_eq!(running.api.get("/").await.expect(200).text(), "ok");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 20, "such a connection must not be used again");
    running.count_is(UNASKED, 20.0).await;
}

#[tokio::test]
async fn of_two_lengths_the_chunks_are_true() {
    for length in [3, 5, 100] {
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        );
        let (running, _) = always(answer.leak()).await;
        for _ in 0..3 {
            let answer = running.api.get("/").await.expect(200);
            assert_eq!(answer.text(), "hello");
            assert_eq!(answer.header("content-length"), None);
        }
        running.count_is("gateway_answers_ambiguous_total", 3.0).await;
    }
}

#[tokio::test]
async fn broken_chunks_of_an_answer_are_cut_off() {
    for chunks in ["zz\r\nhello\r\n0\r\n\r\n", "5\r\nhelloXX0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\nhello\r\n"] {
        let answer = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
        let (running, _) = always(answer.leak()).await;
        let answer = raw(running.address(), "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        // Where nothing had come before, there may be nothing to cut.
        assert!(matches!(statuses(&answer)[..], [] | ["200"]), "{answer}");
        assert!(!answer.ends_with("0\r\n\r\n"), "it must not look whole: {answer}");
        running.count_is("gateway_answers_cut_total{reason=\"broken\"}", 1.0).await;
    }
}

#[tokio::test]
async fn an_answer_that_may_have_no_body_has_none() {
    for status in ["204 No Content", "304 Not Modified"] {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 5\r\n\r\nhello");
        let (running, _) = always(answer.leak()).await;
        for _ in 0..3 {
            let answer = running.api.get("/").await;
            assert_eq!((answer.status.as_str(), answer.text().as_str()), (&status[..3], ""));
        }
        running.count_is(UNASKED, 3.0).await;
    }
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_whole() {
    let upstream = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").await);
    })
    .await;
    let running = gateway_of("photostock", &format!("http://{upstream}"), "timeoutSeconds: 20").await;
    let answer = raw(running.address(), "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.contains("transfer-encoding: chunked") && answer.ends_with("0\r\n\r\n"), "{answer}");
}
