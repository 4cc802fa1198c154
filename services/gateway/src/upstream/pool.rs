//! Connections to upstreams. Each thread has its own: nothing is locked, and a request's whole way stays on
//! one core.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::net::TcpStream;

use super::http1;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Shorter than any upstream keeps an idle connection, so that it is seldom closed just when it is used.
/// In sweeps, of which there is one in five seconds.
const IDLE_SWEEPS: u32 = 4;
const MOST_IDLE: usize = 256;

/// A connection that nobody uses, and since which sweep.
type Idle = (TcpStream, u32);

/// The idle connections of one thread.
#[derive(Default)]
pub(crate) struct Pool {
    idle: RefCell<HashMap<SocketAddr, Vec<Idle>, RandomState>>,
    sweeps: Cell<u32>,
}

/// A connection that is in use. Dropping it closes it, unless it is given back.
pub(crate) struct Connection {
    pub(super) stream: TcpStream,
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
    pub(crate) async fn connect(self: &Rc<Self>, address: SocketAddr) -> io::Result<Connection> {
        let idle = self.take(address);
        let used = idle.is_some();
        let stream = match idle {
            Some(stream) => stream,
            // Seldom, so it must not make every request's state larger.
            None => Box::pin(tokio::time::timeout(CONNECT_TIMEOUT, open(address))).await??,
        };
        Ok(Connection { stream, used, address, pool: Rc::downgrade(self) })
    }

    fn take(&self, address: SocketAddr) -> Option<TcpStream> {
        let mut idle = self.idle.borrow_mut();
        let streams = idle.get_mut(&address)?;
        // The one used last is the least likely to be closed soon.
        while let Some((stream, _)) = streams.pop() {
            if http1::is_quiet(&stream) {
                return Some(stream);
            }
        }
        None
    }

    /// Closes connections that nobody used for a while, or that the other side has closed.
    pub(crate) fn sweep(&self) {
        let now = self.sweeps.get().wrapping_add(1);
        self.sweeps.set(now);
        self.idle.borrow_mut().retain(|_, streams| {
            streams
                .retain(|(stream, since)| now.wrapping_sub(*since) <= IDLE_SWEEPS && http1::is_quiet(stream));
            !streams.is_empty()
        });
    }
}

impl Connection {
    /// Gives the connection back once its answer was read to the end.
    pub(super) fn give_back(self) {
        let Some(pool) = self.pool.upgrade() else { return };
        let mut idle = pool.idle.borrow_mut();
        let streams = idle.entry(self.address).or_default();
        if streams.len() < MOST_IDLE {
            streams.push((self.stream, pool.sweeps.get()));
        }
    }
}

async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
