//! Categories in MongoDB.

use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Collection, Database, IndexModel};
use platform_messaging::OutboxError;
use platform_messaging::outbox::mongodb as outbox;
use serde::Deserialize;
use uuid::Uuid;

use super::domain::{Category, CategoryId};
use crate::idempotency::{Created, Creation};
use crate::index::{CorruptError, Indexed};
use crate::mongo::is_duplicate;

/// Why the store has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Another category has this slug.
    #[error("the slug is taken")]
    SlugTaken,
    /// A document that this version can't read.
    #[error(transparent)]
    Corrupt(#[from] CorruptError),
    /// The outbox's form of a write failed.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The database is away or refuses.
    #[error("the database failed")]
    Database(#[from] mongodb::error::Error),
}

/// Categories in the service's own database. Cheap to clone.
#[derive(Clone)]
pub(crate) struct CategoryStore(Collection<Document>);

impl CategoryStore {
    pub(crate) fn new(database: &Database) -> Self {
        Self(database.collection("categories"))
    }

    /// The documents themselves, for the index.
    pub(crate) fn documents(&self) -> Collection<Document> {
        self.0.clone()
    }

    /// Makes two categories with one address impossible. Doing it again changes nothing.
    pub(crate) async fn migrate(&self) -> Result<(), mongodb::error::Error> {
        let options = IndexOptions::builder().name("slug".to_owned()).unique(true).build();
        let slug = IndexModel::builder().keys(doc! { "slug": 1 }).options(options).build();
        self.0.create_index(slug).await.map(drop)
    }

    /// Stores a new category.
    ///
    /// # Errors
    /// [`StoreError::SlugTaken`] when another category has its slug.
    pub(crate) async fn insert(
        &self,
        category: &Category,
        creation: &Creation,
    ) -> Result<Created<Category>, StoreError> {
        let document = outbox::new_document(
            doc! {
                "_id": category.id.to_string(),
                "slug": &category.slug,
                "name": category.name.as_str(),
                "request": &creation.fingerprint,
            },
            &[],
        )?;
        match self.0.insert_one(document).await {
            Ok(_) => Ok(Created::New),
            Err(error) if is_duplicate(&error) => match self.row(category.id).await? {
                Some(row) if row.request == creation.fingerprint => {
                    Ok(Created::Before(Category::from_row(row)?))
                }
                Some(_) => Ok(Created::Mismatch),
                None => Err(StoreError::SlugTaken),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// The category with this id.
    pub(crate) async fn find(&self, id: CategoryId) -> Result<Option<Category>, StoreError> {
        Ok(self.row(id).await?.map(Category::from_row).transpose()?)
    }

    /// Stores a category's new name. False when it was changed since it was read.
    pub(crate) async fn rename(&self, renamed: &Category) -> Result<bool, StoreError> {
        let change = doc! { "$set": { "name": renamed.name.as_str() } };
        Ok(outbox::update(&self.0, &renamed.id.to_string(), renamed.rev - 1, change, &[]).await?)
    }

    async fn row(&self, id: CategoryId) -> Result<Option<Row>, mongodb::error::Error> {
        self.0.clone_with_type::<Row>().find_one(doc! { "_id": id.to_string() }).await
    }
}

/// A category's document.
#[derive(Deserialize)]
pub(crate) struct Row {
    #[serde(rename = "_id")]
    id: String,
    slug: String,
    name: String,
    rev: i64,
    /// Fingerprint of the request that made it. Not read for lists.
    #[serde(default)]
    request: String,
}

impl Indexed for Category {
    type Row = Row;
    /// Slugs are unique, and fold letters that sort apart from their neighbours in ASCII.
    type Position = String;
    const FIELDS: &'static [&'static str] = &["_id", "slug", "name", "rev"];

    fn from_row(row: Row) -> Result<Self, CorruptError> {
        let corrupt = |what| CorruptError { id: row.id.clone(), what };
        Ok(Self {
            id: row.id.parse().map_err(|_| corrupt("_id"))?,
            name: row.name.parse().map_err(|_| corrupt("name"))?,
            slug: row.slug,
            rev: row.rev,
        })
    }

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn rev(&self) -> i64 {
        self.rev
    }

    fn position(&self) -> String {
        self.slug.clone()
    }
}
