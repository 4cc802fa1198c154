//! Upstreams that are away, slow or silent: each has one status, and a count of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::apart::Apart;
use crate::support::{
    WITHIN, failures, gateway_of, raw, raw_upstream, read_head, rest, routes, serve, start, statuses,
};

/// How often an endless upstream sends something.
const PACE: Duration = Duration::from_millis(5);
const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// What an upstream does instead of answering.
#[derive(Clone, Copy, Debug)]
enum Way {
    Ends,
    Resets,
    /// It will say nothing more, and still listens.
    HalfCloses,
    Waits,
}

async fn go(way: Way, mut stream: TcpStream) {
    match way {
        Way::Ends => drop(stream),
        Way::Resets => stream.set_zero_linger().unwrap(),
        Way::HalfCloses => {
            stream.shutdown().await.unwrap();
            drop(stream.read_to_end(&mut Vec::new()).await);
        }
        Way::Waits => drop(stream.read_to_end(&mut Vec::new()).await),
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_a_503_at_once() {
    // Bound, so that nobody else gets the port, and not listened at.
    let refusing = TcpSocket::new_v4().unwrap();
    refusing.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let refusing = format!("http://{}", refusing_address(&refusing));
    for (url, reason) in [("http://nobody.invalid:80", "unresolved"), (refusing.as_str(), "connect")] {
        let running = gateway_of("basket", url, "timeoutSeconds: 20").await;
        let before = failures("basket", reason);
        let away = running.api.get("/").await;
        away.problem(503, "unavailable");
        assert_eq!(away.header("retry-after"), Some("1"));
        assert_eq!(failures("basket", reason), before + 1.0, "{url}");
    }
}

fn refusing_address(socket: &TcpSocket) -> std::net::SocketAddr {
    socket.local_addr().unwrap()
}

#[tokio::test]
async fn an_upstream_that_does_not_even_refuse_is_a_503_long_before_the_answer_is_due() {
    // One waits in its queue, and Linux drops whatever would be the second.
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let silent = silent.listen(0).unwrap();
    let address = silent.local_addr().unwrap();
    let queued = TcpStream::connect(address).await.unwrap();
    let running = gateway_of("payment", &format!("http://{address}"), "timeoutSeconds: 600").await;
    let before = failures("payment", "connect");
    let asked = tokio::time::timeout(WITHIN, running.api.get("/")).await;
    let away = asked.expect("it does not wait for an answer");
    away.problem(503, "unavailable");
    assert_eq!(away.header("retry-after"), Some("1"));
    assert_eq!(failures("payment", "connect"), before + 1.0);
    drop((silent, queued));
}

#[tokio::test]
async fn an_upstream_that_leaves_without_an_answer_is_a_503() {
    for way in [Way::Ends, Way::Resets, Way::HalfCloses] {
        let upstream = raw_upstream(move |mut stream| async move {
            read_head(&mut stream).await;
            go(way, stream).await;
        })
        .await;
        let running = gateway_of("basket", &format!("http://{upstream}"), "timeoutSeconds: 20").await;
        let before = failures("basket", "broken");
        let away = running.api.get("/").await;
        away.problem(503, "unavailable");
        assert_eq!(away.header("retry-after"), Some("1"));
        assert_eq!(failures("basket", "broken"), before + 1.0, "{way:?}");
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_begin_in_time_is_a_504() {
    let silent = raw_upstream(|stream| go(Way::Waits, stream)).await;
    // An interim answer is no beginning.
    let interim = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await.unwrap();
        go(Way::Waits, stream).await;
    })
    .await;
    let half = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").await.unwrap();
        go(Way::Waits, stream).await;
    })
    .await;
    for upstream in [silent, interim, half] {
        let running = gateway_of("basket", &format!("http://{upstream}"), "timeoutSeconds: 1").await;
        let before = failures("basket", "late");
        running.api.get("/").await.problem(504, "timeout");
        assert_eq!(failures("basket", "late"), before + 1.0);
    }
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_is_cut_off() {
    for (way, reason) in
        [(Way::Ends, "broken"), (Way::Resets, "broken"), (Way::HalfCloses, "broken"), (Way::Waits, "silent")]
    {
        for (framing, body) in
            [("content-length: 100", "short"), ("transfer-encoding: chunked", "5\r\nshort\r\n")]
        {
            let upstream = raw_upstream(move |mut stream| async move {
                read_head(&mut stream).await;
                let answer = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
                go(way, stream).await;
            })
            .await;
            let more = "timeoutSeconds: 20, idleTimeoutSeconds: 1";
            let running = Apart::of("basket", &format!("http://{upstream}"), more).await;
            let answer = raw(running.address(), GET).await;
            // A reset may be quicker than what was sent before it; then there is no answer that could be cut.
            if matches!(way, Way::Resets) && statuses(&answer) != ["200"] {
                continue;
            }
            assert_eq!(statuses(&answer), ["200"], "{way:?} {framing}: {answer}");
            assert!(!answer.ends_with("0\r\n\r\n"), "it must not look whole: {answer}");
            let cut = format!("gateway_answers_cut_total{{reason=\"{reason}\"}}");
            running.counts_are(&BTreeMap::from([(cut, 1.0)]), &format!("{way:?} {framing}")).await;
        }
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off_when_its_time_is_over() {
    let upstream = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await);
        while stream.write_all(b"5\r\nagain\r\n").await.is_ok() {
            tokio::time::sleep(PACE).await;
        }
    })
    .await;
    let more = "timeoutSeconds: 20, totalTimeoutSeconds: 1";
    let running = Apart::of("basket", &format!("http://{upstream}"), more).await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(GET.as_bytes()).await.unwrap();
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200"));
    let body = rest(&mut stream).await;
    assert!(body.contains("again") && !body.ends_with("0\r\n\r\n"));
    let cut = "gateway_answers_cut_total{reason=\"late\"}".to_owned();
    running.counts_are(&BTreeMap::from([(cut, 1.0)]), "an endless answer").await;
}

#[tokio::test]
async fn others_are_served_while_one_upstream_is_away() {
    let well = serve(Router::new().fallback(any(|| async { "ok" }))).await;
    let silent = raw_upstream(|stream| go(Way::Waits, stream)).await;
    let routes = routes(well).replace(
        &format!("catalog: {{url: 'http://{well}'}}"),
        &format!("catalog: {{url: 'http://{silent}'}}"),
    );
    // One thread, so that nothing is served beside it by chance.
    let running = start(&routes, &[("SERVING_THREADS", "1")]).await;
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let api = running.api.clone();
            tokio::spawn(async move { api.get("/services/catalog/v1/x").await.problem(504, "timeout") })
        })
        .collect();
    for _ in 0..20 {
        running.api.get("/open").await.assert_status(200);
    }
    for call in waiting {
        call.await.unwrap();
    }
}
