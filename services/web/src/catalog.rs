//! The catalog's public API, called through the gateway.

use std::time::Duration;

use http::{Method, StatusCode};
use platform_http::Page;
use platform_http::client::{ClientError, PeerClient};
use platform_http::server::{CheckError, Dependency, Need};
use platform_money::Money;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use url::Url;
use uuid::Uuid;

const PREFIX: &str = "/services/catalog/v1";
/// A page does not wait longer for one of its parts.
const PATIENCE: Duration = Duration::from_secs(3);
/// More categories than this are no help to anybody who looks for a course.
const MOST_CATEGORIES: usize = 300;

/// Why a part of a page is missing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the catalog did not answer within {} s", PATIENCE.as_secs())]
    Late,
}

/// A category, as the catalog shows it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Category {
    pub(crate) id: Uuid,
    pub(crate) slug: String,
    pub(crate) name: String,
}

/// A course in a list.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Card {
    pub(crate) id: Uuid,
    pub(crate) slug: String,
    pub(crate) name: String,
    /// The language it is taught in (ISO 639-1).
    pub(crate) language: String,
    pub(crate) category_id: Uuid,
    pub(crate) price: Money,
    pub(crate) picture: Option<String>,
}

/// A course with all that is known of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Course {
    #[serde(flatten)]
    pub(crate) card: Card,
    pub(crate) description: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) updated_at: OffsetDateTime,
}

/// A client for the catalog. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Catalog(PeerClient);

impl Catalog {
    /// Calls the gateway at `gateway`.
    pub(crate) fn new(gateway: Url) -> Result<Self, ClientError> {
        PeerClient::new("gateway", gateway).map(Self)
    }

    /// Every category, in the catalog's order.
    pub(crate) async fn categories(&self) -> Result<Vec<Category>, CatalogError> {
        let mut all: Vec<Category> = Vec::new();
        let mut query = "limit=100".to_owned();
        loop {
            let page: Page<Category> = self.get(&format!("/categories?{query}")).await?;
            all.extend(page.items);
            match page.next {
                Some(next) if all.len() < MOST_CATEGORIES => query = format!("limit=100&cursor={next}"),
                _ => return Ok(all),
            }
        }
    }

    /// The newest courses, of all categories.
    pub(crate) async fn newest(&self, count: u8) -> Result<Vec<Card>, CatalogError> {
        let page: Page<Card> = self.get(&format!("/courses?limit={count}")).await?;
        Ok(page.items)
    }

    /// A page of a category's courses, newest first; `None` when `cursor` is not one of this list.
    pub(crate) async fn courses_in(
        &self,
        category: Uuid,
        cursor: Option<&str>,
    ) -> Result<Option<Page<Card>>, CatalogError> {
        let query = url::form_urlencoded::Serializer::new(format!("category={category}&limit=24"))
            .extend_pairs(cursor.map(|cursor| ("cursor", cursor)))
            .finish();
        found(self.get(&format!("/courses?{query}")).await, StatusCode::BAD_REQUEST)
    }

    /// The course with this id, when there is one.
    pub(crate) async fn course(&self, id: Uuid) -> Result<Option<Course>, CatalogError> {
        found(self.get(&format!("/courses/{id}")).await, StatusCode::NOT_FOUND)
    }

    /// The dependency `gateway`: soft, since pages tell what they can't show.
    pub(crate) fn dependency(&self) -> Dependency {
        let client = self.0.clone();
        Dependency::new("gateway", Need::Soft, move || {
            let client = client.clone();
            async move {
                let request = client.request(Method::GET, &format!("{PREFIX}/categories?limit=1"));
                client.send(request).await.map(drop).map_err(CheckError::new)
            }
        })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CatalogError> {
        let path = format!("{PREFIX}{path}");
        match tokio::time::timeout(PATIENCE, self.0.get_json(&path)).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(CatalogError::Late),
        }
    }
}

/// Makes the answer that means "no such thing" a `None`.
fn found<T>(answer: Result<T, CatalogError>, nothing: StatusCode) -> Result<Option<T>, CatalogError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(CatalogError::Client(error)) if error.status() == Some(nothing) => Ok(None),
        Err(error) => Err(error),
    }
}
