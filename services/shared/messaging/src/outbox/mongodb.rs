//! The outbox in MongoDB: inside the document that changed, since one document is what MongoDB writes
//! atomically.
//!
//! A document looks like `{_id: string, rev, …, outbox: {<event_id>: {n, type, body}}, pending}`. Every write
//! names the `rev` that it read and raises it. The relay finds documents by `pending`, publishes in the order
//! of `n`, removes each entry by its id (twice does no harm, so replicas need no lease), and clears `pending`
//! only under the `rev` that it saw. Works on FerretDB 1.24 behind a proxy that lets one write through at a
//! time (docs/architecture.md).

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt as _;
use mongodb::Collection;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ReadConcern;
use uuid::Uuid;

use super::{Backlog, Entry, LANES, OutboxError, OutboxStore, lane_of};
use crate::event::CloudEvent;

/// Most events that one write may tell of; `n` is `rev × 100 +` its place.
const MOST_EVENTS: usize = 100;
/// Most documents that are looked at to measure the backlog.
const MEASURED_DOCUMENTS: i64 = 1000;

impl From<mongodb::error::Error> for OutboxError {
    fn from(error: mongodb::error::Error) -> Self {
        Self::store(error)
    }
}

/// Makes `document` a new one: `rev` 1, with `events` in its outbox.
///
/// # Errors
/// When an event breaks the platform's rules.
pub fn new_document(mut document: Document, events: &[CloudEvent]) -> Result<Document, OutboxError> {
    document.insert("rev", 1_i64);
    document.insert("pending", !events.is_empty());
    document.insert("outbox", entries(1, events)?.into_iter().collect::<Document>());
    Ok(document)
}

/// Changes the document `id` that was read at `rev`: applies `change` (an update document such as
/// `{$set: …, $unset: …}`), raises `rev` and puts `events` into the outbox, in one write. False when somebody
/// was faster: read again. Wake the relay after it.
///
/// # Errors
/// When an event breaks the platform's rules or the store fails.
pub async fn update<T: Send + Sync>(
    collection: &Collection<T>,
    id: &str,
    rev: i64,
    change: Document,
    events: &[CloudEvent],
) -> Result<bool, OutboxError> {
    let update = update_document(rev, change, events)?;
    let result = collection.update_one(doc! {"_id": id, "rev": rev}, update).await?;
    Ok(result.matched_count == 1)
}

/// The update of [`update`], for a caller that needs another filter beside `_id` and `rev`.
///
/// # Errors
/// When an event breaks the platform's rules.
pub fn update_document(
    rev: i64,
    mut change: Document,
    events: &[CloudEvent],
) -> Result<Document, OutboxError> {
    let next = rev + 1;
    let mut set = match change.remove("$set") {
        Some(Bson::Document(set)) => set,
        Some(_) => return Err(OutboxError::store("$set must be a document")),
        None => Document::new(),
    };
    set.insert("rev", next);
    for (id, entry) in entries(next, events)? {
        set.insert(format!("outbox.{id}"), entry);
    }
    if !events.is_empty() {
        set.insert("pending", true);
    }
    change.insert("$set", set);
    Ok(change)
}

/// Deletes the document `id` that was read at `rev`, unless it holds events that are not published. False
/// when it does, or somebody was faster.
///
/// # Errors
/// When the store fails.
pub async fn delete<T: Send + Sync>(
    collection: &Collection<T>,
    id: &str,
    rev: i64,
) -> Result<bool, OutboxError> {
    let result = collection.delete_one(doc! {"_id": id, "rev": rev, "pending": false}).await?;
    Ok(result.deleted_count == 1)
}

fn entries(rev: i64, events: &[CloudEvent]) -> Result<Vec<(String, Bson)>, OutboxError> {
    if events.len() > MOST_EVENTS {
        return Err(OutboxError::store(format!(
            "{} events in one write, at most {MOST_EVENTS}",
            events.len()
        )));
    }
    let mut entries = Vec::with_capacity(events.len());
    for (n, event) in (rev * 100..).zip(events) {
        super::destination(event)?;
        let entry = doc! {"n": n, "type": &event.kind, "body": event.to_json()?};
        entries.push((event.id.to_string(), Bson::Document(entry)));
    }
    Ok(entries)
}

