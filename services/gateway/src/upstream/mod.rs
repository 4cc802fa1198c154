//! The phase *route*: which address of an upstream gets a request, and whether any should.
//!
//! What is known about an upstream (its addresses, how they do, how often may be tried again) is shared by
//! all threads in atomics, and outlives a reload of the routes. Connections are not: see [`Pool`].

mod breaker;
mod budget;
mod endpoint;
mod http1;
mod pool;
mod resolve;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;
use platform_components::Name;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

use self::breaker::Breaker;
use self::budget::Budget;
pub(crate) use self::endpoint::{Endpoint, Lease};
pub(crate) use self::http1::{Body, Broken, Head, exchange};
pub(crate) use self::pool::{Connection, Pool};
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

    /// The address with the least to do, and of several such a random one. One that fails is left out, and `avoid`,
    /// the one that an attempt has just failed at, too, as long as there are others.
    pub(crate) fn pick(&self, random: u64, avoid: Option<&Endpoint>) -> Option<Arc<Endpoint>> {
        let endpoints = self.endpoints.borrow();
        if let [only] = &**endpoints {
            return Some(only.clone());
        }
        let begin = usize::try_from(random % endpoints.len().max(1) as u64).unwrap_or_default();
        let (before, after) = endpoints.split_at_checked(begin)?;
        let least = |usable: &dyn Fn(&Arc<Endpoint>) -> bool| {
            after.iter().chain(before).filter(|it| usable(it)).min_by_key(|it| it.load()).cloned()
        };
        let avoided = |it: &Arc<Endpoint>| avoid.is_some_and(|avoid| std::ptr::eq(avoid, Arc::as_ptr(it)));
        least(&|it| !it.is_ejected() && !avoided(it))
            .or_else(|| least(&|it| !it.is_ejected()))
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
        let endpoints = self.endpoints.borrow();
        endpoints.iter().any(|it| !std::ptr::eq(Arc::as_ptr(it), failed) && !it.is_ejected())
    }

    /// An attempt got an answer.
    pub(crate) fn succeeded(&self, endpoint: &Endpoint) {
        endpoint.succeeded();
        self.breaker.succeeded();
        self.budget.deposit();
    }

    /// An attempt got none, and it was not the client's fault.
    pub(crate) fn failed(&self, endpoint: &Endpoint) {
        if endpoint.failed() {
            tracing::warn!(upstream = %self.name, "an address fails, it is left out for a while");
            metrics::counter!("gateway_upstream_ejections_total", "upstream" => self.name.as_str())
                .increment(1);
        }
        self.stale.notify_one();
    }

    /// A request gets no answer, however often it was tried; `last` at this address. Where there are others that
    /// do well, it is left out and they go on.
    pub(crate) fn gave_up(&self, last: Option<&Endpoint>) {
        if last.is_some_and(|last| self.has_other(last)) {
            return;
        }
        if self.breaker.failed() {
            tracing::warn!(upstream = %self.name, "most requests fail, the circuit is open");
            metrics::counter!("gateway_breaker_opened_total", "upstream" => self.name.as_str()).increment(1);
        }
    }
}

/// All upstreams that are or were in use.
#[derive(Debug)]
pub(crate) struct Upstreams {
    known: Mutex<HashMap<Name, Arc<Upstream>, RandomState>>,
    handle: Handle,
}

impl Upstreams {
    /// Names are resolved on the runtime of `handle`.
    pub(crate) fn new(handle: Handle) -> Self {
        Self { known: Mutex::default(), handle }
    }

    /// The upstreams of a table. Those that stay where they were keep what is known about them.
    pub(crate) fn of(&self, table: &Table) -> HashMap<Name, Arc<Upstream>, RandomState> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut current = HashMap::default();
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

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn upstream(ports: &[u16]) -> Upstream {
        let authority = HeaderValue::from_static("demo-catalog:8080");
        let target = Target { host: "demo-catalog".to_owned(), port: 8080, authority, addresses: Vec::new() };
        let upstream = Upstream::new(Name::Catalog, target);
        at(&upstream, ports);
        upstream
    }

    fn at(upstream: &Upstream, ports: &[u16]) {
        resolve::update(upstream, ports.iter().map(|port| ([127, 0, 0, 1], *port).into()).collect());
    }

    fn port(endpoint: &Endpoint) -> u16 {
        endpoint.address.port()
    }

    #[test]
    fn requests_go_where_there_is_the_least_to_do() {
        let upstream = upstream(&[1, 2, 3]);
        let mut leases = Vec::new();
        let mut counts = [0; 4];
        for turn in 0..30 {
            let endpoint = upstream.pick(turn, None).unwrap();
            counts[usize::from(port(&endpoint))] += 1;
            leases.push(endpoint.lease());
        }
        assert_eq!(counts, [0, 10, 10, 10]);
        drop(leases);
        assert!(upstream.pick(0, None).is_some_and(|it| it.load() == 0));
    }

    #[test]
    fn of_several_with_nothing_to_do_each_gets_some() {
        let upstream = upstream(&[1, 2, 3]);
        let ports: Vec<_> = (3..6).map(|turn| port(&upstream.pick(turn, None).unwrap())).collect();
        assert_eq!(ports, [1, 2, 3]);
    }

    #[test]
    fn an_address_that_fails_is_left_out_and_another_attempt_goes_elsewhere() {
        let upstream = upstream(&[1, 2]);
        let first = upstream.pick(0, None).unwrap();
        assert!(upstream.has_other(&first));
        assert_ne!(port(&upstream.pick(0, Some(&first)).unwrap()), port(&first));
        for _ in 0..5 {
            upstream.failed(&first);
        }
        assert!((0..10).all(|turn| port(&upstream.pick(turn, None).unwrap()) != port(&first)));
        // When all fail there is no better one, so all are tried.
        let second = upstream.pick(0, None).unwrap();
        for _ in 0..5 {
            upstream.failed(&second);
        }
        assert!(upstream.pick(0, None).is_some());
        assert!(!upstream.has_other(&first));
    }

    #[test]
    fn addresses_that_stay_keep_what_is_known_about_them() {
        let upstream = upstream(&[1, 2]);
        let first = upstream.pick(0, None).unwrap();
        let _lease = first.lease();
        at(&upstream, &[1, 3]);
        let again: Vec<_> = upstream.endpoints.borrow().iter().map(|it| (port(it), it.load())).collect();
        assert_eq!(again, [(1, 1), (3, 0)]);
        // A name server that knows nothing takes nothing down.
        at(&upstream, &[]);
        assert!(upstream.pick(0, None).is_some());
    }
}
