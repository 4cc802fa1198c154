//! One thread with a runtime of its own.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::pace::Paces;
use super::{Accepted, connection};
use crate::core::{Core, Shared};
use crate::guard::Peer;
use crate::patience::LOOK;

/// A running thread, as the one that accepts connections sees it.
pub(super) struct Worker {
    sender: mpsc::UnboundedSender<Accepted>,
    connections: Arc<AtomicUsize>,
    ended: oneshot::Receiver<()>,
}

/// How serving ends; see [`Api`](platform_service::Api).
#[derive(Clone)]
pub(super) struct Ends {
    pub(super) draining: CancellationToken,
    pub(super) stop: CancellationToken,
    pub(super) drain: Duration,
}

/// Counts a connection until it is closed.
#[derive(Debug)]
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub(crate) fn new(connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self(connections.clone())
    }
}

impl Worker {
    pub(super) fn start(number: usize, shared: &Arc<Shared>, router: &Router, ends: &Ends) -> Option<Self> {
        let (sender, accepted) = mpsc::unbounded_channel();
        let (end, ended) = oneshot::channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let core = (shared.clone(), router.clone(), connections.clone());
        let ends = ends.clone();
        let run = move || {
            match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
                Ok(runtime) => runtime.block_on(work(core, accepted, ends)),
                Err(error) => tracing::error!(%error, "a serving thread can't start"),
            }
            // Nobody waits any more only when the process ends.
            let _ = end.send(());
        };
        match std::thread::Builder::new().name(format!("gateway-{number}")).spawn(run) {
            Ok(_) => Some(Self { sender, connections, ended }),
            Err(error) => {
                tracing::error!(%error, "a serving thread can't start");
                None
            }
        }
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn take(&self, mut accepted: Accepted) {
        accepted.counted = Some(Counted::new(&self.connections));
        // A thread that is gone has logged why.
        drop(self.sender.send(accepted));
    }

    pub(super) async fn ended(self) {
        // Fails only when the thread panicked, which is the same end.
        drop(self.ended.await);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn work(
    (shared, router, connections): (Arc<Shared>, Router, Arc<AtomicUsize>),
    mut accepted: mpsc::UnboundedReceiver<Accepted>,
    ends: Ends,
) {
    let Ends { draining, stop, drain } = ends;
    let core = Rc::new(Core::new(shared, router, connections));
    let keeper = core.clone();
    tokio::task::spawn_local(async move { keeper.keep_current().await });
    let paces = Rc::new(Paces::default());
    let (looked, looking) = (core.clone(), paces.clone());
    tokio::task::spawn_local(async move {
        loop {
            tokio::time::sleep(LOOK).await;
            looking.look();
            looked.patience.look();
        }
    });
    // Nobody sends anything: it is closed when the last connection has ended.
    let (open, mut closed) = mpsc::channel::<Infallible>(1);
    loop {
        let accepted = tokio::select! {
            accepted = accepted.recv() => accepted,
            () = draining.cancelled(), if !core.is_draining() => {
                core.drain();
                paces.send_away();
                continue;
            }
            () = stop.cancelled() => break,
        };
        let Some(Accepted { stream, peer, counted }) = accepted else { break };
        let stream = match tokio::net::TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(%error, "a connection was gone before it was served");
                continue;
            }
        };
        let (core, paces, pace, open) = (core.clone(), paces.clone(), paces.begin(), open.clone());
        tokio::task::spawn_local(async move {
            connection::serve(core, stream, Peer { address: peer }, &paces, pace).await;
            drop((counted, open));
        });
    }
    drop(open);
    paces.finish();
    core.tunnels.close();
    let all = async {
        closed.recv().await;
        core.tunnels.wait().await;
    };
    if tokio::time::timeout(drain, all).await.is_err() {
        tracing::warn!(seconds = drain.as_secs(), "requests were still running when the drain time was over");
    }
}
