//! One connection: HTTP/1.1 or HTTP/2, bounded in what it may send and how long it may take.

use std::convert::Infallible;
use std::error::Error as _;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt as _;
use http::{HeaderValue, header};
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::body::Paced;
use super::io::Io;
use super::pace::{Busy, Order, Pace, Paces};
use super::streams::Streams;
use crate::core::Core;
use crate::guard::Peer;
use crate::pipeline;

/// A client has this long for its TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// On HTTP/2, whoever is silent for this long is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// Requests at the same time on one HTTP/2 connection.
const MOST_STREAMS: u32 = 128;
/// What a client may send ahead of what an upstream has taken: of one request, and of all on a connection.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Of those that came in one moment so many may be taken back in it (CVE-2023-44487): all that there can be. What is
/// taken back more slowly has the limit of all such frames.
const MOST_TAKEN_BACK: usize = MOST_STREAMS as usize;
/// Streams that had to be refused or reset for what the client did (CVE-2025-8671). Only one that opens more than it
/// may before it knows how many those are has an excuse.
const MOST_REFUSED: usize = 1024;

/// Runs a connection's requests on its own thread.
#[derive(Clone, Debug)]
struct Tasks(Rc<Streams>);

impl<F: Future + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        self.0.runs(tokio::task::spawn_local(async move { drop(future.await) }));
    }
}

/// Serves a connection until either side ends it.
pub(super) async fn serve(core: Rc<Core>, stream: TcpStream, peer: Peer, paces: &Paces, pace: Arc<Pace>) {
    let Some(acceptor) = core.shared.tls.as_ref().map(|tls| tls.acceptor()) else {
        return speak(core, Io::new(stream, pace.clone()), peer, paces, pace, false).await;
    };
    // A handshake's state is large, and most connections have it behind them.
    let handshake = Box::pin(tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)));
    match handshake.await {
        Ok(Ok(stream)) => {
            let second = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            speak(core, Io::new(stream, pace.clone()), peer, paces, pace, second).await;
        }
        Ok(Err(error)) => {
            metrics::counter!("gateway_handshakes_failed_total").increment(1);
            tracing::debug!(%error, "a TLS handshake failed");
        }
        Err(_) => metrics::counter!("gateway_handshakes_failed_total").increment(1),
    }
}

/// `agreed`: on HTTP/2. Otherwise the client's first bytes tell.
async fn speak<S>(core: Rc<Core>, mut io: Io<S>, peer: Peer, paces: &Paces, pace: Arc<Pace>, agreed: bool)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let second = agreed
        || match until_told(&pace, pin!(io.begins_second()), |_| false).await {
            Some(Ok(second)) => second,
            Some(Err(error)) => return tracing::debug!(%error, "a connection ended before it began"),
            None => return left(&pace),
        };
    let longest_head = core.shared.longest_head;
    let streams = second.then(|| paces.begin_second(pace.clone()));
    let service = {
        let (pace, streams) = (pace.clone(), streams.clone());
        service_fn(move |request: Request<Incoming>| {
            let busy = Busy::new(&pace, request.version(), request.body().is_end_stream());
            let answering = streams.as_ref().map(Streams::begin);
            let core = core.clone();
            async move {
                let handled = AssertUnwindSafe(pipeline::handle(&core, peer, request)).catch_unwind().await;
                let mut response = handled.unwrap_or_else(|_| pipeline::panicked());
                if core.is_draining() && answering.is_none() && !response.status().is_informational() {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response.map(|body| Paced::new(body, busy, answering)))
            }
        })
    };
    // Each in memory of its own: a task would have room for the largest of them, twice.
    if let Some(streams) = streams {
        let connection = http2::Builder::new(Tasks(streams.clone()))
            .timer(TokioTimer::new())
            .max_header_list_size(longest_head)
            .max_concurrent_streams(MOST_STREAMS)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_send_buf_size(STREAM_WINDOW_BYTES as usize)
            .max_pending_accept_reset_streams(MOST_TAKEN_BACK)
            .max_local_error_reset_streams(MOST_REFUSED)
            .keep_alive_interval(Some(PING_INTERVAL))
            .serve_connection(io.counted(streams), service);
        drive(Box::pin(connection), &pace, http2::Connection::graceful_shutdown).await;
    } else {
        let connection = http1::Builder::new()
            // `Pace` does it for less.
            .header_read_timeout(None)
            // `Io` looks whether the client is still there.
            .half_close(true)
            .max_buf_size(longest_head as usize)
            // The other is no more than when it stops reading.
            .max_header_size(longest_head as usize)
            .serve_connection(io, service)
            .with_upgrades();
        drive(Box::pin(connection), &pace, http1::UpgradeableConnection::graceful_shutdown).await;
    }
}

async fn drive<C>(mut connection: Pin<Box<C>>, pace: &Pace, finish: impl Fn(Pin<&mut C>))
where
    C: Future<Output = hyper::Result<()>>,
{
    let finish = |connection: Pin<&mut C>| {
        finish(connection);
        true
    };
    match until_told(pace, connection.as_mut(), finish).await {
        Some(Ok(())) => {}
        // A broken connection is the client's business; requests are logged where they are handled.
        Some(Err(error)) => {
            blame(&error);
            tracing::debug!(%error, "connection ended early");
        }
        None => left(pace),
    }
}

/// Counts what the client did against the protocol, if that is what ended its connection.
fn blame(error: &hyper::Error) {
    let second = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    match second.filter(|it| it.is_library()).and_then(h2::Error::reason) {
        Some(h2::Reason::ENHANCE_YOUR_CALM) => {
            metrics::counter!("gateway_connections_flooding_total").increment(1);
        }
        None if !error.is_parse() => {}
        _ => metrics::counter!("gateway_requests_malformed_total").increment(1),
    }
}

/// Lets `work` go on until it ends or must. `finish` asks it to come to an end, and is false when it has no need to.
async fn until_told<F: Future>(
    pace: &Pace,
    mut work: Pin<&mut F>,
    finish: impl Fn(Pin<&mut F>) -> bool,
) -> Option<F::Output> {
    let mut registered = false;
    let told = std::future::poll_fn(|context| {
        if !registered {
            pace.register(context);
            registered = true;
        }
        match pace.order() {
            Order::Stay => {}
            Order::Finish if finish(work.as_mut()) => {}
            Order::Finish | Order::Leave => return Poll::Ready(None),
        }
        work.as_mut().poll(context).map(Some)
    });
    told.await
}

fn left(pace: &Pace) {
    if pace.order() == Order::Leave && pace.is_partly() && !pace.is_gone() {
        metrics::counter!("gateway_connections_silent_total").increment(1);
        tracing::debug!("a connection said nothing, or half of it");
    }
}
