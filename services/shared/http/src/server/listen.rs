//! Accepting connections: bounded in header size and time, drained on request.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

/// A client has this long to send its headers, and an idle connection this long to send the next request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Request line and headers together.
const LARGEST_HEAD_BYTES: usize = 64 * 1024;
/// Connections that wait to be accepted. The usual 128 are full within a blink of an eye when many clients come
/// at once, and those beyond it wait for a second.
const BACKLOG: u32 = 4096;
/// Pause after `accept` failed (no file descriptors left): hot looping would not free any.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An address can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{key}: can't listen on {address}: {source}")]
pub struct BindError {
    key: &'static str,
    address: SocketAddr,
    source: std::io::Error,
}

/// Listens on `address`, the value of the setting `key`.
///
/// # Errors
/// When the address is taken or not ours.
pub async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    listen(address).map_err(|source| BindError { key, address, source })
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // The port of a process that has just ended can be used again at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves HTTP/1.1 and cleartext HTTP/2 until `stop`, then closes the listener, lets running requests finish
/// for `drain` and returns.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken, drain: Duration) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(LARGEST_HEAD_BYTES)
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(LARGEST_HEAD_BYTES as u32)
        .keep_alive_interval(Some(HEADER_TIMEOUT));
    let connections = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "can't accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        // Answers are small and complete: waiting to fill a segment only adds time.
        drop(stream.set_nodelay(true));
        let service = TowerToHyperService::new(router.clone());
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            // A broken connection is the client's business; requests are logged where they are handled.
            if let Err(error) = connection.await {
                tracing::debug!(error, "connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(drain, connections.shutdown()).await.is_err() {
        tracing::warn!(seconds = drain.as_secs(), "requests were still running when the drain time was over");
    }
}
