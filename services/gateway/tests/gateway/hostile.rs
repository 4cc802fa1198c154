//! Clients on HTTP/2 that send what costs work and asks for nothing, frame by frame: their connection ends, it is
//! counted, and nobody else notices.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use platform_testkit::Api;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::frames::{
    self, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, PING, PRIORITY,
    PROTOCOL_ERROR, RST_STREAM, SETTINGS, frame, window,
};
use crate::support::{Running, WITHIN, counted, gateway, gateway_of, raw_upstream, read_head, telling};

/// More than anybody has an excuse for.
const MANY: usize = 10_000;
/// A client may send so many frames beside its requests at once, and for long as many in half a minute.
const ALLOWED: usize = 1000;

/// Sends `begin` and then each of `parts`, until the connection has ended, and gives the error codes of what came.
async fn send(address: SocketAddr, begin: &[u8], parts: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut stream = frames::connect(address).await;
    stream.write_all(begin).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let reading = async {
        let mut errors = Vec::new();
        while let Some(came) = frames::any(&mut reader).await {
            errors.extend(came.error());
        }
        errors
    };
    let writing = async {
        for part in parts {
            // Nobody takes it any more.
            if writer.write_all(&part).await.is_err() {
                break;
            }
        }
    };
    let both = async { tokio::join!(reading, writing).0 };
    tokio::time::timeout(WITHIN, both).await.expect("the connection ends")
}

/// Asks for something again and again.
async fn others(api: &Api) {
    loop {
        api.get("/open").await.assert_status(200);
    }
}

/// What becomes of a client that sends this, while others are served: the error codes that it is told, and how often
/// `counter` rose at least.
async fn treat(
    running: &Running,
    counter: &str,
    begin: &[u8],
    parts: impl Iterator<Item = Vec<u8>>,
) -> (Vec<u8>, bool) {
    let before = counted(counter, &[]);
    let errors = tokio::select! {
        errors = send(running.address(), begin, parts) => errors,
        () = others(&running.api) => unreachable!("it has no end"),
    };
    running.api.get("/open").await.assert_status(200);
    (errors, counted(counter, &[]) > before)
}

const FLOODING: &str = "gateway_connections_flooding_total";

fn streams() -> impl Iterator<Item = u32> {
    (1..).step_by(2)
}

#[tokio::test]
async fn requests_that_are_taken_back_at_once_are_the_end_of_the_connection() {
    let running = gateway(telling().await).await;
    let pairs = streams().map(|id| [frames::request(id, "/open"), reset(id)].concat());
    let (errors, rose) = treat(&running, FLOODING, &[], pairs.take(MANY)).await;
    // A connection that ends while something is on its way to it may lose what it said last.
    assert!(errors.iter().all(|error| *error == ENHANCE_YOUR_CALM), "{errors:?}");
    assert!(rose);
}

fn reset(id: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, id, &[0, 0, 0, frames::CANCEL])
}

#[tokio::test]
async fn requests_that_are_taken_back_once_they_are_in_work_are_too() {
    const AT_ONCE: usize = 50;
    let (arrive, mut arrived) = mpsc::channel(AT_ONCE);
    let upstream = raw_upstream(move |mut stream| {
        let arrive = arrive.clone();
        async move {
            read_head(&mut stream).await;
            arrive.send(()).await.unwrap();
            // Nothing is answered before its client has gone.
            read_head(&mut stream).await;
        }
    })
    .await;
    let running = gateway_of("catalog", &format!("http://{upstream}"), "timeoutSeconds: 60").await;
    let before = counted(FLOODING, &[]);
    let mut stream = frames::connect(running.address()).await;
    let mut ids = streams();
    let mut begun = 0;
    loop {
        let some: Vec<u32> = ids.by_ref().take(AT_ONCE).collect();
        let requests: Vec<u8> = some.iter().flat_map(|&id| frames::request(id, "/")).collect();
        if stream.write_all(&requests).await.is_err() {
            break;
        }
        // Each of them is in work, unless there is nobody left to do it.
        let all = async {
            for _ in &some {
                arrived.recv().await.unwrap();
                begun += 1;
            }
        };
        let ended = async { while frames::next(&mut stream).await.is_some() {} };
        let over = tokio::select! { () = all => false, () = ended => true };
        if over || stream.write_all(&some.iter().flat_map(|&id| reset(id)).collect::<Vec<_>>()).await.is_err()
        {
            break;
        }
        assert!(begun < MANY, "nobody minds");
    }
    assert!(begun >= ALLOWED, "only {begun} were let through");
    assert!(counted(FLOODING, &[]) > before);
}

#[tokio::test]
async fn frames_without_end_that_ask_for_nothing_are_the_end_of_the_connection() {
    let running = gateway(telling().await).await;
    let unknown = 0xfa;
    for (what, one) in [
        ("settings", frame(SETTINGS, 0, 0, &[])),
        ("pings", frame(PING, 0, 0, &[7; 8])),
        ("answers to pings", frame(PING, 1, 0, &[7; 8])),
        ("priorities", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 9])),
        ("windows, a byte at a time", window(0, 1)),
        ("what nobody knows", frame(unknown, 0, 0, &[0; 100])),
    ] {
        let parts = std::iter::repeat_n(one.repeat(10), MANY / 10);
        let (errors, rose) = treat(&running, FLOODING, &[], parts).await;
        assert!(errors.is_empty(), "{what}: {errors:?}");
        assert!(rose, "{what}");
    }
}

