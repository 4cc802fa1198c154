//! One connection: HTTP/1.1 or HTTP/2, bounded in what it may send and how long it may take.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::BoxError;
use futures::FutureExt as _;
use hyper::body::Incoming;
use hyper::rt::{Executor, Read, Write};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulConnection;
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

/// `second`: HTTP/2 was agreed on. Otherwise the client's first bytes tell.
async fn speak<I>(core: Rc<Core>, io: I, peer: Peer, pace: Arc<Pace>, second: bool)
where
    I: Read + Write + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(LocalExecutor);
    builder
        .http1()
        // `Pace` does it for less.
        .header_read_timeout(None)
        .max_buf_size(LARGEST_HEAD_BYTES as usize)
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(LARGEST_HEAD_BYTES)
        .max_concurrent_streams(MOST_STREAMS)
        .keep_alive_interval(Some(PING_INTERVAL));
    let service = {
        let pace = pace.clone();
        service_fn(move |request: Request<Incoming>| {
            let busy = Busy::new(&pace, request.version());
            let core = core.clone();
            async move {
                let handled = AssertUnwindSafe(pipeline::handle(&core, peer, request)).catch_unwind().await;
                Ok::<_, Infallible>(paced(handled.unwrap_or_else(|_| pipeline::panicked()), busy))
            }
        })
    };
    if second {
        let builder = builder.http2_only();
        drive(builder.serve_connection(io, service), &pace).await;
    } else {
        drive(builder.serve_connection_with_upgrades(io, service), &pace).await;
    }
}

fn paced(response: Response<AnswerBody>, busy: Busy) -> Response<Paced> {
    response.map(|body| Paced { body, _busy: busy })
}

async fn drive<C>(connection: C, pace: &Pace)
where
    C: GracefulConnection<Error = BoxError>,
{
    let mut connection = pin!(connection);
    let mut registered = false;
    let ended = std::future::poll_fn(|context| {
        if !registered {
            pace.register(context);
            registered = true;
        }
        match pace.order() {
            Order::Stay => {}
            Order::Finish => connection.as_mut().graceful_shutdown(),
            Order::Leave => return Poll::Ready(None),
        }
        connection.as_mut().poll(context).map(Some)
    });
    match ended.await {
        Some(Ok(())) => {}
        // A broken connection is the client's business; requests are logged where they are handled.
        Some(Err(error)) => {
            if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
                metrics::counter!("gateway_requests_malformed_total").increment(1);
            }
            tracing::debug!(error, "connection ended early");
        }
        None if pace.is_partly() => {
            metrics::counter!("gateway_connections_silent_total").increment(1);
            tracing::debug!("a connection said nothing, or half of it");
        }
        None => {}
    }
}
