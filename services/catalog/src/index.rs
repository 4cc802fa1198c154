//! The index in memory from which lists are answered: no list asks the database, whose index on anything but
//! `_id` can't be relied on.
//!
//! Each replica keeps its own, filled at start. A replica's own writes are in it at once; those of others
//! arrive with a sweep that compares ids and revisions. Only what a list shows is kept.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use platform_http::Problem;
use platform_http::problem;
use platform_http::server::{CheckError, Dependency, Need};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Pause between two sweeps, at least.
const PAUSE: Duration = Duration::from_secs(2);
/// A sweep takes at most this share of the time: the pause grows with what sweeping costs.
const PAUSE_PER_SWEEP: u32 = 20;
/// When more than this changed, everything is read: one scan instead of many.
const MOST_BY_ID: usize = 200;

/// What an index holds.
pub(crate) trait Indexed: Sized + Send + Sync + 'static {
    /// Its form in the database, of which only [`FIELDS`](Self::FIELDS) are read.
    type Row: DeserializeOwned + Send + Sync;
    /// The order of its list, total because the id is part of it.
    type Position: Ord + Clone + Send + Sync;
    /// The fields that are read from the database.
    const FIELDS: &'static [&'static str];

    fn from_row(row: Self::Row) -> Result<Self, CorruptError>;
    fn id(&self) -> Uuid;
    fn rev(&self) -> i64;
    fn position(&self) -> Self::Position;
}

/// A document that this version can't read.
#[derive(Debug, thiserror::Error)]
#[error("document {id} in the database is not readable: {what}")]
pub(crate) struct CorruptError {
    pub(crate) id: String,
    pub(crate) what: &'static str,
}

/// The index was not filled yet: the database was away since the start.
#[derive(Debug, thiserror::Error)]
#[error("the index is not filled yet")]
pub(crate) struct NotFilled;

impl From<NotFilled> for Problem {
    fn from(_: NotFilled) -> Self {
        problem::UNAVAILABLE.detail("the list is not there yet, try again in a moment").retry_after(1)
    }
}

/// The list of one kind of thing. Cheap to clone; all clones are one.
pub(crate) struct Index<T: Indexed>(Arc<RwLock<Entries<T>>>);

struct Entries<T: Indexed> {
    filled: bool,
    /// Counts the puts, so that a sweep knows what came in after it began.
    puts: u64,
    by_id: HashMap<Uuid, Known<T>>,
    in_order: BTreeMap<T::Position, Arc<T>>,
}

struct Known<T> {
    item: Arc<T>,
    put: u64,
}

impl<T: Indexed> Clone for Index<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Indexed> Default for Index<T> {
    fn default() -> Self {
        let entries = Entries { filled: false, puts: 0, by_id: HashMap::new(), in_order: BTreeMap::new() };
        Self(Arc::new(RwLock::new(entries)))
    }
}

impl<T: Indexed> Index<T> {
    /// Takes in a thing as it is after a write, unless a later revision is known.
    pub(crate) fn put(&self, item: T) {
        self.write(|entries| entries.put(item));
    }