#[tokio::test]
async fn as_many_of_them_as_may_be_are_taken_and_answered() {
    let running = gateway(telling().await).await;
    let mut stream = frames::connect(running.address()).await;
    let pings = frame(PING, 0, 0, &[7; 8]).repeat(ALLOWED / 2);
    let priorities = frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 9]).repeat(ALLOWED / 4);
    stream.write_all(&[pings, priorities, frames::request(1, "/open")].concat()).await.unwrap();
    let mut pongs = 0;
    loop {
        let came = frames::any(&mut stream).await.expect("it stays open");
        pongs += usize::from(came.kind == PING && came.payload == [7; 8]);
        if came.ends_stream() {
            break;
        }
    }
    assert_eq!(pongs, ALLOWED / 2);
}

#[tokio::test]
async fn headers_without_end_are_the_end_of_the_connection() {
    let running = gateway(telling().await).await;
    let begin = frame(HEADERS, END_STREAM, 1, &frames::get("/open"));
    let field = [0x40, 0x01, b'x', 0x01, b'y'];
    for (what, part) in [("many", field.repeat(100)), ("empty", Vec::new())] {
        let parts = std::iter::repeat_n(frame(CONTINUATION, 0, 1, &part), MANY);
        let (errors, rose) = treat(&running, FLOODING, &begin, parts).await;
        assert!(errors.iter().all(|error| *error == ENHANCE_YOUR_CALM), "{what}: {errors:?}");
        assert!(rose, "{what}");
    }
}

#[tokio::test]
async fn a_body_of_nothing_is_the_end_of_the_connection() {
    let running = gateway(telling().await).await;
    // `POST` is the third field of the static table (RFC 7541, appendix A).
    let post = [&[0x83], &frames::get("/open")[1..]].concat();
    let begin = frame(HEADERS, END_HEADERS, 1, &post);
    let parts = std::iter::repeat_n(frame(DATA, 0, 1, &[]), MANY);
    let (errors, rose) = treat(&running, FLOODING, &begin, parts).await;
    assert!(errors.iter().all(|error| *error == ENHANCE_YOUR_CALM), "{errors:?}");
    assert!(rose);
}

#[tokio::test]
async fn who_makes_the_gateway_reset_streams_loses_the_connection() {
    let running = gateway(telling().await).await;
    // More than a window can be (RFC 9113 §6.9.1).
    let pairs = streams().map(|id| [frames::request(id, "/open"), window(id, 0x7fff_ffff)].concat());
    let (errors, rose) = treat(&running, FLOODING, &[], pairs.take(MANY)).await;
    assert!(errors.iter().all(|error| *error == ENHANCE_YOUR_CALM), "{errors:?}");
    assert!(rose);
}

#[tokio::test]
async fn headers_that_are_too_long_are_a_431_and_others_on_the_connection_another_matter() {
    let running = gateway(telling().await).await;
    let stream = TokioIo::new(TcpStream::connect(running.address()).await.unwrap());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    for (length, status) in [(70_000, 431), (30_000, 200), (80_000, 431), (1, 200)] {
        let uri = format!("http://{}/open", running.address());
        let request = Request::get(uri).header("x", "y".repeat(length)).body(Body::empty()).unwrap();
        assert_eq!(sender.send_request(request).await.unwrap().status(), status, "{length}");
    }
}

#[tokio::test]
async fn headers_that_are_small_on_the_wire_alone_are_the_end_of_the_connection() {
    let running = gateway(telling().await).await;
    // A field of 4000 bytes that is remembered, then said again in one byte each (RFC 7541 §6.1).
    let field = [&[0x40, 0x01, b'x', 0x7f, 0xa1, 0x1e][..], &[b'y'; 4000]].concat();
    let block = [frames::get("/open"), field, vec![0x80 | 62; 1000]].concat();
    let begin = frame(HEADERS, END_STREAM | END_HEADERS, 1, &block);
    let (errors, rose) = treat(&running, FLOODING, &begin, std::iter::empty()).await;
    assert!(errors.iter().all(|error| *error == ENHANCE_YOUR_CALM), "{errors:?}");
    assert!(rose);
}

#[tokio::test]
async fn what_is_no_http_2_is_the_end_of_the_connection() {
    let running = gateway(telling().await).await;
    let malformed = "gateway_requests_malformed_total";
    for wrong in [frame(DATA, 0, 0, b"x"), frame(HEADERS, END_HEADERS, 2, &frames::get("/")), reset(9)] {
        let (errors, rose) = treat(&running, malformed, &wrong, std::iter::empty()).await;
        assert_eq!(errors, [PROTOCOL_ERROR]);
        assert!(rose);
    }
}
