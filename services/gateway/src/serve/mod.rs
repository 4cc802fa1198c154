//! The API's listener: one thread takes connections and deals them to threads of their own, one a core.
//!
//! A connection goes to the thread with the fewest and stays there, with everything that its requests need
//! ([ADR 7](../../../../docs/adr/0007-a-thread-a-core.md)).

mod body;
mod connection;
mod flow;
mod frames;
mod io;
mod pace;
mod streams;
mod tls;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use platform_service::Api;
use tokio::net::TcpStream;

pub(crate) use self::tls::Tls;
pub(crate) use self::worker::Counted;
use self::worker::{Ends, Worker};
use crate::core::Shared;

/// Pause after `accept` failed (no file descriptors left): hot looping would not free any.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A client that takes nothing of its answer for so long is gone, or wants to keep something busy.
const UNREAD_MILLISECONDS: u32 = 30_000;

/// A connection on its way to its thread.
struct Accepted {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    counted: Option<Counted>,
}

/// Serves until told to stop, then lets running requests finish.
pub(crate) async fn serve(api: Api, shared: Arc<Shared>, threads: usize) {
    raise_file_limit();
    let Api { listener, router, draining, stop, drain } = api;
    let ends = Ends { draining, stop: stop.clone(), drain };
    let workers: Vec<Worker> =
        (0..threads.max(1)).filter_map(|number| Worker::start(number, &shared, &router, &ends)).collect();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "can't accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        let open: usize = workers.iter().map(Worker::connections).sum();
        if open >= shared.most_connections {
            metrics::counter!("gateway_connections_refused_total").increment(1);
            continue;
        }
        if let Err(error) = deal(&workers, stream, peer) {
            tracing::debug!(%error, "a connection was gone before it was served");
        }
    }
    // Nobody is let in any more; what runs is finished by the threads.
    drop(listener);
    for worker in workers {
        worker.ended().await;
    }
}

fn deal(workers: &[Worker], stream: TcpStream, peer: SocketAddr) -> std::io::Result<()> {
    // Answers are small and complete: waiting to fill a segment only adds time.
    stream.set_nodelay(true)?;
    // The system gives it up (Linux's TCP_USER_TIMEOUT), so that no request needs a timer for it.
    rustix::net::sockopt::set_tcp_user_timeout(&stream, UNREAD_MILLISECONDS)?;
    let accepted = Accepted { stream: stream.into_std()?, peer, counted: None };
    if let Some(worker) = workers.iter().min_by_key(|worker| worker.connections()) {
        worker.take(accepted);
    }
    Ok(())
}

/// Each connection of a client may need one to an upstream: take as many files as we may have.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit on open files stays as it is");
    }
}
