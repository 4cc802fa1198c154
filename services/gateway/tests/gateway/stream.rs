//! Long bodies and slow readers: nothing is buffered, nothing is lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::support::{Running, raw_upstream, read_head, start};

const LONG: usize = 64 << 20;
/// What the system itself keeps of a connection, on both sides of the gateway: up to 6 MB in each direction.
const BUFFERED: usize = 32 << 20;
const PART: usize = 64 << 10;

async fn streaming(upstream: SocketAddr) -> Running {
    let routes = format!(
        "version: 1
upstreams:
  web: {{url: 'http://{upstream}'}}
routes:
  - {{path: /, upstream: web, methods: [GET, POST], bodyLimitBytes: {LONG}, timeoutSeconds: 60}}
"
    );
    start(&routes, &[]).await
}

/// Writes a long body, and tells how much of it went before nobody took any more for a second, and at last all. On
/// a machine that is so busy that a second means nothing it only tells too early, and less.
async fn write_long(stream: &mut TcpStream, told: &mpsc::Sender<usize>) {
    let (mut written, mut stuck) = (0, false);
    while written < LONG {
        let part: Vec<u8> = (written..LONG.min(written + PART)).map(pattern).collect();
        if stuck {
            written += stream.write(&part).await.unwrap();
        } else {
            match tokio::time::timeout(Duration::from_secs(1), stream.write(&part)).await {
                Ok(wrote) => written += wrote.unwrap(),
                Err(_) => {
                    stuck = true;
                    told.send(written).await.unwrap();
                }
            }
        }
    }
    told.send(written).await.unwrap();
}

/// Reads a long body in small parts.
async fn read_long(stream: &mut TcpStream) {
    let mut part = vec![0; PART];
    let mut read = 0;
    while read < LONG {
        let length = stream.read(&mut part).await.unwrap();
        assert_ne!(length, 0, "it broke off after {read} bytes");
        let expected = (read..read + length).map(pattern);
        assert!(part[..length].iter().copied().eq(expected), "it is not what was sent, after {read} bytes");
        read += length;
    }
    assert_eq!(read, LONG);
}

/// Which byte is at a place: long runs that repeat would hide that something moved.
fn pattern(place: usize) -> u8 {
    (place ^ (place >> 8) ^ (place >> 16)).to_le_bytes()[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_waits_for_a_slow_reader() {
    let (tell, mut told) = mpsc::channel(2);
    let upstream = raw_upstream(move |mut stream| {
        let tell = tell.clone();
        async move {
            read_head(&mut stream).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {LONG}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            write_long(&mut stream, &tell).await;
        }
    })
    .await;
    let running = streaming(upstream).await;
    let mut client = TcpStream::connect(running.address()).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let stuck = told.recv().await.unwrap();
    assert!(stuck < BUFFERED, "{stuck} bytes were taken from the upstream and nobody read them");
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 200"));
    read_long(&mut client).await;
    assert_eq!(told.recv().await, Some(LONG));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_upload_waits_for_a_slow_upstream() {
    let (tell, mut told) = mpsc::channel(2);
    let go = Arc::new(tokio::sync::Notify::new());
    let wait = go.clone();
    let upstream = raw_upstream(move |mut stream| {
        let wait = wait.clone();
        async move {
            read_head(&mut stream).await;
            wait.notified().await;
            read_long(&mut stream).await;
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let running = streaming(upstream).await;
    let mut client = TcpStream::connect(running.address()).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {LONG}\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let writing = tokio::spawn(async move {
        write_long(&mut client, &tell).await;
        client
    });
    let stuck = told.recv().await.unwrap();
    assert!(stuck < BUFFERED, "{stuck} bytes were taken from the client and nobody read them");
    go.notify_one();
    assert_eq!(told.recv().await, Some(LONG));
    let answer = read_head(&mut writing.await.unwrap()).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}
