//! The breaking proxy in front of a server that sends back what it gets.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use platform_testkit::TcpProxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Long enough to say that something would have arrived.
const A_WHILE: Duration = Duration::from_millis(200);

async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
                let _ = to.shutdown().await;
            });
        }
    });
    address
}

async fn connected() -> (TcpProxy, TcpStream) {
    let proxy = TcpProxy::to(echo().await).await;
    let stream = TcpStream::connect(proxy.address()).await.unwrap();
    (proxy, stream)
}

async fn say(stream: &mut TcpStream, text: &str) -> std::io::Result<String> {
    stream.write_all(text.as_bytes()).await?;
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).await?;
    Ok(String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn bytes_go_through_both_ways_and_so_does_the_end() {
    let (_proxy, mut stream) = connected().await;
    assert_eq!(say(&mut stream, "hello").await.unwrap(), "hello");
    stream.write_all(b"last").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "last");
}

#[tokio::test]
async fn a_cut_resets_what_is_open_and_refuses_what_is_new_until_it_heals() {
    let (proxy, mut stream) = connected().await;
    say(&mut stream, "hello").await.unwrap();
    proxy.cut();
    assert_eq!(stream.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(say(&mut refused, "hello").await.is_err());
    proxy.heal();
    let mut new = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(say(&mut new, "hello").await.unwrap(), "hello");
}

#[tokio::test]
async fn refusing_leaves_what_is_open() {
    let (proxy, mut stream) = connected().await;
    say(&mut stream, "hello").await.unwrap();
    proxy.refuse();
    let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(say(&mut refused, "hello").await.is_err());
    assert_eq!(say(&mut stream, "again").await.unwrap(), "again");
}

#[tokio::test]
async fn a_stalled_network_delivers_when_it_heals() {
    let (proxy, mut stream) = connected().await;
    say(&mut stream, "hello").await.unwrap();
    proxy.stall();
    stream.write_all(b"later").await.unwrap();
    let mut answer = [0; 5];
    assert!(timeout(A_WHILE, stream.read_exact(&mut answer)).await.is_err());
    proxy.heal();
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"later");
}

#[tokio::test]
async fn a_delay_is_added_in_both_directions() {
    let (proxy, mut stream) = connected().await;
    say(&mut stream, "hello").await.unwrap();
    proxy.delay(Duration::from_millis(60));
    let begun = Instant::now();
    say(&mut stream, "hello").await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn a_limit_breaks_a_connection_in_the_middle_of_a_message() {
    let (proxy, mut stream) = connected().await;
    proxy.limit(3);
    assert!(say(&mut stream, "hello").await.is_err());
}
