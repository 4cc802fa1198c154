//! Brings the outbox to the broker. Runs in every replica; lanes are leased, so that one replica at a time
//! publishes an aggregate's events.
//!
//! Woken after a commit in the same process, else it looks every 250 ms (the store may say otherwise). A batch is published whole, its
//! confirms awaited, and each lane marked up to the first entry that was not confirmed, from where it starts
//! again. It never drops an entry: what no queue takes waits, its lane with it, and `/metrics` and `/readyz`
//! say so.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lapin::types::FieldTable;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::backoff::Backoff;
use crate::broker::{Broker, BrokerError, Outgoing, Publisher, Undelivered};
use crate::health::Health;
use crate::outbox::{Entry, OutboxError, OutboxStore};

/// The most publishes that wait for their confirm.
const BATCH: u16 = 256;
/// Longer than a batch may take (the publisher gives up after 10 s), so a lane changes hands only when its
/// holder has stopped.
const LEASE: Duration = Duration::from_secs(20);
const RENEW: Duration = Duration::from_secs(5);
const MEASURE: Duration = Duration::from_secs(10);
const SWEEP: Duration = Duration::from_secs(3600);

/// Why a round of the relay failed. It tries again.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error("an event was not delivered: {0}")]
    Undelivered(Undelivered),
}

/// Tells the relay that something was committed to the outbox. Cheap to clone; waking too often is harmless.
#[derive(Clone, Debug, Default)]
pub struct RelayWaker(Arc<Notify>);

impl RelayWaker {
    /// Looks into the outbox now.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// Publishes what one service's outbox holds.
pub struct Relay<S> {
    store: S,
    broker: Broker,
    waker: RelayWaker,
    health: Health,
    owner: Uuid,
}

impl<S: OutboxStore> Relay<S> {
    /// From `store` to `broker`. Does nothing before [`run`](Self::run).
    #[must_use]
    pub fn new(store: S, broker: Broker) -> Self {
        let (waker, health) = (RelayWaker::default(), Health::default());
        Self { store, broker, waker, health, owner: Uuid::new_v4() }
    }

    /// To be called after each commit that appended an event.
    #[must_use]
    pub fn waker(&self) -> RelayWaker {
        self.waker.clone()
    }

    /// Whether events get out, for `/readyz` (a soft dependency).
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Publishes until `shutdown`; then ends its batch and gives its lanes back.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut backoff = Backoff::reconnect();
        let mut upkeep = Upkeep::default();
        while let Err(error) = self.session(&shutdown, &mut backoff, &mut upkeep).await {
            if self.health.fails(error.to_string()) {
                tracing::warn!(%error, "events wait in the outbox; trying again until they get out");
            }
            if !backoff.wait(&shutdown).await {
                break;
            }
        }
        if let Err(error) = self.store.release(self.owner).await {
            tracing::info!(%error, "the outbox's lanes were not given back; others take them when the lease ends");
        }
    }

    /// With one channel, until that breaks (an error) or the program ends.
    async fn session(
        &self,
        shutdown: &CancellationToken,
        backoff: &mut Backoff,
        upkeep: &mut Upkeep,
    ) -> Result<(), RelayError> {
        upkeep.measure(&self.store).await?;
        let mut publisher = Publisher::open(&self.broker).await?;
        let mut lanes = Lanes::default();
        loop {
            if shutdown.is_cancelled() {
                return Ok(());
            }
            lanes.renew(&self.store, self.owner).await?;
            upkeep.measure(&self.store).await?;
            upkeep.sweep(&self.store).await?;
            let open = lanes.open(Instant::now());
            let entries = if open.is_empty() { Vec::new() } else { self.store.fetch(&open, BATCH).await? };
            if entries.is_empty() {
                self.note_recovery(&lanes, backoff);
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    () = self.waker.0.notified() => {}
                    () = tokio::time::sleep(self.store.poll()) => {}
                }
                continue;
            }
            self.publish(&mut publisher, &mut lanes, &entries).await?;
            self.note_recovery(&lanes, backoff);
        }
    }

    async fn publish(
        &self,
        publisher: &mut Publisher,
        lanes: &mut Lanes,
        entries: &[Entry<S::Key>],
    ) -> Result<(), RelayError> {
        let messages: Vec<Outgoing> = entries.iter().map(outgoing).collect();
        let outcomes = publisher.publish(&messages).await;
        let settled = settle(entries, outcomes);
        if !settled.published.is_empty() {
            self.store.published(&settled.published).await?;
            metrics::counter!("outbox_published_total").increment(settled.published.len() as u64);
        }
        lanes.unblock(entries.iter().map(|entry| entry.lane), &settled.failures);
        for (lane, failure) in settled.failures {
            if let Undelivered::Unconfirmed(_) = failure {
                return Err(RelayError::Undelivered(failure));
            }
            lanes.block(lane, Instant::now());
            if self.health.fails(failure.to_string()) {
                tracing::warn!(lane, error = %failure, "the broker does not take an event; its lane waits");
            }
        }
        Ok(())
    }

    fn note_recovery(&self, lanes: &Lanes, backoff: &mut Backoff) {
        backoff.reset();
        if lanes.blocked.is_empty() && self.health.works() {
            tracing::info!("events are published");
        }
    }
}

