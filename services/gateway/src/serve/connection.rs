//! One connection: HTTP/1.1 or HTTP/2, bounded in what it may send and how long it may take.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::io::Io;
use super::pace::{Busy, Order, Pace, Paced};
use crate::answer::AnswerBody;
use crate::core::Core;
use crate::guard::Peer;
use crate::pipeline;

/// A client has this long for its TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// On HTTP/2, whoever is silent for this long is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// Request line and headers together.
const LARGEST_HEAD_BYTES: u32 = 64 * 1024;
/// Requests at the same time on one HTTP/2 connection.
const MOST_STREAMS: u32 = 128;

/// Runs a connection's tasks on its own thread.
#[derive(Clone, Copy, Debug)]
struct LocalExecutor;

impl<F: Future + 'static> Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move { drop(future.await) });
    }
}

/// Serves a connection until either side ends it.
pub(super) async fn serve(core: Rc<Core>, stream: TcpStream, peer: Peer, pace: Arc<Pace>) {
    let Some(acceptor) = core.shared.tls.as_ref().map(|tls| tls.acceptor()) else {
        return speak(core, Io::paced(stream, pace.clone()), peer, pace, false).await;
    };
    // A handshake's state is large, and most connections have it behind them.
    let handshake = Box::pin(tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)));
    match handshake.await {
        Ok(Ok(stream)) => {
            let second = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            speak(core, Io::paced(stream, pace.clone()), peer, pace, second).await;
        }
        Ok(Err(error)) => {
            metrics::counter!("gateway_handshakes_failed_total").increment(1);
            tracing::debug!(%error, "a TLS handshake failed");
        }
        Err(_) => metrics::counter!("gateway_handshakes_failed_total").increment(1),
    }
}

/// `agreed`: on HTTP/2. Otherwise the client's first bytes tell.
async fn speak<S>(core: Rc<Core>, mut io: Io<S>, peer: Peer, pace: Arc<Pace>, agreed: bool)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let second = agreed
        || match until_told(&pace, pin!(io.begins_second()), |_| false).await {
            Some(Ok(second)) => second,
            Some(Err(error)) => return tracing::debug!(%error, "a connection ended before it began"),
            None => return left(&pace),
        };
    let service = {
        let pace = pace.clone();
        service_fn(move |request: Request<Incoming>| {
            let busy = Busy::new(&pace, request.version(), request.body().is_end_stream());
            let core = core.clone();
            async move {
                let handled = AssertUnwindSafe(pipeline::handle(&core, peer, request)).catch_unwind().await;
                Ok::<_, Infallible>(paced(handled.unwrap_or_else(|_| pipeline::panicked()), busy))
            }
        })
    };
    // Each in memory of its own: a task would have room for the largest of them, twice.
    if second {
        let connection = http2::Builder::new(LocalExecutor)
            .timer(TokioTimer::new())
            .max_header_list_size(LARGEST_HEAD_BYTES)
            .max_concurrent_streams(MOST_STREAMS)
            .keep_alive_interval(Some(PING_INTERVAL))
            .serve_connection(io, service);
        drive(Box::pin(connection), &pace, http2::Connection::graceful_shutdown).await;
    } else {
        let connection = http1::Builder::new()
            // `Pace` does it for less.
            .header_read_timeout(None)
            // `Io` looks whether the client is still there.
            .half_close(true)
            .max_buf_size(LARGEST_HEAD_BYTES as usize)
            // The other is no more than when it stops reading.
            .max_header_size(LARGEST_HEAD_BYTES as usize)
            .serve_connection(io, service)
            .with_upgrades();
        drive(Box::pin(connection), &pace, http1::UpgradeableConnection::graceful_shutdown).await;
    }
}

fn paced(response: Response<AnswerBody>, busy: Busy) -> Response<Paced> {
    response.map(|body| Paced { body, _busy: busy })
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
            if error.is_parse() {
                metrics::counter!("gateway_requests_malformed_total").increment(1);
            }
            tracing::debug!(%error, "connection ended early");
        }
        None => left(pace),
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
