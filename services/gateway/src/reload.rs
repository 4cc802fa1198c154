//! Takes changes of the routes file into use. A request keeps the routes that it began with, so none is
//! dropped.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::core::Live;
use crate::routes::Table;
use crate::upstream::Upstreams;

/// A mounted ConfigMap changes by a link, which file notifications miss; reading a small file costs nothing.
const INTERVAL: Duration = Duration::from_secs(2);

/// The routes file and who is told when it changes.
pub(crate) struct Reload {
    path: PathBuf,
    upstreams: Upstreams,
    live: watch::Sender<Arc<Live>>,
    text: String,
    exchanges: bool,
}

impl Reload {
    /// Reads the file for the first time. `exchanges`: whether tokens can be exchanged.
    ///
    /// # Errors
    /// When it can't be used.
    pub(crate) fn begin(path: PathBuf, upstreams: Upstreams, exchanges: bool) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("ROUTES_FILE: {}", path.display()))?;
        let table = Table::parse(&text, &path)?.exchangeable(&text, exchanges)?;
        tracing::info!(routes = table.len(), file = %path.display(), "routes loaded");
        let live = watch::Sender::new(live(table, &upstreams));
        Ok(Self { path, upstreams, live, text, exchanges })
    }

    pub(crate) fn live(&self) -> watch::Receiver<Arc<Live>> {
        self.live.subscribe()
    }

    /// Looks for changes until `stop`.
    pub(crate) async fn watch(mut self, stop: CancellationToken) {
        while tokio::time::timeout(INTERVAL, stop.cancelled()).await.is_err() {
            let Ok(text) = tokio::fs::read_to_string(&self.path).await else { continue };
            if text != self.text {
                self.text = text;
                self.take();
            }
        }
    }

    fn take(&mut self) {
        let parsed = Table::parse(&self.text, &self.path);
        let outcome = match parsed.and_then(|table| table.exchangeable(&self.text, self.exchanges)) {
            Ok(table) => {
                tracing::info!(routes = table.len(), "routes loaded anew");
                self.live.send_replace(live(table, &self.upstreams));
                "loaded"
            }
            Err(error) => {
                tracing::error!(%error, "the routes file is wrong, the last good one stays");
                "refused"
            }
        };
        metrics::counter!("gateway_reloads_total", "outcome" => outcome).increment(1);
    }
}

fn live(table: Table, upstreams: &Upstreams) -> Arc<Live> {
    static GENERATION: AtomicU64 = AtomicU64::new(0);
    let upstreams = upstreams.of(&table);
    Arc::new(Live { table, upstreams, generation: GENERATION.fetch_add(1, Ordering::Relaxed) })
}
