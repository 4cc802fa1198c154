//! Courses in MongoDB, each with the outbox of its own events.

use std::cmp::Reverse;

use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Collection, Database, IndexModel};
use platform_messaging::OutboxError;
use platform_messaging::outbox::mongodb as outbox;
use platform_messaging::{CloudEvent, EventError, messages::CourseRenamed};
use platform_money::Money;
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{Card, Course, CourseId, Language, Status};
use crate::idempotency::{Created, Creation};
use crate::index::{CorruptError, Indexed};
use crate::mongo::is_duplicate;

/// Why the store has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// A document that this version can't read.
    #[error(transparent)]
    Corrupt(#[from] CorruptError),
    /// An event can't be written.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The outbox's form of a write failed.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The database is away or refuses.
    #[error("the database failed")]
    Database(#[from] mongodb::error::Error),
}

/// Courses in the service's own database. Cheap to clone.
#[derive(Clone)]
pub(crate) struct CourseStore(Collection<Document>);

impl CourseStore {
    pub(crate) fn new(database: &Database) -> Self {
        Self(database.collection("courses"))
    }

    /// The documents themselves, for the index and the outbox.
    pub(crate) fn documents(&self) -> Collection<Document> {
        self.0.clone()
    }

    /// Lets the relay find what waits without a scan, where the server uses such an index. Doing it again
    /// changes nothing.
    pub(crate) async fn migrate(&self) -> Result<(), mongodb::error::Error> {
        let options = IndexOptions::builder().name("pending".to_owned()).build();
        let pending = IndexModel::builder().keys(doc! { "pending": 1 }).options(options).build();
        self.0.create_index(pending).await.map(drop)
    }

    /// Stores a new course.
    pub(crate) async fn insert(
        &self,
        course: &Course,
        creation: &Creation,
    ) -> Result<Created<Course>, StoreError> {
        let document = outbox::new_document(to_document(course, &creation.fingerprint), &[])?;
        match self.0.insert_one(document).await {
            Ok(_) => Ok(Created::New),
            Err(error) if is_duplicate(&error) => match self.row(course.card.id).await? {
                Some(row) if row.request == creation.fingerprint => Ok(Created::Before(row.into_course()?)),
                _ => Ok(Created::Mismatch),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// The course with this id.
    pub(crate) async fn find(&self, id: CourseId) -> Result<Option<Course>, StoreError> {
        Ok(self.row(id).await?.map(Row::into_course).transpose()?)
    }

    /// Stores a course's new name together with the event that tells of it. False when the course was changed
    /// since it was read.
    pub(crate) async fn rename(&self, renamed: &Course) -> Result<bool, StoreError> {
        let Card { id, name, rev, .. } = &renamed.card;
        let data = CourseRenamed { course_id: id.0, name: name.to_string() };
        let event = CloudEvent::new("catalog", id.to_string(), *rev, &data)?;
        let change = doc! { "$set": { "name": name.as_str(), "updated_at": to_bson(renamed.updated_at) } };
        Ok(outbox::update(&self.0, &id.to_string(), rev - 1, change, &[event]).await?)
    }

    async fn row(&self, id: CourseId) -> Result<Option<Row>, mongodb::error::Error> {
        self.0.clone_with_type::<Row>().find_one(doc! { "_id": id.to_string() }).await
    }
}

fn to_document(course: &Course, request: &str) -> Document {
    let card = &course.card;
    doc! {
        "_id": card.id.to_string(),
        "owner": card.owner.to_string(),
        "name": card.name.as_str(),
        "description": &course.description,
        "language": match card.language { Language::Tr => "tr", Language::En => "en" },
        "category_id": card.category_id.to_string(),
        // No Decimal128: money is a whole number of minor units.
        "price": { "amount": card.price.amount, "currency": card.price.currency.as_str() },
        "picture": card.picture.as_deref(),
        "status": match card.status {
            Status::Draft => "draft",
            Status::Published => "published",
            Status::Archived => "archived",
        },
        "created_at": to_bson(card.created_at),
        "updated_at": to_bson(course.updated_at),
        "request": request,
    }
}

fn to_bson(time: OffsetDateTime) -> Bson {
    let millis = time.unix_timestamp_nanos() / 1_000_000;
    Bson::DateTime(DateTime::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)))
}

fn from_bson(time: DateTime) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.timestamp_millis()) * 1_000_000).ok()
}

/// A course's document, without its outbox. What lists leave out has a default.
#[derive(Deserialize)]
pub(crate) struct Row {
    #[serde(rename = "_id")]
    id: String,
    owner: String,
    name: String,
    #[serde(default)]
    description: String,
    language: Language,
    category_id: String,
    price: Money,
    picture: Option<String>,
    status: Status,
    created_at: DateTime,
    #[serde(default)]
    updated_at: Option<DateTime>,
    rev: i64,
    /// Fingerprint of the request that made it.
    #[serde(default)]
    request: String,
}

impl Row {
    fn into_course(mut self) -> Result<Course, CorruptError> {
        let description = std::mem::take(&mut self.description);
        let updated_at = self.updated_at;
        let card = Card::from_row(self)?;
        let updated_at = updated_at.and_then(from_bson).unwrap_or(card.created_at);
        Ok(Course { card, description, updated_at })
    }
}

/// The place of a course in a list, newest first.
pub(crate) type Position = (Reverse<i64>, Reverse<Uuid>);

impl Indexed for Card {
    type Row = Row;
    type Position = Position;
    const FIELDS: &'static [&'static str] = &[
        "_id",
        "owner",
        "name",
        "language",
        "category_id",
        "price",
        "picture",
        "status",
        "created_at",
        "rev",
    ];

    fn from_row(row: Row) -> Result<Self, CorruptError> {
        let corrupt = |what| CorruptError { id: row.id.clone(), what };
        Ok(Self {
            id: row.id.parse().map_err(|_| corrupt("_id"))?,
            owner: row.owner.parse().map_err(|_| corrupt("owner"))?,
            name: row.name.parse().map_err(|_| corrupt("name"))?,
            category_id: row.category_id.parse().map_err(|_| corrupt("category_id"))?,
            created_at: from_bson(row.created_at).ok_or_else(|| corrupt("created_at"))?,
            language: row.language,
            price: row.price,
            picture: row.picture,
            status: row.status,
            rev: row.rev,
        })
    }

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn rev(&self) -> i64 {
        self.rev
    }

    fn position(&self) -> Position {
        let millis = self.created_at.unix_timestamp_nanos() / 1_000_000;
        (Reverse(i64::try_from(millis).unwrap_or(i64::MAX)), Reverse(self.id.0))
    }
}
