//! One connection: HTTP/1.1 or HTTP/2, bounded in what it may send and how long it may take.

use std::cell::Cell;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use futures::FutureExt as _;
use hyper::Request;
use hyper::body::Incoming;
use hyper::rt::{Executor, Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::Watcher;
use tokio::net::TcpStream;

use crate::core::Core;
use crate::guard::Peer;
use crate::pipeline;

/// A client has this long to send its headers, and an idle connection this long to send the next request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// A client has this long for its TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
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
pub(super) async fn serve(core: Rc<Core>, stream: TcpStream, peer: Peer, watcher: Watcher) {
    let Some(acceptor) = core.shared.tls.as_ref().map(|tls| tls.acceptor()) else {
        return speak(core, TokioIo::new(stream), peer, watcher).await;
    };
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => speak(core, TokioIo::new(stream), peer, watcher).await,
        Ok(Err(error)) => {
            metrics::counter!("gateway_handshakes_failed_total").increment(1);
            tracing::debug!(%error, "a TLS handshake failed");
        }
        Err(_) => metrics::counter!("gateway_handshakes_failed_total").increment(1),
    }
}

async fn speak<I>(core: Rc<Core>, io: I, peer: Peer, watcher: Watcher)
where
    I: Read + Write + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(LocalExecutor);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(LARGEST_HEAD_BYTES as usize)
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(LARGEST_HEAD_BYTES)
        .max_concurrent_streams(MOST_STREAMS)
        .keep_alive_interval(Some(HEADER_TIMEOUT));
    let begun = Rc::new(Cell::new(false));
    let service = {
        let begun = begun.clone();
        service_fn(move |request: Request<Incoming>| {
            begun.set(true);
            let core = core.clone();
            async move {
                let handled = AssertUnwindSafe(pipeline::handle(&core, peer, request)).catch_unwind().await;
                Ok::<_, Infallible>(handled.unwrap_or_else(|_| pipeline::panicked()))
            }
        })
    };
    let connection = watcher.watch(builder.serve_connection_with_upgrades(io, service).into_owned());
    // Which protocol it is shows only once the client says something, and until then no other limit holds.
    let silent = async {
        tokio::time::sleep(HEADER_TIMEOUT).await;
        if begun.get() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = connection => if let Err(error) = ended {
            // A broken connection is the client's business; requests are logged where they are handled.
            if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
                metrics::counter!("gateway_requests_malformed_total").increment(1);
            }
            tracing::debug!(error, "connection ended early");
        },
        () = silent => {
            metrics::counter!("gateway_connections_silent_total").increment(1);
            tracing::debug!("a connection said nothing");
        }
    }
}
