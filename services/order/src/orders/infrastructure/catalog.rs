//! The catalog over HTTP.

use async_trait::async_trait;
use http::{Method, StatusCode};
use order_domain::{CourseId, InstructorId};
use platform_auth::{CallError, Scope as _, ServiceTokens, scope};
use platform_http::client::PeerClient;
use platform_http::server::{CheckError, Dependency, Need};
use platform_money::Money;
use serde::Deserialize;
use uuid::Uuid;

use crate::orders::application::{Catalog, CatalogError, Quote};

/// A course as the catalog quotes it. The catalog's contract; what it says beyond this is not read.
#[derive(Debug, Deserialize)]
struct QuoteDocument {
    owner: Uuid,
    name: String,
    price: Money,
    status: String,
}

/// A client for the catalog. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct PeerCatalog {
    peer: PeerClient,
    tokens: ServiceTokens,
}

impl PeerCatalog {
    pub(crate) fn new(peer: PeerClient, tokens: ServiceTokens) -> Self {
        Self { peer, tokens }
    }

    /// The dependency `catalog`: soft, since orders are shown without it.
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

#[async_trait]
impl Catalog for PeerCatalog {
    async fn quote(&self, course: CourseId) -> Result<Option<Quote>, CatalogError> {
        let path = format!("/internal/v1/courses/{course}/quote");
        let answer: Result<QuoteDocument, CallError> =
            self.tokens.get_json(scope::CatalogSysQuote::NAME, &self.peer, &path).await;
        match answer {
            Ok(quote) if quote.status == "published" => {
                let instructor = InstructorId(quote.owner);
                Ok(Some(Quote { name: quote.name, instructor, price: quote.price }))
            }
            Ok(_) => Ok(None),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(None),
            Err(error) => Err(CatalogError(Box::new(error))),
        }
    }
}
