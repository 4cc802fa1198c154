//! Takes messages from one queue and gives them to a handler: each at least once, one at a time for each
//! aggregate.
//!
//! A message is acknowledged after the handler returned, that is after its commit. A transient failure is
//! tried again later from a copy in a retry queue; a permanent one, a panic, and the tenth failure go to the
//! dead-letter queue. Nothing is ever put back at the front of the queue, where it would block what follows.
//! Doubles are the handler's to recognise (in PostgreSQL with [`inbox::first_time`](crate::inbox)).

mod retry;
mod serial;
mod work;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::broker::{Broker, BrokerError, Publisher, Undelivered, within};
use crate::event::{CloudEvent, EventError};
use crate::health::Health;
use crate::origin::Trust;
use serial::Serial;
use work::{Arrived, Work};

/// Messages that are given to this replica and not yet acknowledged.
const PREFETCH: u16 = 16;
/// What a handler that has begun may take to end when the program or the connection ends.
const DRAIN: Duration = Duration::from_secs(20);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a message was not handled.
#[derive(Debug)]
pub enum HandlerError {
    /// It may work later: the store is away, another message has to come first.
    Transient(Box<dyn std::error::Error + Send + Sync>),
    /// It will never work: the message is wrong, or breaks a rule.
    Permanent(Box<dyn std::error::Error + Send + Sync>),
}

impl HandlerError {
    /// A failure that may pass.
    pub fn transient(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Transient(error.into())
    }

    /// A failure that stays.
    pub fn permanent(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Permanent(error.into())
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transient(error) | Self::Permanent(error) => error.fmt(f),
        }
    }
}

/// A message whose data is not what its type promises stays wrong.
impl From<EventError> for HandlerError {
    fn from(error: EventError) -> Self {
        Self::permanent(error)
    }
}

/// A database that fails is tried again; ten failures in a row are a dead letter whatever they are.
#[cfg(feature = "postgres")]
impl From<sqlx::Error> for HandlerError {
    fn from(error: sqlx::Error) -> Self {
        Self::transient(error)
    }
}

impl From<crate::OutboxError> for HandlerError {
    fn from(error: crate::OutboxError) -> Self {
        match error {
            crate::OutboxError::Event(error) => error.into(),
            crate::OutboxError::Store(error) => Self::Transient(error),
        }
    }
}

/// What a service does with the messages of one queue.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Applies `event`: exactly once however often it comes, and right in whatever order. Returns after the
    /// effect is committed. Must end within a minute.
    async fn handle(&self, event: &CloudEvent) -> Result<(), HandlerError>;
}

#[derive(Debug, thiserror::Error)]
enum ConsumerError {
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error("the broker cancelled the consumer")]
    Cancelled,
    #[error("a retry was not delivered: {0}")]
    Retry(#[from] Undelivered),
}

/// Consumes one queue until the program ends; reconnects by itself.
pub struct Consumer<H> {
    broker: Broker,
    queue: String,
    handler: Arc<H>,
    health: Health,
}

impl<H: Handler> Consumer<H> {
    /// Of `queue`, which exists already: services declare nothing. Does nothing before [`run`](Self::run).
    #[must_use]
    pub fn new(broker: Broker, queue: impl Into<String>, handler: H) -> Self {
        Self { broker, queue: queue.into(), handler: Arc::new(handler), health: Health::default() }
    }

    /// Whether messages come in, for `/readyz` (a soft dependency).
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Consumes until `shutdown`, then ends what it has begun.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut backoff = Backoff::reconnect();
        while let Err(error) = self.session(&shutdown, &mut backoff).await {
            if self.health.fails(error.to_string()) {
                tracing::warn!(queue = self.queue, %error, "no messages come in; trying again until they do");
            }
            if !backoff.wait(&shutdown).await {
                break;
            }
        }
    }

    async fn session(
        &self,
        shutdown: &CancellationToken,
        backoff: &mut Backoff,
    ) -> Result<(), ConsumerError> {
        let (channel, login) = self.broker.channel().await?;
        let work = Arc::new(Work {
            queue: self.queue.clone(),
            service: self.broker.service().to_owned(),
            handler: self.handler.clone(),
            trust: Trust::new(&login, self.broker.service()),
            retries: Mutex::new(Publisher::open(&self.broker).await?),
        });
        within(ANSWER_TIMEOUT, channel.basic_qos(PREFETCH, BasicQosOptions::default())).await?;
        let mut deliveries = within(
            ANSWER_TIMEOUT,
            channel.basic_consume(
                self.queue.as_str().into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            ),
        )
        .await?;
        backoff.reset();
        if self.health.works() {
            tracing::info!(queue = self.queue, "messages come in");
        }

        let mut serial = Serial::default();
        let ended = loop {
            tokio::select! {
                () = shutdown.cancelled() => break Ok(()),
                Some(done) = serial.next_done() => {
                    if let Err(error) = done {
                        break Err(error);
                    }
                }
                delivery = deliveries.next() => match delivery {
                    Some(Ok(delivery)) => {
                        let arrived = Arrived::new(delivery);
                        let work = work.clone();
                        serial.push(arrived.aggregate(), arrived, move |it| work.clone().process(it));
                    }
                    Some(Err(error)) => break Err(BrokerError::from(error).into()),
                    None => break Err(ConsumerError::Cancelled),
                },
            }
        };
        if ended.is_ok() {
            let tag = deliveries.tag();
            if let Err(error) =
                within(ANSWER_TIMEOUT, channel.basic_cancel(tag, BasicCancelOptions::default())).await
            {
                tracing::debug!(%error, "the consumer was already gone");
            }
        }
        serial.drain(DRAIN).await;
        // What was not begun goes back to the queue with the channel.
        if let Err(error) = channel.close(200, "bye".into()).await {
            tracing::debug!(%error, "the channel was already gone");
        }
        ended
    }
}
