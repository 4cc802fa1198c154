//! Messages that a consumer gave up on: to list, look at and replay, for `courseplatform-admin`.
//!
//! A replayed message keeps its id and its origin, so a consumer that handled it after all does nothing.

use std::time::Duration;

use lapin::Channel;
use lapin::message::{BasicGetMessage, Delivery};
use lapin::options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use platform_components::{REDELIVER, dead_queue};
use uuid::Uuid;

use crate::broker::{Broker, BrokerError, Outgoing, Publisher, Undelivered, within};
use crate::event::{CloudEvent, EventError};
use crate::headers;
use crate::origin;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Why dead letters can't be read or replayed.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// The broker failed, or there is no such queue.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The replay did not reach the queue; the dead letter is still there.
    #[error("the message was not replayed: {0}")]
    Undelivered(#[from] Undelivered),
}

/// A message in a dead-letter queue.
#[derive(Debug)]
pub struct DeadLetter {
    /// The message id, by which it is replayed; `None` when a foreign program wrote the message.
    pub id: Option<Uuid>,
    /// The event, or why it can't be read.
    pub event: Result<CloudEvent, EventError>,
    /// How often it failed before, beside the failure that brought it here.
    pub retries: u32,
    /// What the last retry failed with; the final failure is in the consumer's log.
    pub error: Option<String>,
    /// Why the broker moved it: `rejected`, `delivery_limit` or `expired`.
    pub reason: Option<String>,
    /// The bytes as they are.
    pub body: Vec<u8>,
}

/// Which dead letters to replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that are there when the replay begins.
    All,
    /// At most this many, oldest first.
    Oldest(usize),
    /// The one with this message id.
    Id(Uuid),
}

/// The dead letters of the platform's queues, with an administrator's login.
pub struct DeadLetters {
    broker: Broker,
}

impl DeadLetters {
    /// Over `broker`, whose login may read every `.dead` queue and publish redeliveries.
    #[must_use]
    pub fn new(broker: Broker) -> Self {
        Self { broker }
    }

    /// How many dead letters `queue` (the consumer's queue, without `.dead`) has.
    ///
    /// # Errors
    /// When the broker fails or there is no such queue.
    pub async fn count(&self, queue: &str) -> Result<usize, DeadLetterError> {
        let (channel, _) = self.broker.channel().await?;
        let waiting = count(&channel, queue).await?;
        within(ANSWER_TIMEOUT, channel.close(200, "bye".into())).await?;
        Ok(waiting)
    }

    /// The first `limit` dead letters of `queue` (the consumer's queue, without `.dead`), oldest first. They
    /// stay where they are; the broker has them back a moment after this returns.
    ///
    /// # Errors
    /// When the broker fails or there is no such queue.
    pub async fn list(&self, queue: &str, limit: usize) -> Result<Vec<DeadLetter>, DeadLetterError> {
        let (channel, _) = self.broker.channel().await?;
        let waiting = count(&channel, queue).await?;
        let mut letters = Vec::new();
        while letters.len() < limit.min(waiting) {
            let Some(message) = get(&channel, queue).await? else { break };
            letters.push(read(message.delivery));
        }
        // Unacknowledged: closing the channel puts them back, in their order.
        within(ANSWER_TIMEOUT, channel.close(200, "bye".into())).await?;
        Ok(letters)
    }

    /// Sends dead letters of `queue` to it again and removes them here. Answers how many.
    ///
    /// # Errors
    /// When the broker fails; what was not replayed is still there.
    pub async fn replay(&self, queue: &str, which: Which) -> Result<usize, DeadLetterError> {
        let (channel, _) = self.broker.channel().await?;
        let mut publisher = Publisher::open(&self.broker).await?;
        let mut replayed = 0;
        let wanted = match which {
            Which::All => usize::MAX,
            Which::Oldest(limit) => limit,
            Which::Id(_) => 1,
        };
        // A message that dies again meanwhile lands behind these.
        for _ in 0..count(&channel, queue).await? {
            if replayed == wanted {
                break;
            }
            let Some(message) = get(&channel, queue).await? else { break };
            let delivery = message.delivery;
            let id = message_id(&delivery);
            if matches!(which, Which::Id(wanted) if id != Some(wanted)) {
                continue;
            }
            publisher.publish_one(&copy(queue, id, &delivery)).await?;
            // Dying here doubles the message, which its consumer recognises.
            within(ANSWER_TIMEOUT, async { delivery.acker.ack(BasicAckOptions::default()).await.map(drop) })
                .await?;
            replayed += 1;
        }
        within(ANSWER_TIMEOUT, channel.close(200, "bye".into())).await?;
        Ok(replayed)
    }
}

async fn count(channel: &Channel, queue: &str) -> Result<usize, BrokerError> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
    let declared = channel.queue_declare(dead_queue(queue).as_str().into(), passive, FieldTable::default());
    let queue = within(ANSWER_TIMEOUT, declared).await?;
    Ok(usize::try_from(queue.message_count()).unwrap_or(usize::MAX))
}

async fn get(channel: &Channel, queue: &str) -> Result<Option<BasicGetMessage>, BrokerError> {
    within(ANSWER_TIMEOUT, channel.basic_get(dead_queue(queue).as_str().into(), BasicGetOptions::default()))
        .await
}

fn read(delivery: Delivery) -> DeadLetter {
    let table = delivery.properties.headers().as_ref();
    DeadLetter {
        id: message_id(&delivery),
        event: CloudEvent::parse(&delivery.data),
        retries: headers::attempt(table),
        error: headers::text(table, headers::ERROR),
        reason: reason(table),
        body: delivery.data,
    }
}

/// The copy that goes back: same id and origin, attempts counted anew.
fn copy(queue: &str, id: Option<Uuid>, delivery: &Delivery) -> Outgoing {
    let service = queue.split('.').next().unwrap_or_default();
    let origin = origin::origin(delivery, service);
    Outgoing {
        event_id: id.unwrap_or_else(Uuid::now_v7),
        exchange: REDELIVER.to_owned(),
        routing_key: queue.to_owned(),
        mandatory: true,
        body: delivery.data.clone(),
        headers: origin.map(|login| headers::with_text(headers::ORIGIN_USER, &login)).unwrap_or_default(),
    }
}

fn message_id(delivery: &Delivery) -> Option<Uuid> {
    delivery.properties.message_id().as_ref()?.as_str().parse().ok()
}

/// The broker's newest entry in `x-death`.
fn reason(table: Option<&FieldTable>) -> Option<String> {
    let AMQPValue::FieldArray(deaths) = table?.inner().get("x-death")? else { return None };
    let AMQPValue::FieldTable(death) = deaths.as_slice().first()? else { return None };
    headers::text(Some(death), "reason")
}