/// The outboxes in the documents of some collections.
#[derive(Clone, Debug)]
pub struct MongoOutbox {
    collections: Vec<Collection<Document>>,
}

/// Where an entry is.
#[derive(Clone, Debug)]
pub struct MongoKey {
    collection: usize,
    document: String,
    event: String,
    /// The document's revision when it was read, and how many entries it had then.
    rev: i64,
    entries: usize,
}

impl MongoOutbox {
    /// Of all `collections` whose documents hold an outbox.
    #[must_use]
    pub fn new(collections: Vec<Collection<Document>>) -> Self {
        Self { collections }
    }

    async fn pending(
        &self,
        collection: &Collection<Document>,
        limit: i64,
    ) -> Result<Vec<Document>, OutboxError> {
        let found = collection
            .find(doc! {"pending": true})
            .projection(doc! {"rev": 1, "outbox": 1})
            // What a failover may take back must not be told.
            .read_concern(ReadConcern::majority())
            .limit(limit)
            .await?;
        Ok(found.try_collect().await?)
    }
}

#[async_trait]
impl OutboxStore for MongoOutbox {
    type Key = MongoKey;

    /// Documents are found by a scan where there is no index on `pending`, and the replica that wrote is woken
    /// at once; this is for what a crashed one left.
    fn poll(&self) -> Duration {
        Duration::from_secs(2)
    }

    async fn lease(&self, _: Uuid, _: Duration) -> Result<Vec<i16>, OutboxError> {
        Ok((0..LANES).collect())
    }

    async fn release(&self, _: Uuid) -> Result<(), OutboxError> {
        Ok(())
    }

    async fn fetch(&self, lanes: &[i16], limit: u16) -> Result<Vec<Entry<MongoKey>>, OutboxError> {
        let mut all = Vec::new();
        for (index, collection) in self.collections.iter().enumerate() {
            for found in self.pending(collection, i64::from(limit)).await? {
                let read = read(index, &found)?;
                if read.entries.is_empty() {
                    // A relay ended after the last `$unset`.
                    clear(collection, &read.id, read.rev, Document::new()).await?;
                } else if lanes.contains(&lane_of(&read.id)) {
                    all.extend(read.entries);
                }
            }
        }
        all.truncate(usize::from(limit));
        Ok(all)
    }

    async fn published(&self, keys: &[MongoKey]) -> Result<(), OutboxError> {
        let mut documents: BTreeMap<(usize, &str), Vec<&MongoKey>> = BTreeMap::new();
        for key in keys {
            documents.entry((key.collection, &key.document)).or_default().push(key);
        }
        for ((index, id), keys) in documents {
            let Some(collection) = self.collections.get(index) else { continue };
            let unset: Document =
                keys.iter().map(|key| (format!("outbox.{}", key.event), Bson::from(""))).collect();
            let whole = keys.first().filter(|key| key.entries == keys.len());
            if let Some(key) = whole
                && clear(collection, id, key.rev, unset.clone()).await?
            {
                continue;
            }
            collection.update_one(doc! {"_id": id}, doc! {"$unset": unset}).await?;
        }
        Ok(())
    }

    async fn backlog(&self) -> Result<Backlog, OutboxError> {
        let mut backlog = Backlog::default();
        for (index, collection) in self.collections.iter().enumerate() {
            for found in self.pending(collection, MEASURED_DOCUMENTS).await? {
                for entry in read(index, &found)?.entries {
                    backlog.entries += 1;
                    backlog.oldest_seconds = backlog.oldest_seconds.max(age_seconds(entry.event_id));
                }
            }
        }
        Ok(backlog)
    }
}

/// Removes `unset` and clears `pending`, if nothing was written since `rev`.
async fn clear(
    collection: &Collection<Document>,
    id: &str,
    rev: i64,
    unset: Document,
) -> Result<bool, OutboxError> {
    let mut update = doc! {"$set": {"pending": false}};
    if !unset.is_empty() {
        update.insert("$unset", unset);
    }
    let result = collection.update_one(doc! {"_id": id, "rev": rev}, update).await?;
    Ok(result.matched_count == 1)
}

struct Read {
    id: String,
    rev: i64,
    entries: Vec<Entry<MongoKey>>,
}

