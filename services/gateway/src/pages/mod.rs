//! The gateway's own pages, which are no service's: the description of all APIs, as a document and to read.

mod docs;
mod openapi;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;
use platform_components::Name;
use platform_http::Problem;
use serde_json::Value;
use tokio::sync::{Mutex, watch};
use url::Url;

use crate::core::Live;

/// A service that is rolled out has a new description within this time.
const FRESH: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(3);
const LARGEST_DOCUMENT: usize = 4 * 1024 * 1024;
/// Nothing foreign, no script: the page is complete as it comes.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

/// Whether a path is answered by the gateway itself.
pub(crate) fn is_ours(path: &str) -> bool {
    matches!(path, "/docs" | "/services/openapi.json")
}

/// What the pages are made from.
pub(crate) struct Pages {
    live: watch::Receiver<Arc<Live>>,
    public: Url,
    http: reqwest::Client,
    gathered: Mutex<Option<(Instant, Arc<Value>)>>,
}

impl Pages {
    /// # Errors
    /// When no HTTP client can be set up, which has to do with the system.
    pub(crate) fn new(live: watch::Receiver<Arc<Live>>, public: Url) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build()?;
        Ok(Self { live, public, http, gathered: Mutex::default() })
    }

    /// The description of all services that answer, at most half a minute old.
    async fn document(&self) -> Arc<Value> {
        let mut gathered = self.gathered.lock().await;
        if let Some((at, document)) = gathered.as_ref()
            && at.elapsed() < FRESH
        {
            return document.clone();
        }
        let targets: Vec<(Name, String)> = {
            let live = self.live.borrow();
            let described = |name: &Name| {
                let path = format!("/services/{name}/openapi.json");
                live.table.at(&path).is_some_and(|route| route.upstream_name() == *name)
            };
            let address = |target: &crate::routes::Target| {
                format!("http://{}/openapi.json", target.authority.to_str().unwrap_or_default())
            };
            let known = live.table.targets().iter().filter(|(name, _)| described(name));
            known.map(|(name, target)| (*name, address(target))).collect()
        };
        let fetches = targets.into_iter().map(|(name, url)| async move {
            let document = self.fetch(&url).await;
            if document.is_none() {
                tracing::debug!(service = %name, "a description is not there");
            }
            (name, document)
        });
        let mut documents = futures::future::join_all(fetches).await;
        documents.sort_by_key(|(name, _)| *name);
        let complete = documents.iter().all(|(_, document)| document.is_some());
        let found = documents.into_iter().filter_map(|(name, document)| Some((name, document?)));
        let document = Arc::new(openapi::merge(found, &self.public));
        // What is missing is looked for again at once.
        *gathered = complete.then(|| (Instant::now(), document.clone()));
        document
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

pub(crate) fn router(pages: Pages) -> Router {
    Router::new()
        .route("/services/openapi.json", get(document))
        .route("/docs", get(page))
        .with_state(Arc::new(pages))
}

async fn document(State(pages): State<Arc<Pages>>) -> Result<Response, Problem> {
    let document = pages.document().await;
    let body = serde_json::to_vec(&*document).map_err(|error| Problem::internal(&error))?;
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=30")];
    Ok((headers, body).into_response())
}

async fn page(State(pages): State<Arc<Pages>>) -> Response {
    let html = docs::render(&*pages.document().await);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=30"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, html).into_response()
}
