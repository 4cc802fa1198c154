//! Publishing with confirms: a message counts as delivered when the broker has taken it over, and only then.

use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation};
use uuid::Uuid;

use super::{Broker, BrokerError, within};
use crate::event::CONTENT_TYPE;

/// How long a batch may wait for its confirms before the channel counts as dead.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
const PERSISTENT: u8 = 2;

/// A message on its way out.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The event's id; also the message id, by which retries and replays are recognised.
    pub event_id: Uuid,
    /// Where it is published.
    pub exchange: String,
    /// How it is routed; the event's type, but for retries and replays.
    pub routing_key: String,
    /// Whether it counts as undelivered when no queue takes it.
    pub mandatory: bool,
    /// The event as JSON.
    pub body: Vec<u8>,
    /// Headers beside it; none in the outbox's messages.
    pub headers: FieldTable,
}

/// Why a message was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// It was mandatory and no queue wants it.
    #[error("no queue takes it: {0}")]
    Unroutable(String),
    /// The broker refused it (a full queue, for example).
    #[error("the broker refused it")]
    Refused,
    /// Unknown: the connection broke, or no confirm came in time. Publishing it again may double it.
    #[error("the broker did not confirm it: {0}")]
    Unconfirmed(String),
}

/// A channel in confirm mode. Not to be used again after [`Undelivered::Unconfirmed`].
pub struct Publisher {
    channel: Channel,
    login: String,
    app: String,
}

impl Publisher {
    /// Opens a channel of its own on `broker`.
    ///
    /// # Errors
    /// As [`Broker::channel`].
    pub async fn open(broker: &Broker) -> Result<Self, BrokerError> {
        let (channel, login) = broker.channel().await?;
        within(CONFIRM_TIMEOUT, channel.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok(Self { channel, login, app: broker.service().to_owned() })
    }

    /// Publishes all messages in their order without waiting in between, then waits for all confirms.
    /// Answers for each message, in the same order.
    ///
    /// The whole batch is awaited because lapin hands a returned message to *some* confirm that the same
    /// frame settles, not to its own; so returned messages are matched by their id here. For the same reason
    /// the ids in one batch differ, and one batch at a time is in flight (`&mut self`).
    pub async fn publish(&mut self, messages: &[Outgoing]) -> Vec<Result<(), Undelivered>> {
        match tokio::time::timeout(CONFIRM_TIMEOUT, self.publish_unbounded(messages)).await {
            Ok(outcomes) => outcomes,
            Err(_) => {
                let silent = BrokerError::Silent(CONFIRM_TIMEOUT).to_string();
                vec![Err(Undelivered::Unconfirmed(silent)); messages.len()]
            }
        }
    }

    /// Publishes one message and waits for its confirm.
    ///
    /// # Errors
    /// When it was not delivered, or that is unknown.
    pub async fn publish_one(&mut self, message: &Outgoing) -> Result<(), Undelivered> {
        let mut outcomes = self.publish(std::slice::from_ref(message)).await;
        outcomes.pop().unwrap_or_else(|| Err(Undelivered::Unconfirmed("no answer".to_owned())))
    }

    async fn publish_unbounded(&self, messages: &[Outgoing]) -> Vec<Result<(), Undelivered>> {
        let mut confirms = Vec::with_capacity(messages.len());
        for message in messages {
            confirms.push(self.send(message).await);
        }
        let confirmed = join_all(confirms.into_iter().map(|sent| async {
            match sent {
                Ok(confirm) => confirm.await,
                Err(error) => Err(error),
            }
        }))
        .await;

        let mut returned = HashMap::new();
        let mut outcomes = Vec::with_capacity(messages.len());
        for result in confirmed {
            outcomes.push(match &result {
                Ok(Confirmation::Ack(_)) => Ok(()),
                Ok(Confirmation::Nack(_)) => Err(Undelivered::Refused),
                Ok(Confirmation::NotRequested) => Err(Undelivered::Unconfirmed("no confirm mode".to_owned())),
                Err(error) => Err(Undelivered::Unconfirmed(error.to_string())),
            });
            if let Some(message) = result.ok().and_then(Confirmation::take_message)
                && let Some(id) = message.properties.message_id()
            {
                returned.insert(id.to_string(), message.reply_text.to_string());
            }
        }
        for (message, outcome) in messages.iter().zip(&mut outcomes) {
            if let Some(reason) = returned.remove(&message.event_id.to_string()) {
                *outcome = Err(Undelivered::Unroutable(reason));
            }
        }
        outcomes
    }

    async fn send(&self, message: &Outgoing) -> lapin::Result<lapin::PublisherConfirm> {
        let properties = BasicProperties::default()
            .with_content_type(CONTENT_TYPE.into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(message.event_id.to_string().as_str().into())
            .with_app_id(self.app.as_str().into())
            // The broker refuses any other login here, so a consumer can trust it.
            .with_user_id(self.login.as_str().into())
            .with_headers(message.headers.clone());
        let options = BasicPublishOptions { mandatory: message.mandatory, ..BasicPublishOptions::default() };
        let (exchange, key) = (message.exchange.as_str().into(), message.routing_key.as_str().into());
        self.channel.basic_publish(exchange, key, options, &message.body, properties).await
    }
}