fn read(collection: usize, document: &Document) -> Result<Read, OutboxError> {
    let id = document.get_str("_id").map_err(OutboxError::store)?.to_owned();
    let rev = integer(document, "rev")?;
    let empty = Document::new();
    let outbox = document.get_document("outbox").unwrap_or(&empty);
    let mut numbered = Vec::with_capacity(outbox.len());
    for (event, entry) in outbox {
        let wrong = || OutboxError::store(format!("the outbox of document {id} is malformed"));
        let entry = entry.as_document().ok_or_else(wrong)?;
        let kind = entry.get_str("type").map_err(OutboxError::store)?;
        // A type that a newer version put into the table and this one does not know goes out as an event.
        let message = platform_components::message(kind);
        let key =
            MongoKey { collection, document: id.clone(), event: event.clone(), rev, entries: outbox.len() };
        numbered.push((
            integer(entry, "n")?,
            Entry {
                key,
                lane: lane_of(&id),
                event_id: event.parse().map_err(OutboxError::store)?,
                exchange: message.map_or(platform_components::EVENTS, |it| it.kind.exchange()).to_owned(),
                routing_key: kind.to_owned(),
                mandatory: message.is_some_and(|it| it.mandatory),
                body: entry.get_str("body").map_err(OutboxError::store)?.to_owned(),
            },
        ));
    }
    numbered.sort_by_key(|(n, _)| *n);
    Ok(Read { id, rev, entries: numbered.into_iter().map(|(_, entry)| entry).collect() })
}

/// Stores may give a small integer back with fewer bits than were written.
fn integer(document: &Document, name: &'static str) -> Result<i64, OutboxError> {
    match document.get(name) {
        Some(Bson::Int64(value)) => Ok(*value),
        Some(Bson::Int32(value)) => Ok(i64::from(*value)),
        _ => Err(OutboxError::store(format!("{name} is no integer"))),
    }
}

/// Version 7 ids begin with their time.
fn age_seconds(id: Uuid) -> f64 {
    let Some(timestamp) = id.get_timestamp() else { return 0.0 };
    let (seconds, nanos) = timestamp.to_unix();
    let written = Duration::new(seconds, nanos);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(written).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::CourseRenamed;

    fn event(name: &str) -> CloudEvent {
        let data = CourseRenamed { course_id: Uuid::now_v7(), name: name.to_owned() };
        CloudEvent::new("catalog", "course", 1, &data).unwrap()
    }

    #[test]
    fn a_new_document_carries_its_events_in_order() {
        let events = [event("first"), event("second")];
        let document = new_document(doc! {"_id": "course", "name": "Rust"}, &events).unwrap();
        let read = read(0, &document).unwrap();
        assert_eq!(read.rev, 1);
        assert_eq!(read.entries.iter().map(|it| it.event_id).collect::<Vec<_>>(), events.map(|it| it.id));
        assert!(document.get_bool("pending").unwrap());
        assert!(!new_document(doc! {"_id": "course"}, &[]).unwrap().get_bool("pending").unwrap());
    }

    #[test]
    fn an_update_keeps_the_callers_change_and_adds_the_event() {
        let event = event("new");
        let change = doc! {"$set": {"name": "new"}, "$unset": {"draft": ""}};
        let update = update_document(7, change, std::slice::from_ref(&event)).unwrap();
        let set = update.get_document("$set").unwrap();
        assert_eq!(set.get_str("name").unwrap(), "new");
        assert_eq!(set.get_i64("rev").unwrap(), 8);
        assert!(set.get_bool("pending").unwrap());
        assert_eq!(set.get_document(format!("outbox.{}", event.id)).unwrap().get_i64("n").unwrap(), 800);
        assert!(update.contains_key("$unset"));
    }

    #[test]
    fn an_update_without_events_leaves_pending_as_it_is() {
        let update = update_document(7, Document::new(), &[]).unwrap();
        assert_eq!(update, doc! {"$set": {"rev": 8_i64}});
    }

    #[test]
    fn the_age_is_in_the_events_id() {
        assert!(age_seconds(Uuid::now_v7()) < 60.0);
        assert!(age_seconds("01800000-0000-7000-8000-000000000000".parse().unwrap()) > 1e7);
        assert!(age_seconds(Uuid::new_v4()) < f64::EPSILON);
    }
}
