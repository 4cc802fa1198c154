//! Clients on HTTP/2 that ask and then do not take what they asked for: a stream is given up as a client on HTTP/1.1
//! is that reads nothing, and only that stream.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use crate::frames::{self, CANCEL, DATA, connect_narrow, request, window};
use crate::support::{Running, WITHIN, counted, raw_upstream, read_head, start};

/// Longer than half a minute, however busy the machine is.
const LONG: Duration = Duration::from_secs(4 * WITHIN.as_secs());
const STALLED: &str = "gateway_streams_stalled_total";

/// A gateway before an upstream that answers as the path has it, and tells when somebody no longer wants its answer.
/// The second event of `/events` is sent when it is told to.
async fn offering(most: &str) -> (Running, mpsc::Receiver<()>, Arc<Notify>) {
    let (tell, given_up) = mpsc::channel(100);
    let go = Arc::new(Notify::new());
    let wait = go.clone();
    let upstream = raw_upstream(move |mut stream| {
        let (tell, wait) = (tell.clone(), wait.clone());
        async move {
            let head = read_head(&mut stream).await;
            let path = head.split(' ').nth(1).unwrap_or_default();
            let endless = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n";
            let answer = match path {
                "/events" => format!("{endless}content-type: text/event-stream\r\n\r\n5\r\none\n\n\r\n"),
                "/text" => format!("{endless}content-type: text/plain\r\n\r\n"),
                "/kept" => {
                    let body = "kept ".repeat(10_000);
                    format!(
                        "HTTP/1.1 200 OK\r\ncache-control: max-age=600\r\ncontent-length: 50000\r\n\r\n{body}"
                    )
                }
                "/short" => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nshort".to_owned(),
                _ => format!("{endless}\r\n"),
            };
            drop(stream.write_all(answer.as_bytes()).await);
            match path {
                "/events" => {
                    wait.notified().await;
                    drop(stream.write_all(b"5\r\ntwo\n\n\r\n0\r\n\r\n").await);
                }
                "/kept" | "/short" => drop(read_head(&mut stream).await),
                _ => {
                    while stream.write_all(b"5\r\nagain\r\n").await.is_ok() {}
                    tell.send(()).await.unwrap();
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
  - {{path: /, upstream: web, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 60, idleTimeoutSeconds: 600, cache: {{}}}}
"
    );
    (start(&routes, &[("MAX_ACTIVE_REQUESTS", most), ("SERVING_THREADS", "1")]).await, given_up, go)
}

/// The codes that all of `streams` are reset with, while a byte of each is let through in a second.
async fn resets(client: &mut TcpStream, streams: &[u32]) -> Vec<u8> {
    let coming = async {
        let mut codes = Vec::new();
        while codes.len() < streams.len() {
            let came = frames::next(client).await.expect("only streams end");
            codes.extend(streams.iter().filter_map(|&id| came.resets(id)));
            if came.kind == DATA {
                tokio::time::sleep(Duration::from_secs(1)).await;
                client.write_all(&window(came.stream, 1)).await.unwrap();
            }
        }
        codes
    };
    tokio::time::timeout(LONG, coming).await.expect("all are given up")
}

/// Reads until this was part of the body of `stream`.
async fn read(client: &mut TcpStream, stream: u32, expected: &str) {
    let mut body = Vec::new();
    while !String::from_utf8_lossy(&body).contains(expected) {
        let came = frames::next(client).await.expect("it goes on");
        if (came.kind, came.stream) == (DATA, stream) {
            body.extend_from_slice(&came.payload);
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_not_taken_is_given_up_after_half_a_minute_and_no_other() {
    let (running, mut given_up, go) = offering("4").await;
    let before = counted(STALLED, &[]);
    let address = running.address();
    let (mut none, mut bytes) = (connect_narrow(address, 0).await, connect_narrow(address, 0).await);
    none.write_all(&[request(1, "/endless"), request(3, "/events"), window(3, 1000)].concat()).await.unwrap();
    read(&mut none, 3, "one").await;
    bytes.write_all(&[request(1, "/endless"), request(3, "/text"), window(1, 1)].concat()).await.unwrap();
    // All places are taken, and it will not stay so.
    platform_testkit::eventually(WITHIN, || async { running.api.get("/short").await.status == 503 }).await;
    let (none_codes, bytes_codes) = tokio::join!(resets(&mut none, &[1]), resets(&mut bytes, &[1, 3]));
    assert_eq!((none_codes, bytes_codes), (vec![CANCEL], vec![CANCEL, CANCEL]));
    for _ in 0..3 {
        let ended = tokio::time::timeout(WITHIN, given_up.recv()).await;
        ended.expect("the upstream's connection ends").unwrap();
    }
    assert!(counted(STALLED, &[]) >= before + 3.0);
    // Who only waited for the upstream still does, and there is a place for others.
    platform_testkit::eventually(WITHIN, || async { running.api.get("/short").await.status == 200 }).await;
    go.notify_one();
    read(&mut none, 3, "two").await;
}

#[tokio::test]
async fn what_is_kept_or_short_is_given_up_too() {
    let (running, ..) = offering("100").await;
    let before = counted(STALLED, &[]);
    let (mut none, mut one) =
        (connect_narrow(running.address(), 0).await, connect_narrow(running.address(), 1).await);
    running.api.get("/kept").await.assert_status(200);
    none.write_all(&[request(1, "/kept"), request(3, "/short")].concat()).await.unwrap();
    // All of it but one byte lies ready, and nothing but the connection can be ended.
    one.write_all(&request(1, "/short")).await.unwrap();
    let told = async {
        while let Some(came) = frames::next(&mut one).await {
            if came.error() == Some(0) {
                return;
            }
        }
        panic!("it ends without a word");
    };
    let (codes, told) = tokio::join!(resets(&mut none, &[1, 3]), tokio::time::timeout(LONG, told));
    assert_eq!(codes, [CANCEL, CANCEL]);
    told.expect("it is asked to end");
    assert!(counted(STALLED, &[]) >= before + 3.0);
}
