//! Messages that no consumer could handle: which queues have some, what they say, and giving them back.
//! Looking takes nothing away; a replayed message leaves the dead letters only after the broker has
//! confirmed that its queue has it again.

mod replay;

use platform_components::components;
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::provision::rabbitmq::{Management, ManagementError};

pub use replay::Which;

/// Why dead letters couldn't be looked at or replayed.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// The management API said no.
    #[error(transparent)]
    Management(#[from] ManagementError),
    /// Nobody consumes a queue of that name.
    #[error("there is no queue {queue:?}; there are {known}")]
    UnknownQueue {
        /// What was asked for.
        queue: String,
        /// What there is.
        known: String,
    },
    /// The broker failed.
    #[error("the broker failed: {0}")]
    Broker(#[from] lapin::Error),
    /// The queue didn't take a message back; it is still among the dead letters.
    #[error("the broker did not take message {id} back into {queue}")]
    NotTaken {
        /// The queue.
        queue: String,
        /// The message.
        id: String,
    },
}

/// A queue and how many dead letters it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueCount {
    /// The queue whose consumer gave up.
    pub name: String,
    /// How many messages wait.
    pub messages: u64,
}

/// A dead letter as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeadLetter {
    /// The message's id.
    pub id: Value,
    /// Its type.
    pub routing_key: Value,
    /// Why and where it died, as RabbitMQ tells.
    pub deaths: Value,
    /// The message: its event when it is JSON, else its text.
    pub body: Value,
}

/// The broker, seen by somebody who looks after dead letters.
pub struct Broker {
    management: Management,
    connection: Connection,
    vhost: String,
}

impl Broker {
    /// The broker of a connection.
    ///
    /// # Errors
    /// When the connection doesn't name the management API.
    pub fn new(connection: &Connection, vhost: &str) -> Result<Self, DeadLetterError> {
        Ok(Self {
            management: Management::new(connection)?,
            connection: connection.clone(),
            vhost: vhost.to_owned(),
        })
    }

    /// How many dead letters each queue has, by the broker's own last count.
    ///
    /// # Errors
    /// When the broker can't be asked.
    pub async fn list(&self) -> Result<Vec<QueueCount>, DeadLetterError> {
        let queues =
            self.management.call("listing queues", Method::GET, &["queues", &self.vhost], None).await?;
        let count = |name: &str| {
            queues
                .as_array()
                .into_iter()
                .flatten()
                .find(|queue| queue.get("name").and_then(Value::as_str) == Some(name))
                .and_then(|queue| queue.get("messages")?.as_u64())
                .unwrap_or(0)
        };
        Ok(known_queues()
            .map(|name| QueueCount {
                name: name.to_owned(),
                messages: count(&platform_components::dead_queue(name)),
            })
            .collect())
    }

    /// Up to `limit` dead letters of a queue, which stay where they are.
    ///
    /// # Errors
    /// When there is no such queue or the broker can't be asked.
    pub async fn show(&self, queue: &str, limit: u32) -> Result<Vec<DeadLetter>, DeadLetterError> {
        let dead = dead_queue(queue)?;
        let body =
            json!({"count": limit, "ackmode": "ack_requeue_true", "encoding": "auto", "truncate": 65536});
        let path = ["queues", self.vhost.as_str(), dead.as_str(), "get"];
        let found = self.management.call("reading dead letters", Method::POST, &path, Some(&body)).await?;
        Ok(found.as_array().into_iter().flatten().map(shown).collect())
    }
}

fn shown(message: &Value) -> DeadLetter {
    let at = |path: &str| message.pointer(path).cloned().unwrap_or(Value::Null);
    let payload = at("/payload");
    let body = payload.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(payload);
    DeadLetter {
        id: at("/properties/message_id"),
        routing_key: body.get("type").cloned().unwrap_or_else(|| at("/routing_key")),
        deaths: at("/properties/headers/x-death"),
        body,
    }
}

fn known_queues() -> impl Iterator<Item = &'static str> {
    components().iter().flat_map(|component| component.consumes).map(|queue| queue.name)
}

/// The queue with the dead letters of `queue`, when there is such a queue.
fn dead_queue(queue: &str) -> Result<String, DeadLetterError> {
    if known_queues().any(|known| known == queue) {
        Ok(platform_components::dead_queue(queue))
    } else {
        let known = known_queues().collect::<Vec<_>>().join(", ");
        Err(DeadLetterError::UnknownQueue { queue: queue.to_owned(), known })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_nobody_consumes_is_named_as_unknown() {
        let error = dead_queue("basket.nothing").unwrap_err().to_string();
        assert!(error.contains("basket.nothing") && error.contains("basket.courses"), "{error}");
    }
}
