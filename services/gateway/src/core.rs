//! What a request needs: [`Shared`] by all threads, [`Live`] until the next reload, [`Core`] by one thread.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use axum::Router;
use foldhash::fast::RandomState;
use platform_components::Name;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::bounded::Bounded;
use crate::cache::Cache;
use crate::clock::{Calendar, Moment};
use crate::guard::{Networks, Told};
use crate::limit::{Limits, Load};
use crate::log::{Log, Seen};
use crate::patience::Patience;
use crate::routes::{Compiled, Table};
use crate::serve::{Counted, Tls};
use crate::tokens::{Callers, Tokens};
use crate::upstream::{Pool, Upstream};

/// Clients whose headers a thread remembers.
const CLIENTS: usize = 1024;

/// What all threads share.
pub(crate) struct Shared {
    pub(crate) told: Told,
    pub(crate) trusted: Networks,
    pub(crate) live: watch::Receiver<Arc<Live>>,
    pub(crate) tokens: Tokens,
    pub(crate) limits: Arc<Limits>,
    pub(crate) load: Load,
    pub(crate) cache: Cache,
    pub(crate) log: Log,
    /// None: the API is served in the clear, behind somebody who ends TLS.
    pub(crate) tls: Option<Arc<Tls>>,
    /// A request's line and headers together, in bytes.
    pub(crate) longest_head: u32,
    /// Connections at the same time.
    pub(crate) most_connections: usize,
}

/// The routes in use, with their upstreams.
pub(crate) struct Live {
    pub(crate) table: Table,
    pub(crate) upstreams: HashMap<Name, Arc<Upstream>, RandomState>,
    /// Another number after each reload: what was kept for other routes is no longer found.
    pub(crate) generation: u64,
}

impl Live {
    /// Every route's upstream is in the table: the file was checked.
    pub(crate) fn upstream(&self, route: &Compiled) -> Option<&Arc<Upstream>> {
        self.upstreams.get(&route.upstream_name())
    }
}

/// What one thread has for itself.
pub(crate) struct Core {
    pub(crate) shared: Arc<Shared>,
    pub(crate) pool: Rc<Pool>,
    pub(crate) callers: Callers,
    pub(crate) seen: Seen,
    pub(crate) patience: Patience,
    /// The gateway's own pages.
    pub(crate) pages: Router,
    live: RefCell<Arc<Live>>,
    /// What upstreams are told about clients.
    clients: RefCell<Bounded<IpAddr, Rc<[u8]>>>,
    random: Cell<u64>,
    calendar: Cell<Calendar>,
    draining: Cell<bool>,
    /// What has left HTTP.
    pub(crate) tunnels: TaskTracker,
    /// This thread's connections.
    connections: Arc<AtomicUsize>,
}

impl Core {
    pub(crate) fn new(shared: Arc<Shared>, pages: Router, connections: Arc<AtomicUsize>) -> Self {
        let live = shared.live.borrow().clone();
        Self {
            shared,
            pool: Rc::default(),
            callers: Callers::default(),
            seen: Seen::default(),
            patience: Patience::default(),
            pages,
            live: RefCell::new(live),
            clients: RefCell::new(Bounded::new(CLIENTS)),
            random: Cell::new(Uuid::new_v4().as_u64_pair().0 | 1),
            calendar: Cell::new(Calendar::new()),
            draining: Cell::new(false),
            tunnels: TaskTracker::new(),
            connections,
        }
    }

    /// The lines by which upstreams are told of a client; made once for its many requests.
    pub(crate) fn client(&self, address: IpAddr) -> Rc<[u8]> {
        let mut clients = self.clients.borrow_mut();
        clients.get(&address).unwrap_or_else(|| {
            let lines = self.shared.told.client(address);
            clients.put(address, lines.clone());
            lines
        })
    }

    /// The routes in use now. A request keeps those that it began with.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.borrow().clone()
    }

    /// Takes new routes into use whenever there are some, and keeps the pool small.
    pub(crate) async fn keep_current(&self) {
        const SWEEP: Duration = Duration::from_secs(5);
        let mut live = self.shared.live.clone();
        loop {
            match tokio::time::timeout(SWEEP, live.changed()).await {
                Ok(Ok(())) => {
                    self.live.replace(live.borrow_and_update().clone());
                    self.seen.forget();
                }
                // The sender is gone: the gateway is stopping.
                Ok(Err(_)) => return,
                Err(_) => {
                    self.calendar.set(Calendar::new());
                    self.pool.sweep();
                    self.callers.sweep(self.now());
                }
            }
        }
    }

    /// Counts one more connection.
    pub(crate) fn count(&self) -> Counted {
        Counted::new(&self.connections)
    }

    /// Clients are to go elsewhere from now on.
    pub(crate) fn drain(&self) {
        self.draining.set(true);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Now, for a request that begins.
    pub(crate) fn now(&self) -> Moment {
        self.calendar.get().now()
    }

    /// Quick and not secret: for identifiers and jitter (xorshift64*).
    pub(crate) fn random(&self) -> u64 {
        let mut x = self.random.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.set(x);
        x.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Between half and one and a half times `pause`.
    pub(crate) fn jittered(&self, pause: Duration) -> Duration {
        let permille = 500 + self.random() % 1000;
        pause * u32::try_from(permille).unwrap_or(1000) / 1000
    }

    /// A new request id (UUID version 7).
    pub(crate) fn request_id(&self, now: Moment) -> Uuid {
        let millis = now.unix.as_millis();
        let mut random = [0; 10];
        let (first, second) = (self.random().to_le_bytes(), self.random().to_le_bytes());
        for (byte, value) in random.iter_mut().zip(first.into_iter().chain(second)) {
            *byte = value;
        }
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(millis).unwrap_or_default(), &random)
            .into_uuid()
    }
}
