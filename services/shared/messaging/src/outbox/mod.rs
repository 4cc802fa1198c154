//! The outbox: what has to be published lies in the service's own store, written with the change it tells of.
//!
//! Each store implements [`OutboxStore`]; the [`Relay`](crate::Relay) is the same for all. Entries are split
//! into [`LANES`] by aggregate; within a lane they are published in order, and an entry is gone only after
//! the broker confirmed it. An entry may be published twice, never not at all.

#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlserver")]
pub mod sqlserver;

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

#[cfg(any(test, feature = "postgres", feature = "sqlserver", feature = "mongodb"))]
use crate::event::CloudEvent;
use crate::event::EventError;

/// Number of lanes, and so the most replicas that publish at once.
pub const LANES: i16 = 16;

/// Published entries are kept this long, for a person who asks what was sent.
pub const KEEP_PUBLISHED: Duration = Duration::from_secs(7 * 24 * 3600);
/// Handled ids are kept this long: longer than a dead letter (30 days) can be replayed.
pub const KEEP_HANDLED: Duration = Duration::from_secs(45 * 24 * 3600);

/// Why an event can't be written to the outbox, or the outbox not be read.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The event breaks the platform's rules.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The store failed.
    #[error("the outbox's store failed: {0}")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl OutboxError {
    /// Wraps the error of a store.
    pub fn store(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Store(error.into())
    }
}

/// An unpublished message. `K` is how its store finds it again.
#[derive(Clone, Debug)]
pub struct Entry<K> {
    /// Its place in the store.
    pub key: K,
    /// Which lane it belongs to.
    pub lane: i16,
    /// The event's id.
    pub event_id: Uuid,
    /// Where it goes.
    pub exchange: String,
    /// Its routing key, the event's type.
    pub routing_key: String,
    /// Whether a queue must take it.
    pub mandatory: bool,
    /// The event as JSON.
    pub body: String,
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Backlog {
    /// Entries that are not published.
    pub entries: u64,
    /// Age of the oldest of them, in seconds; 0 when there is none.
    pub oldest_seconds: f64,
}

/// Where a service keeps its outbox.
#[async_trait]
pub trait OutboxStore: Send + Sync + 'static {
    /// How the store finds an entry again.
    type Key: Clone + Send + Sync + 'static;

    /// How long the relay waits before it looks again, when nobody wakes it.
    fn poll(&self) -> Duration {
        Duration::from_millis(250)
    }

    /// Takes every lane that nobody holds, renews what `owner` holds, for the time `lease`. Answers with all
    /// lanes that `owner` holds now.
    async fn lease(&self, owner: Uuid, lease: Duration) -> Result<Vec<i16>, OutboxError>;

    /// Gives the lanes of `owner` back, so that another replica need not wait for the lease to end.
    async fn release(&self, owner: Uuid) -> Result<(), OutboxError>;

    /// At most about `limit` unpublished entries of `lanes`, each lane's in order and from its first.
    async fn fetch(&self, lanes: &[i16], limit: u16) -> Result<Vec<Entry<Self::Key>>, OutboxError>;

    /// Notes that these were published. Doing it twice is harmless.
    async fn published(&self, keys: &[Self::Key]) -> Result<(), OutboxError>;

    /// What waits, of all lanes.
    async fn backlog(&self) -> Result<Backlog, OutboxError>;

    /// Deletes what is kept no longer. Called about once an hour.
    async fn sweep(&self) -> Result<(), OutboxError> {
        Ok(())
    }
}

/// The lane of an aggregate: the same for ever, in every replica and version (FNV-1a, 64 bits).
#[must_use]
pub fn lane_of(aggregate_id: &str) -> i16 {
    let hash = aggregate_id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The lowest bits of FNV are its worst.
    i16::try_from((hash >> 32) % u64::from(LANES.unsigned_abs())).unwrap_or_default()
}

/// The exchange of an event, and whether a queue must take it: as the table of messages says. What is not in
/// the table no consumer is bound for, and no login may publish.
#[cfg(any(test, feature = "postgres", feature = "sqlserver", feature = "mongodb"))]
pub(crate) fn destination(event: &CloudEvent) -> Result<(&'static str, bool), EventError> {
    let message = platform_components::message(&event.kind)
        .filter(|message| message.publisher.as_str() == event.service())
        .ok_or_else(|| EventError::NotInTable {
            kind: event.kind.clone(),
            service: event.service().to_owned(),
        })?;
    Ok((message.kind.exchange(), message.mandatory))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn the_lane_of_an_aggregate_never_changes() {
        // Pinned: another value would let two replicas of different versions publish one aggregate at once.
        assert_eq!([lane_of(""), lane_of("a"), lane_of("course")], [4, 12, 13]);
    }

    #[test]
    fn aggregates_spread_over_all_lanes() {
        let mut counts = HashMap::new();
        for _ in 0..1600 {
            *counts.entry(lane_of(&Uuid::now_v7().to_string())).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 16);
        assert!(counts.values().all(|count| (40..220).contains(count)), "{counts:?}");
    }
}
