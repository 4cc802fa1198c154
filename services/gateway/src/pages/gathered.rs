//! The services' descriptions, gathered and made into what is shown. Each service is asked once at a time, whoever
//! hangs up meanwhile, and what came is kept for a while even when a service was away.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use platform_components::Name;
use platform_http::Problem;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, watch};
use url::Url;

use super::attempt::Operations;
use super::{docs, openapi};
use crate::core::Live;

/// A service that is rolled out has a new description within this time.
const FRESH: Duration = Duration::from_secs(30);
/// A service that was away is looked for again after this time.
const INCOMPLETE: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(3);
const LARGEST_DOCUMENT: usize = 4 * 1024 * 1024;

/// What the pages are made from.
pub(crate) struct Pages {
    live: watch::Receiver<Arc<Live>>,
    public: Url,
    http: reqwest::Client,
    runtime: Handle,
    kept: RwLock<Option<Arc<Gathered>>>,
    /// Held by the one who asks the services.
    gathering: Mutex<()>,
}

/// All services together, ready to be sent.
pub(super) struct Gathered {
    pub(super) document: Bytes,
    pub(super) page: Bytes,
    pub(super) operations: Operations,
    complete: bool,
    at: Instant,
}

impl Gathered {
    fn fresh(&self) -> bool {
        self.at.elapsed() < if self.complete { FRESH } else { INCOMPLETE }
    }

    pub(super) fn cache_control(&self) -> &'static str {
        if self.complete { "public, max-age=30" } else { "public, max-age=10" }
    }
}

impl Pages {
    /// Services are asked on `runtime`, which outlives every request.
    ///
    /// # Errors
    /// When no HTTP client can be set up, which has to do with the system.
    pub(crate) fn new(
        live: watch::Receiver<Arc<Live>>,
        public: Url,
        runtime: Handle,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build()?;
        Ok(Self { live, public, http, runtime, kept: RwLock::default(), gathering: Mutex::default() })
    }

    /// The descriptions of all services that answer, at most half a minute old.
    ///
    /// # Errors
    /// For a defect of ours.
    pub(super) async fn current(self: &Arc<Self>) -> Result<Arc<Gathered>, Problem> {
        if let Some(kept) = self.kept() {
            return Ok(kept);
        }
        // On a task of its own: a client that hangs up must not make the next one begin anew.
        let pages = self.clone();
        let gathering = self.runtime.spawn(async move { pages.gather().await });
        gathering.await.unwrap_or_else(|error| Err(Problem::internal(&error)))
    }

    fn kept(&self) -> Option<Arc<Gathered>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|kept| kept.fresh()).cloned()
    }

    async fn gather(&self) -> Result<Arc<Gathered>, Problem> {
        let _alone = self.gathering.lock().await;
        // Somebody may have been quicker.
        if let Some(kept) = self.kept() {
            return Ok(kept);
        }
        let fetches = self.described().into_iter().map(|(name, url)| async move {
            let document = self.fetch(&url).await;
            if document.is_none() {
                tracing::debug!(service = %name, "a description is not there");
            }
            (name, document)
        });
        let mut documents = futures::future::join_all(fetches).await;
        documents.sort_by_key(|(name, _)| *name);
        let complete = documents.iter().all(|(_, document)| document.is_some());
        let merged = openapi::merge(documents, &self.public);
        let gathered = Arc::new(Gathered {
            document: serde_json::to_vec(&merged).map_err(|error| Problem::internal(&error))?.into(),
            page: docs::render(&merged).into(),
            operations: Operations::of(&merged),
            complete,
            at: Instant::now(),
        });
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(gathered.clone());
        Ok(gathered)
    }

    /// The services whose descriptions the routes open, and where these are.
    fn described(&self) -> Vec<(Name, String)> {
        let live = self.live.borrow();
        let described = |name: &Name| {
            let path = format!("/services/{name}/openapi.json");
            // By a route of its own: the shop's leads to everything else.
            live.table.at(&path).is_some_and(|it| it.name() == path && it.upstream_name() == *name)
        };
        let address = |target: &crate::routes::Target| {
            format!("http://{}/openapi.json", target.authority.to_str().unwrap_or_default())
        };
        let known = live.table.targets().iter().filter(|(name, _)| described(name));
        known.map(|(name, target)| (*name, address(target))).collect()
    }

    async fn fetch(&self, url: &str) -> Option<Value> {
        let mut answer = self.http.get(url).send().await.ok().filter(|it| it.status().is_success())?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.ok()? {
            if body.len() + chunk.len() > LARGEST_DOCUMENT {
                return None;
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).ok()
    }
}
