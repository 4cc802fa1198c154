//! From an upstream's name to its addresses, again and again: a headless Service's name resolves to the pods
//! that are ready now.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;

use super::{Endpoint, Upstream};

const INTERVAL: Duration = Duration::from_secs(2);
/// While a name can't be resolved, or requests fail, new addresses are waited for.
const INTERVAL_WITHOUT: Duration = Duration::from_millis(200);

/// Keeps the upstream's addresses current for as long as it exists.
pub(super) fn keep(upstream: &Arc<Upstream>, handle: &Handle) {
    if !upstream.target.addresses.is_empty() {
        update(upstream, upstream.target.addresses.clone());
        return;
    }
    if let Ok(address) = upstream.target.host.parse::<IpAddr>() {
        update(upstream, vec![SocketAddr::new(address, upstream.target.port)]);
        return;
    }
    let weak = Arc::downgrade(upstream);
    handle.spawn(async move { while step(&weak).await {} });
}

async fn step(upstream: &Weak<Upstream>) -> bool {
    let Some(upstream) = upstream.upgrade() else { return false };
    let name = (upstream.target.host.clone(), upstream.target.port);
    match tokio::net::lookup_host(name).await {
        Ok(addresses) => update(&upstream, addresses.collect()),
        // The last known addresses stay: a name server that is away takes nothing down.
        Err(error) => tracing::debug!(upstream = %upstream.name, %error, "the name does not resolve"),
    }
    let known = !upstream.endpoints.borrow().is_empty();
    if known {
        let stale = upstream.stale.notified();
        drop(tokio::time::timeout(INTERVAL, stale).await);
    }
    drop(upstream);
    tokio::time::sleep(INTERVAL_WITHOUT).await;
    true
}

/// Addresses that stay keep their state.
pub(super) fn update(upstream: &Upstream, mut addresses: Vec<SocketAddr>) {
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() {
        return;
    }
    upstream.endpoints.send_if_modified(|endpoints| {
        if endpoints.iter().map(|it| it.address).eq(addresses.iter().copied()) {
            return false;
        }
        let known = |address| endpoints.iter().find(|it| it.address == address).cloned();
        let made = |&address: &SocketAddr| known(address).unwrap_or_else(|| Arc::new(Endpoint::new(address)));
        *endpoints = addresses.iter().map(made).collect();
        tracing::info!(upstream = %upstream.name, addresses = endpoints.len(), "addresses changed");
        true
    });
}
