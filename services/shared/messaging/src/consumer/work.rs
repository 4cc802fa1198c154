//! What happens to one delivery, from its bytes to its acknowledgement.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicRejectOptions};
use tokio::sync::Mutex;
use tracing::Instrument as _;
use uuid::Uuid;

use super::{ConsumerError, Handler, HandlerError, retry};
use crate::broker::{Outgoing, Publisher};
use crate::event::{CloudEvent, EventError};
use crate::headers;
use crate::origin::{self, Trust};

/// A handler that takes longer hangs.
const HANDLER_TIMEOUT: Duration = Duration::from_secs(60);

/// A delivery, read.
pub(super) struct Arrived {
    delivery: Delivery,
    event: Result<CloudEvent, EventError>,
}

impl Arrived {
    pub(super) fn new(delivery: Delivery) -> Self {
        let event = CloudEvent::parse(&delivery.data);
        Self { delivery, event }
    }

    /// What it must be serial with. Unreadable ones go one after the other.
    pub(super) fn aggregate(&self) -> String {
        self.event.as_ref().map(|event| event.subject.clone()).unwrap_or_default()
    }
}

/// Everything that the deliveries of one channel share.
pub(super) struct Work<H> {
    pub(super) queue: String,
    pub(super) service: String,
    pub(super) handler: Arc<H>,
    pub(super) trust: Trust,
    /// One retry at a time: they are rare, and the publisher wants one batch at a time.
    pub(super) retries: Mutex<Publisher>,
}

impl<H: Handler> Work<H> {
    /// Handles and settles one delivery. An error means that the channel can't go on.
    pub(super) async fn process(self: Arc<Self>, arrived: Arrived) -> Result<(), ConsumerError> {
        let Arrived { delivery, event } = arrived;
        let origin = origin::origin(&delivery, &self.service);
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                self.bury(&delivery, None, &HandlerError::permanent(error)).await;
                return Ok(());
            }
        };
        let span = tracing::info_span!("consume", queue = self.queue, kind = event.kind, id = %event.id);
        if let Some(traceparent) = &event.traceparent {
            platform_telemetry::propagation::continue_from_traceparent(&span, traceparent);
        }
        async {
            match self.apply(origin.as_deref(), &event).await {
                Ok(()) => {
                    self.count("handled");
                    acknowledge(&delivery).await;
                    Ok(())
                }
                Err(HandlerError::Transient(error)) => self.retry(&delivery, origin, &event, error).await,
                Err(error @ HandlerError::Permanent(_)) => {
                    self.bury(&delivery, Some(event.id), &error).await;
                    Ok(())
                }
            }
        }
        .instrument(span)
        .await
    }

    async fn apply(&self, origin: Option<&str>, event: &CloudEvent) -> Result<(), HandlerError> {
        self.trust.check(origin, event)?;
        let begun = Instant::now();
        // The handler's state is its store, whose transaction a panic rolls back.
        let handling = AssertUnwindSafe(self.handler.handle(event)).catch_unwind();
        let result = match tokio::time::timeout(HANDLER_TIMEOUT, handling).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(HandlerError::permanent("the handler panicked")),
            Err(_) => Err(HandlerError::transient("the handler did not end in time")),
        };
        metrics::histogram!("message_handling_seconds", "queue" => self.queue.clone())
            .record(begun.elapsed().as_secs_f64());
        result
    }

    async fn retry(
        &self,
        delivery: &Delivery,
        origin: Option<String>,
        event: &CloudEvent,
        error: Box<dyn std::error::Error + Send + Sync>,
    ) -> Result<(), ConsumerError> {
        let failures = headers::attempt(delivery.properties.headers().as_ref()) + 1;
        let Some(exchange) = retry::exchange_after(failures) else {
            self.bury(delivery, Some(event.id), &HandlerError::Permanent(error)).await;
            return Ok(());
        };
        tracing::warn!(failures, %error, "a message failed and is tried again later");
        let copy = Outgoing {
            event_id: event.id,
            exchange,
            routing_key: self.queue.clone(),
            mandatory: true,
            body: delivery.data.clone(),
            headers: headers::of_retry(failures, origin.as_deref(), &error.to_string()),
        };
        // Without the confirm it is not acknowledged: the channel closes and the message comes again.
        self.retries.lock().await.publish_one(&copy).await?;
        self.count("retried");
        acknowledge(delivery).await;
        Ok(())
    }

    /// Rejects without requeue: the broker moves it to the dead-letter queue.
    async fn bury(&self, delivery: &Delivery, id: Option<Uuid>, error: &HandlerError) {
        tracing::error!(queue = self.queue, id = id.map(tracing::field::display), %error, "a message is a dead letter");
        self.count("dead");
        if let Err(error) = delivery.acker.reject(BasicRejectOptions { requeue: false }).await {
            tracing::debug!(%error, "the channel is gone; the message comes again");
        }
    }

    fn count(&self, outcome: &'static str) {
        metrics::counter!("messages_consumed_total", "queue" => self.queue.clone(), "outcome" => outcome)
            .increment(1);
    }
}

async fn acknowledge(delivery: &Delivery) {
    // When the channel is gone the message comes again, and is recognised as handled.
    if let Err(error) = delivery.acker.ack(BasicAckOptions::default()).await {
        tracing::debug!(%error, "the channel is gone; the message comes again");
    }
}
