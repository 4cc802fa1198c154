//! The phase *route*: which address of an upstream gets a request, and whether any should.
//!
//! What is known about an upstream (its addresses, how they do, how often may be tried again) is shared by
//! all threads in atomics, and outlives a reload of the routes. Connections are not: see [`Pool`].

mod breaker;
mod budget;
mod endpoint;
mod pool;
mod resolve;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use platform_components::Name;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

use self::breaker::Breaker;
use self::budget::Budget;
pub(crate) use self::endpoint::{Endpoint, Lease};
pub(crate) use self::pool::{Connection, Pool};
use crate::clock::now_millis;
use crate::routes::{Table, Target};

/// One upstream of the routes file.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) name: Name,
    pub(crate) target: Target,
    endpoints: watch::Sender<Arc<[Arc<Endpoint>]>>,
    /// Wakes the resolver before its time.
    stale: Notify,
    pub(crate) budget: Budget,
    pub(crate) breaker: Breaker,
}

impl Upstream {
    fn new(name: Name, target: Target) -> Self {
        Self {
            name,
            target,
            endpoints: watch::Sender::new(Arc::from([])),
            stale: Notify::new(),
            budget: Budget::new(),
            breaker: Breaker::new(),
        }
    }

    /// The address with the least to do. One that fails is left out, and `avoid`, the one that an attempt has
    /// just failed at, too, as long as there are others.
    pub(crate) fn pick(&self, avoid: Option<&Endpoint>) -> Option<Arc<Endpoint>> {
        let endpoints = self.endpoints.borrow();
        let now = now_millis();
        let least = |usable: &dyn Fn(&Arc<Endpoint>) -> bool| {
            endpoints.iter().filter(|it| usable(it)).min_by_key(|it| it.load()).cloned()
        };
        let avoided = |it: &Arc<Endpoint>| avoid.is_some_and(|avoid| std::ptr::eq(avoid, Arc::as_ptr(it)));
        least(&|it| !it.is_ejected(now) && !avoided(it))
            .or_else(|| least(&|it| !it.is_ejected(now)))
            // When everything fails, it is more likely us or the network: try all.
            .or_else(|| least(&|_| true))
    }

    /// Waits until the name has resolved to something.
    pub(crate) async fn resolved(&self) {
        let mut endpoints = self.endpoints.subscribe();
        // Fails only when the sender is gone, which is a part of this value.
        drop(endpoints.wait_for(|endpoints| !endpoints.is_empty()).await);
    }

    /// Whether another address than `failed` could take the request.
    pub(crate) fn has_other(&self, failed: &Endpoint) -> bool {
        let now = now_millis();
        let endpoints = self.endpoints.borrow();
        endpoints.iter().any(|it| !std::ptr::eq(Arc::as_ptr(it), failed) && !it.is_ejected(now))
    }

    /// An attempt got an answer.
    pub(crate) fn succeeded(&self, endpoint: &Endpoint) {
        endpoint.succeeded();
        self.breaker.succeeded();
        self.budget.deposit();
    }

    /// An attempt got none, and it was not the client's fault.
    pub(crate) fn failed(&self, endpoint: Option<&Endpoint>) {
        if endpoint.is_some_and(Endpoint::failed) {
            tracing::warn!(upstream = %self.name, "an address fails, it is left out for a while");
            metrics::counter!("gateway_upstream_ejections_total", "upstream" => self.name.as_str())
                .increment(1);
        }
        if self.breaker.failed() {
            tracing::warn!(upstream = %self.name, "most requests fail, the circuit is open");
            metrics::counter!("gateway_breaker_opened_total", "upstream" => self.name.as_str()).increment(1);
        }
        self.stale.notify_one();
    }
}

/// All upstreams that are or were in use.
#[derive(Debug)]
pub(crate) struct Upstreams {
    known: Mutex<HashMap<Name, Arc<Upstream>>>,
    handle: Handle,
}

impl Upstreams {
    /// Names are resolved on the runtime of `handle`.
    pub(crate) fn new(handle: Handle) -> Self {
        Self { known: Mutex::default(), handle }
    }

    /// The upstreams of a table. Those that stay where they were keep what is known about them.
    pub(crate) fn of(&self, table: &Table) -> HashMap<Name, Arc<Upstream>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut current = HashMap::new();
        for (name, target) in table.targets() {
            let same = known.get(name).filter(|it| it.target == *target).cloned();
            let upstream = same.unwrap_or_else(|| {
                let upstream = Arc::new(Upstream::new(*name, target.clone()));
                resolve::keep(&upstream, &self.handle);
                upstream
            });
            current.insert(*name, upstream);
        }
        known.clone_from(&current);
        current
    }
}
