//! A gateway in a process of its own, as it is in a cluster: what it counts and logs is of one test alone, so a test
//! can say exactly what rose, and that nothing else did.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};

use platform_testkit::{Api, Binary, eventually, life, secret_file};

use crate::support::{WITHIN, routes_of};

/// A running gateway; it ends with this value.
pub(crate) struct Apart {
    process: platform_testkit::Running,
    address: SocketAddr,
    pub(crate) api: Api,
    pub(crate) admin: Api,
    _routes: tempfile::NamedTempFile,
}

impl Apart {
    /// A gateway with these routes and settings that is ready.
    pub(crate) async fn start(routes: &str, settings: &[(&str, &str)]) -> Self {
        let (address, admin) = addresses();
        let routes = secret_file(routes);
        let mut binary = Binary::new(env!("CARGO_BIN_EXE_gateway"))
            .env("LISTEN_ADDR", &address.to_string())
            .env("ADMIN_ADDR", &admin.to_string())
            .env("ROUTES_FILE", routes.path().to_str().unwrap())
            .env("LOG_FORMAT", "json");
        for (key, value) in settings {
            binary = binary.env(key, value);
        }
        let (process, admin) = (binary.start(), Api::new(format!("http://{admin}")));
        let alive = || async { admin.try_send(http::Method::GET, "/livez", None, "").await.is_ok() };
        eventually(WITHIN, alive).await;
        life::ready(&admin).await;
        Self { process, address, api: Api::new(format!("http://{address}")), admin, _routes: routes }
    }

    /// The same with [`routes_of`].
    pub(crate) async fn of(name: &str, url: &str, more: &str) -> Self {
        Self::start(&routes_of(name, url, more), &[]).await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `/metrics` says.
    pub(crate) async fn metrics(&self) -> String {
        self.admin.get("/metrics").await.expect(200).text()
    }

    /// The counters that are the gateway's own, by name and labels; those that have counted nothing are absent.
    pub(crate) async fn counts(&self) -> BTreeMap<String, f64> {
        let text = self.metrics().await;
        let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        let own = lines.filter(|(series, _)| series.starts_with("gateway_") && series.contains("_total"));
        own.map(|(series, count)| (series.to_owned(), count.parse().unwrap())).collect()
    }

    /// One of [`Self::counts`].
    pub(crate) async fn count(&self, series: &str) -> f64 {
        self.counts().await.get(series).copied().unwrap_or_default()
    }

    /// Waits until one of [`Self::counts`] is this, and no more.
    pub(crate) async fn count_is(&self, series: &str, expected: f64) {
        let counted = || async {
            let count = self.count(series).await;
            #[allow(clippy::float_cmp, reason = "whole numbers")]
            if count == expected { Ok(()) } else { Err(format!("{series} is {count}, not {expected}")) }
        };
        eventually(WITHIN, counted).await;
    }

    /// Waits until the gateway's own counters say this, all of them.
    pub(crate) async fn counts_are(&self, expected: &BTreeMap<String, f64>, after: &str) {
        let counted = || async {
            let counts = self.counts().await;
            if counts == *expected {
                Ok(())
            } else {
                Err(format!("after {after}: {counts:?}, not {expected:?}"))
            }
        };
        eventually(WITHIN, counted).await;
    }

    /// Ends it in good order, and gives its whole log.
    pub(crate) async fn log(self) -> String {
        let (code, log) = self.process.terminate().await;
        assert_eq!(code, Some(0), "{log}");
        log
    }
}

/// Where nobody else in this process, and in others like it, listens or calls from: an address of the loopback network
/// that is used once.
fn addresses() -> (SocketAddr, SocketAddr) {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, high % 250 + 1, low, NEXT.fetch_add(1, Ordering::Relaxed));
    let free = || std::net::TcpListener::bind((own, 0)).unwrap();
    let (api, admin) = (free(), free());
    (api.local_addr().unwrap(), admin.local_addr().unwrap())
}