fn outgoing<K>(entry: &Entry<K>) -> Outgoing {
    Outgoing {
        event_id: entry.event_id,
        exchange: entry.exchange.clone(),
        routing_key: entry.routing_key.clone(),
        mandatory: entry.mandatory,
        body: entry.body.clone().into_bytes(),
        headers: FieldTable::default(),
    }
}

/// What a batch came to.
struct Settled<K> {
    /// Confirmed, with nothing unconfirmed before it in its lane.
    published: Vec<K>,
    /// The first failure of each lane that has one.
    failures: Vec<(i16, Undelivered)>,
}

/// Marks each lane up to its first failure. What was confirmed behind it is published again: doubled, but
/// not out of order.
fn settle<K: Clone>(entries: &[Entry<K>], outcomes: Vec<Result<(), Undelivered>>) -> Settled<K> {
    let mut settled = Settled { published: Vec::new(), failures: Vec::new() };
    for (entry, outcome) in entries.iter().zip(outcomes) {
        if settled.failures.iter().any(|(lane, _)| *lane == entry.lane) {
            continue;
        }
        match outcome {
            Ok(()) => settled.published.push(entry.key.clone()),
            Err(failure) => settled.failures.push((entry.lane, failure)),
        }
    }
    settled
}

/// The lanes that this replica holds.
#[derive(Default)]
struct Lanes {
    held: Vec<i16>,
    renewed: Option<Instant>,
    /// Lanes whose first entry the broker does not take, and when to try again.
    blocked: HashMap<i16, (Instant, Backoff)>,
}

impl Lanes {
    async fn renew<S: OutboxStore>(&mut self, store: &S, owner: Uuid) -> Result<(), OutboxError> {
        // Without lanes it asks at each look, so that it follows at once when another replica goes.
        let due = self.held.is_empty() || self.renewed.is_none_or(|last| last.elapsed() >= RENEW);
        if due {
            self.held = store.lease(owner, LEASE).await?;
            self.renewed = Some(Instant::now());
        }
        Ok(())
    }

    /// Held and not waiting.
    fn open(&self, now: Instant) -> Vec<i16> {
        self.held.iter().copied().filter(|lane| self.blocked.get(lane).is_none_or(|it| it.0 <= now)).collect()
    }

    fn block(&mut self, lane: i16, now: Instant) {
        let new = || (now, Backoff::new(Duration::from_millis(500), Duration::from_secs(30)));
        let (until, backoff) = self.blocked.entry(lane).or_insert_with(new);
        *until = now + backoff.delay();
    }

    /// Those of `tried` that did not fail wait no longer.
    fn unblock(&mut self, tried: impl Iterator<Item = i16>, failures: &[(i16, Undelivered)]) {
        for lane in tried.filter(|lane| failures.iter().all(|(failed, _)| failed != lane)) {
            self.blocked.remove(&lane);
        }
    }
}

/// What is done now and then beside publishing.
#[derive(Default)]
struct Upkeep {
    measured: Option<Instant>,
    swept: Option<Instant>,
}

impl Upkeep {
    async fn measure<S: OutboxStore>(&mut self, store: &S) -> Result<(), OutboxError> {
        if self.measured.is_none_or(|last| last.elapsed() >= MEASURE) {
            let backlog = store.backlog().await?;
            metrics::gauge!("outbox_backlog").set(backlog.entries as f64);
            metrics::gauge!("outbox_oldest_age_seconds").set(backlog.oldest_seconds);
            self.measured = Some(Instant::now());
        }
        Ok(())
    }

    async fn sweep<S: OutboxStore>(&mut self, store: &S) -> Result<(), OutboxError> {
        // Not at the start, when everything else wants the database too.
        let last = *self.swept.get_or_insert_with(Instant::now);
        if last.elapsed() >= SWEEP {
            store.sweep().await?;
            self.swept = Some(Instant::now());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: i64, lane: i16) -> Entry<i64> {
        Entry {
            key,
            lane,
            event_id: Uuid::now_v7(),
            exchange: String::new(),
            routing_key: String::new(),
            mandatory: false,
            body: String::new(),
        }
    }

    #[test]
    fn a_lane_is_marked_up_to_its_first_failure_and_the_others_whole() {
        let entries = [entry(1, 0), entry(2, 0), entry(3, 0), entry(4, 5), entry(5, 5)];
        let outcomes = vec![Ok(()), Err(Undelivered::Refused), Ok(()), Ok(()), Ok(())];
        let settled = settle(&entries, outcomes);
        assert_eq!(settled.published, [1, 4, 5]);
        assert_eq!(settled.failures, [(0, Undelivered::Refused)]);
    }

    #[test]
    fn a_blocked_lane_waits_until_it_is_tried_again_and_works() {
        let mut lanes = Lanes { held: vec![0, 1], ..Lanes::default() };
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_millis(501));
        lanes.block(1, now);
        assert_eq!(lanes.open(now), [0]);
        assert_eq!(lanes.open(later), [0, 1]);
        lanes.unblock([0, 1].into_iter(), &[(1, Undelivered::Refused)]);
        assert_eq!(lanes.open(now), [0]);
        lanes.unblock([0, 1].into_iter(), &[]);
        assert_eq!(lanes.open(now), [0, 1]);
    }
}
