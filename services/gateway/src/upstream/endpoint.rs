//! One address of an upstream: how much it has to do and whether it fails.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{millis, now_millis};

/// So many failures in a row and an address is left out.
const FAILURES: u32 = 5;
/// How long, the first time and at most.
const FIRST_EJECTION: Duration = Duration::from_secs(1);
const LONGEST_EJECTION: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    active: AtomicU32,
    failures: AtomicU32,
    ejections: AtomicU32,
    ejected_until: AtomicU64,
}

/// Counts a request at an address from its begin to its answer's end.
#[derive(Debug)]
pub(crate) struct Lease(Arc<Endpoint>);

impl Endpoint {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            active: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            ejections: AtomicU32::new(0),
            ejected_until: AtomicU64::new(0),
        }
    }

    pub(crate) fn lease(self: &Arc<Self>) -> Lease {
        self.active.fetch_add(1, Ordering::Relaxed);
        Lease(self.clone())
    }

    pub(super) fn load(&self) -> u32 {
        self.active.load(Ordering::Relaxed)
    }

    pub(super) fn is_ejected(&self) -> bool {
        // Nearly none ever was, and the time is not free.
        let until = self.ejected_until.load(Ordering::Relaxed);
        until != 0 && until > now_millis()
    }

    pub(super) fn succeeded(&self) {
        // A write that changes nothing would still take the line away from other cores.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.ejections.store(0, Ordering::Relaxed);
        }
    }

    /// Counts a failure; true when this one ejects the address.
    pub(super) fn failed(&self) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures < FAILURES || self.is_ejected() {
            return false;
        }
        let times = self.ejections.fetch_add(1, Ordering::Relaxed).min(10);
        let pause = FIRST_EJECTION.saturating_mul(1 << times).min(LONGEST_EJECTION);
        self.ejected_until.store(now_millis() + millis(pause), Ordering::Relaxed);
        true
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}
