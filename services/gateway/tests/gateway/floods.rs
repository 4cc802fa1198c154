//! Clients that send without end, or are very many.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::apart::Apart;
use crate::support::{
    WITHIN, failures, gateway, gateway_of, raw_upstream, read_head, rest, routes, statuses, telling,
};

/// Sends `begin`, then `more` for as long as it is taken, and gives what was answered.
async fn flood(address: std::net::SocketAddr, begin: &str, more: &str) -> String {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let (begin, more) = (begin.to_owned(), more.repeat(1000));
    let writing = tokio::spawn(async move {
        writer.write_all(begin.as_bytes()).await.unwrap();
        while writer.write_all(more.as_bytes()).await.is_ok() {}
    });
    let answer = rest(&mut reader).await;
    tokio::time::timeout(WITHIN, writing).await.expect("nobody takes it any more").unwrap();
    answer
}

#[tokio::test]
async fn a_head_without_end_is_a_431() {
    let running = Apart::start(&routes(telling().await), &[]).await;
    let mut refused = 0.0;
    let head = "GET / HTTP/1.1\r\nhost: x\r\nx: ";
    for (begin, more) in [(head, "x: y\r\n"), (head, "y"), ("GET /", "y"), ("", "y")] {
        let answer = flood(running.address(), begin, more).await;
        assert_eq!(statuses(&answer), ["431"], "{answer}");
        refused += 1.0;
        running.count_is("gateway_requests_malformed_total", refused).await;
    }
}

#[tokio::test]
async fn a_body_without_end_is_a_413() {
    let (ended, mut told) = tokio::sync::mpsc::channel(9);
    let upstream = raw_upstream(move |mut stream| {
        let ended = ended.clone();
        async move {
            read_head(&mut stream).await;
            let mut body = Vec::new();
            drop(stream.read_to_end(&mut body).await);
            ended.send(body.len()).await.unwrap();
        }
    })
    .await;
    let running = gateway_of("identity", &format!("http://{upstream}"), "timeoutSeconds: 60").await;
    let before = failures("identity", "client");
    let post = "POST / HTTP/1.1\r\nhost: x\r\n";
    let chunks = format!("{post}transfer-encoding: chunked\r\n\r\n");
    let answer = flood(running.address(), &chunks, "5\r\nhello\r\n").await;
    assert_eq!(statuses(&answer), ["413"], "{answer}");
    assert_eq!(failures("identity", "client"), before + 1.0);
    let passed = told.recv().await.unwrap();
    assert!(passed < 20_000, "{passed} bytes went to the upstream");
    // One that says how long it is gets nowhere.
    let long = format!("{post}content-length: 1000000000000\r\n\r\n");
    let answer = flood(running.address(), &long, "hello").await;
    assert_eq!(statuses(&answer), ["413"], "{answer}");
    assert!(told.try_recv().is_err(), "it reached the upstream");
    assert_eq!(failures("identity", "client"), before + 2.0);
}

#[tokio::test]
async fn more_connections_than_may_be_are_closed_at_once() {
    let running = Apart::start(&routes(telling().await), &[("MAX_CONNECTIONS", "2")]).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(running.address()).await.unwrap();
        ask(&mut stream).await.unwrap();
        open.push(stream);
    }
    let mut third = TcpStream::connect(running.address()).await.unwrap();
    assert_eq!(rest(&mut third).await, "");
    running.count_is("gateway_connections_refused_total", 1.0).await;
    for stream in &mut open {
        ask(stream).await.unwrap();
    }
    // There is a place again as soon as one of them has gone.
    open.pop();
    platform_testkit::eventually(WITHIN, || async {
        let mut next = TcpStream::connect(running.address()).await?;
        ask(&mut next).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_that_wait_are_all_answered_later() {
    // Ten times as many that say nothing: `crowd`.
    let running = gateway(telling().await).await;
    let connects = (0..1000).map(|_| TcpStream::connect(running.address()));
    let mut waiting = futures::future::join_all(connects).await;
    for stream in &mut waiting {
        ask(stream.as_mut().unwrap()).await.unwrap();
    }
    // Those that were asked first wait again, for a thousandth part of that.
    for stream in waiting.iter_mut().take(10) {
        ask(stream.as_mut().unwrap()).await.unwrap();
    }
}

/// One request, and the whole of its answer.
async fn ask(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await?;
    let mut answer = Vec::new();
    while !is_whole(&String::from_utf8_lossy(&answer)) {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    Ok(())
}

fn is_whole(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    body.len() == length.parse::<usize>().expect("a number")
}
