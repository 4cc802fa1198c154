//! Connections to upstreams. Each thread has its own: nothing is locked, and a request's whole way stays on
//! one core.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;

use foldhash::fast::RandomState;
use futures::FutureExt as _;
use hyper::client::conn::http1;
use tokio::net::TcpStream;

use crate::forward::Resumable;
use crate::serve::Io;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Shorter than any upstream keeps an idle connection, so that it is seldom closed just when it is used.
/// In sweeps, of which there is one in five seconds.
const IDLE_SWEEPS: u32 = 4;
const MOST_IDLE: usize = 256;
/// The longest head of an answer.
const LARGEST_HEAD: usize = 64 * 1024;

type Sender = http1::SendRequest<Resumable>;

/// A connection that nobody uses, and since which sweep.
type Idle = (Sender, u32);

/// The idle connections of one thread.
#[derive(Default)]
pub(crate) struct Pool {
    idle: RefCell<HashMap<SocketAddr, Vec<Idle>, RandomState>>,
    sweeps: Cell<u32>,
}

/// A connection that is in use. Dropping it closes it, unless it is given back.
pub(crate) struct Connection {
    pub(crate) sender: Sender,
    /// Whether it has carried requests before, so that the other side may just be closing it.
    pub(crate) used: bool,
    address: SocketAddr,
    pool: Weak<Pool>,
}

impl Pool {
    /// An idle connection to `address`, or a new one.
    ///
    /// # Errors
    /// When there is none within a second.
    pub(crate) async fn connect(self: &Rc<Self>, address: SocketAddr) -> std::io::Result<Connection> {
        let idle = self.take(address);
        let used = idle.is_some();
        let sender = match idle {
            Some(sender) => sender,
            // Seldom, so it must not make every request's state larger.
            None => Box::pin(tokio::time::timeout(CONNECT_TIMEOUT, open(address))).await??,
        };
        Ok(Connection { sender, used, address, pool: Rc::downgrade(self) })
    }

    fn take(&self, address: SocketAddr) -> Option<Sender> {
        let mut idle = self.idle.borrow_mut();
        let senders = idle.get_mut(&address)?;
        // The one used last is the least likely to be closed soon. One that is not ready is still busy with
        // the end of its last answer.
        let mut at = senders.len();
        while let Some(before) = at.checked_sub(1) {
            at = before;
            let sender = &senders.get(at)?.0;
            if sender.is_closed() {
                senders.swap_remove(at);
            } else if sender.is_ready() {
                return Some(senders.swap_remove(at).0);
            }
        }
        None
    }

    /// Closes connections that nobody used for a while.
    pub(crate) fn sweep(&self) {
        let now = self.sweeps.get().wrapping_add(1);
        self.sweeps.set(now);
        self.idle.borrow_mut().retain(|_, senders| {
            senders.retain(|(sender, since)| !sender.is_closed() && now.wrapping_sub(*since) <= IDLE_SWEEPS);
            !senders.is_empty()
        });
    }
}

impl Connection {
    /// Gives the connection back once its answer was read to the end.
    pub(crate) fn give_back(self) {
        let Some(pool) = self.pool.upgrade() else { return };
        if self.sender.is_closed() {
            return;
        }
        let mut idle = pool.idle.borrow_mut();
        let senders = idle.entry(self.address).or_default();
        if senders.len() < MOST_IDLE {
            senders.push((self.sender, pool.sweeps.get()));
        }
    }
}

async fn open(address: SocketAddr) -> std::io::Result<Sender> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(LARGEST_HEAD)
        .handshake(Io::new(stream))
        .await
        .map_err(std::io::Error::other)?;
    // How a request ended is told to whoever sent it.
    tokio::task::spawn_local(connection.with_upgrades().map(|ended| {
        if let Err(error) = ended {
            metrics::counter!("gateway_upstream_connections_broken_total").increment(1);
            tracing::debug!(%error, "a connection to an upstream ended early");
        }
    }));
    Ok(sender)
}