    /// Up to `count` things that match, after a position.
    pub(crate) fn list(
        &self,
        after: Option<T::Position>,
        count: usize,
        matches: impl Fn(&T) -> bool,
    ) -> Result<Vec<Arc<T>>, NotFilled> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if !entries.filled {
            return Err(NotFilled);
        }
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let found = entries.in_order.range((from, Bound::Unbounded)).map(|(_, item)| item);
        Ok(found.filter(|item| matches(item)).take(count).cloned().collect())
    }

    /// Whether lists can be answered, as a dependency: a replica without its index is not ready.
    pub(crate) fn dependency(&self, name: &'static str) -> Dependency {
        let index = self.clone();
        Dependency::new(name, Need::Hard, move || {
            let filled = index.0.read().unwrap_or_else(PoisonError::into_inner).filled;
            async move { if filled { Ok(()) } else { Err(CheckError::new(NotFilled)) } }
        })
    }

    /// Keeps the index right until `stop`.
    pub(crate) async fn keep(self, collection: Collection<Document>, stop: CancellationToken) {
        let mut failing = false;
        while !stop.is_cancelled() {
            let begun = Instant::now();
            match self.sweep(&collection).await {
                Ok(()) => failing = false,
                // Logged when it begins; /readyz tells that the database is away.
                Err(error) if !failing => {
                    tracing::warn!(collection = collection.name(), %error, "the index can't be brought up to date");
                    failing = true;
                }
                Err(_) => {}
            }
            let pause = PAUSE.max(begun.elapsed() * PAUSE_PER_SWEEP);
            let pause = if failing { PAUSE / 4 } else { pause };
            tokio::select! { () = tokio::time::sleep(pause) => {} () = stop.cancelled() => {} }
        }
    }

    /// Brings the index up to the database once.
    async fn sweep(&self, collection: &Collection<Document>) -> Result<(), mongodb::error::Error> {
        let (puts, filled) = self.write(|entries| (entries.puts, entries.filled));
        if !filled {
            for item in self.load(collection, doc! {}).await? {
                self.put(item);
            }
            self.write(|entries| entries.filled = true);
            return Ok(());
        }
        let mut there = HashMap::new();
        let mut revisions = collection
            .clone_with_type::<Revision>()
            .find(doc! {})
            .projection(doc! { "_id": 1, "rev": 1 })
            .await?;
        while let Some(Revision { id, rev }) = revisions.try_next().await? {
            there.extend(id.parse::<Uuid>().ok().map(|id| (id, rev)));
        }
        let changed = self.write(|entries| entries.compare(&there, puts));
        let filter = match changed.len() {
            0 => return Ok(()),
            1..=MOST_BY_ID => {
                doc! { "_id": { "$in": changed.iter().map(Uuid::to_string).collect::<Vec<_>>() } }
            }
            _ => doc! {},
        };
        for item in self.load(collection, filter).await? {
            self.put(item);
        }
        Ok(())
    }

    async fn load(
        &self,
        collection: &Collection<Document>,
        filter: Document,
    ) -> Result<Vec<T>, mongodb::error::Error> {
        let fields: Document = T::FIELDS.iter().map(|field| ((*field).to_owned(), 1.into())).collect();
        let mut rows = collection.clone_with_type::<T::Row>().find(filter).projection(fields).await?;
        let mut items = Vec::new();
        while let Some(row) = rows.try_next().await? {
            match T::from_row(row) {
                Ok(item) => items.push(item),
                // One unreadable document must not take the list down.
                Err(error) => tracing::error!(collection = collection.name(), %error, "left out of the list"),
            }
        }
        Ok(items)
    }

    fn write<R>(&self, change: impl FnOnce(&mut Entries<T>) -> R) -> R {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: Indexed> Entries<T> {
    fn put(&mut self, item: T) {
        self.puts += 1;
        let id = item.id();
        if let Some(known) = self.by_id.get(&id) {
            if known.item.rev() >= item.rev() {
                return;
            }
            self.in_order.remove(&known.item.position());
        }
        let item = Arc::new(item);
        self.in_order.insert(item.position(), item.clone());
        self.by_id.insert(id, Known { item, put: self.puts });
    }

    /// Forgets what is not `there` any more, but for what was put after `puts`, and answers what is newer
    /// there or unknown here.
    fn compare(&mut self, there: &HashMap<Uuid, i64>, puts: u64) -> Vec<Uuid> {
        let Self { by_id, in_order, .. } = self;
        by_id.retain(|id, known| {
            let stays = known.put > puts || there.contains_key(id);
            if !stays {
                in_order.remove(&known.item.position());
            }
            stays
        });
        let newer = |(id, rev): &(&Uuid, &i64)| by_id.get(id).is_none_or(|known| known.item.rev() < **rev);
        there.iter().filter(newer).map(|(id, _)| *id).collect()
    }
}

#[derive(serde::Deserialize)]
struct Revision {
    #[serde(rename = "_id")]
    id: String,
    rev: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Thing {
        id: u128,
        rev: i64,
        place: i64,
    }

    impl Indexed for Thing {
        type Row = Document;
        type Position = (i64, Uuid);
        const FIELDS: &'static [&'static str] = &[];

        fn from_row(_: Document) -> Result<Self, CorruptError> {
            Err(CorruptError { id: String::new(), what: "no rows here" })
        }
        fn id(&self) -> Uuid {
            Uuid::from_u128(self.id)
        }
        fn rev(&self) -> i64 {
            self.rev
        }
        fn position(&self) -> Self::Position {
            (self.place, self.id())
        }
    }

    fn index(things: &[Thing]) -> Index<Thing> {
        let index = Index::default();
        things.iter().for_each(|thing| index.put(*thing));
        index.write(|entries| entries.filled = true);
        index
    }

    fn places(index: &Index<Thing>) -> Vec<(u128, i64)> {
        let all = index.list(None, 100, |_| true).unwrap();
        all.iter().map(|thing| (thing.id, thing.place)).collect()
    }

    #[test]
    fn a_list_that_was_never_filled_is_no_empty_list() {
        assert!(Index::<Thing>::default().list(None, 1, |_| true).is_err());
    }

    #[test]
    fn an_older_revision_changes_nothing_and_a_newer_one_moves_the_thing() {
        let index = index(&[Thing { id: 1, rev: 2, place: 5 }, Thing { id: 2, rev: 1, place: 6 }]);
        index.put(Thing { id: 1, rev: 1, place: 9 });
        assert_eq!(places(&index), [(1, 5), (2, 6)]);
        index.put(Thing { id: 1, rev: 3, place: 7 });
        assert_eq!(places(&index), [(2, 6), (1, 7)]);
    }

    #[test]
    fn pages_continue_after_a_position_even_when_it_is_gone() {
        let index = index(&[1, 2, 3, 4].map(|id| Thing { id, rev: 1, place: id as i64 * 10 }));
        let ids = |after, count| -> Vec<u128> {
            index.list(after, count, |thing| thing.id != 3).unwrap().iter().map(|it| it.id).collect()
        };
        assert_eq!(ids(None, 2), [1, 2]);
        assert_eq!(ids(Some((20, Uuid::from_u128(2))), 2), [4]);
        assert_eq!(ids(Some((15, Uuid::nil())), 2), [2, 4]);
    }

    #[test]
    fn a_sweep_asks_for_what_changed_and_forgets_what_is_gone_but_not_what_just_came() {
        let index = index(&[1, 2].map(|id| Thing { id, rev: 1, place: 0 }));
        let puts = index.write(|entries| entries.puts);
        index.put(Thing { id: 3, rev: 1, place: 0 });
        let there = HashMap::from([(Uuid::from_u128(2), 2), (Uuid::from_u128(4), 1)]);
        let mut changed = index.write(|entries| entries.compare(&there, puts));
        changed.sort();
        assert_eq!(changed, [Uuid::from_u128(2), Uuid::from_u128(4)]);
        assert_eq!(places(&index), [(2, 0), (3, 0)]);
    }
}
