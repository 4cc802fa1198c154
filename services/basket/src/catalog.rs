//! The catalog, as the basket needs it: what a course is called and what it costs now.

use http::{Method, StatusCode};
use platform_auth::{CallError, Scope as _, ServiceTokens, scope};
use platform_http::client::{ClientError, PeerClient};
use platform_http::server::{CheckError, Dependency, Need};
use platform_money::Money;
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

/// A course as it can be bought now. The catalog's contract; what it says beyond this is not read.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Quote {
    pub(crate) course_id: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) name: String,
    pub(crate) price: Money,
    pub(crate) status: String,
    /// Of two names of a course the one with the higher version holds.
    pub(crate) version: i64,
}

impl Quote {
    pub(crate) fn is_on_sale(&self) -> bool {
        self.status == "published"
    }
}

/// A client for the catalog. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    peer: PeerClient,
    tokens: ServiceTokens,
}

impl Catalog {
    pub(crate) fn new(url: Url, tokens: ServiceTokens) -> Result<Self, ClientError> {
        Ok(Self { peer: PeerClient::new("catalog", url)?, tokens })
    }

    /// Asks for a course's quote; `None` when there is no such course.
    pub(crate) async fn quote(&self, course: Uuid) -> Result<Option<Quote>, CallError> {
        let path = format!("/internal/v1/courses/{course}/quote");
        match self.tokens.get_json(scope::CatalogSysQuote::NAME, &self.peer, &path).await {
            Ok(quote) => Ok(Some(quote)),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The dependency `catalog`: soft, since baskets are shown and emptied without it.
    pub(crate) fn dependency(&self) -> Dependency {
        let client = self.peer.clone();
        Dependency::new("catalog", Need::Soft, move || {
            let client = client.clone();
            async move {
                let request = client.request(Method::GET, "/v1/categories?limit=1");
                client.send(request).await.map(drop).map_err(CheckError::new)
            }
        })
    }
}
