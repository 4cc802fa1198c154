//! CloudEvents over RabbitMQ: outbox, relay, inbox, consumers with retry and dead letters.
//!
//! A service writes an event into its outbox in the transaction of the change; a [`Relay`] brings it to the
//! broker; a [`Consumer`] gives it to a [`Handler`], which notes it in the inbox in the transaction of the
//! effect. So an effect happens exactly once, whatever crashes. This crate never loses a message and never
//! promises an order of delivery: handlers are last-version-wins ([`CloudEvent::aggregate_version`]) or
//! commutative. Which messages and queues exist is the table in `platform-components`; the data of each type
//! is in [`messages`].
//!
//! # A producer
//! ```no_run
//! # #[cfg(feature = "postgres")] mod example {
//! # use platform_messaging::{messages::CourseRenamed, outbox::postgres::{self, PostgresOutbox}, Broker, CloudEvent, Relay, RelayWaker};
//! # use tokio_util::sync::CancellationToken;
//! # use uuid::Uuid;
//! # async fn start(pool: sqlx::PgPool, amqp_url_file: platform_config::UrlFile, shutdown: CancellationToken) {
//! // At start, once; `migrations/0001_messaging.sql` of the service links to this crate's postgres.sql.
//! let relay = Relay::new(PostgresOutbox::new(pool.clone()), Broker::new(amqp_url_file, "catalog"));
//! let (waker, health) = (relay.waker(), relay.health()); // the health goes to /readyz, as a soft check
//! tokio::spawn(relay.run(shutdown)); // in a component: runtime.spawn(|stop| relay.run(stop))
//! # }
//! # async fn rename(pool: sqlx::PgPool, waker: RelayWaker, course_id: Uuid, version: i64) -> Result<(), Box<dyn std::error::Error>> {
//!
//! // In a command:
//! let mut tx = pool.begin().await?;
//! // … change the course, which gives its new version …
//! let data = CourseRenamed { course_id, name: "Rust".to_owned() };
//! let event = CloudEvent::new("catalog", course_id.to_string(), version, &data)?;
//! postgres::append(&mut tx, &event).await?;
//! tx.commit().await?;
//! waker.wake();
//! # Ok(()) }
//! # }
//! ```
//!
//! # A consumer
//! ```no_run
//! # #[cfg(feature = "postgres")] mod example {
//! # use platform_messaging::{inbox, messages::CourseRenamed, Broker, CloudEvent, Consumer, Handler, HandlerError};
//! # use tokio_util::sync::CancellationToken;
//! struct Courses { pool: sqlx::PgPool }
//!
//! #[async_trait::async_trait]
//! impl Handler for Courses {
//!     async fn handle(&self, event: &CloudEvent) -> Result<(), HandlerError> {
//!         let Some(renamed) = event.data::<CourseRenamed>()? else {
//!             return Err(HandlerError::permanent(format!("{} is not for this queue", event.kind)));
//!         };
//!         let mut tx = self.pool.begin().await?;
//!         if inbox::first_time(&mut tx, "basket.courses", event).await? {
//!             // … update … where version < event.aggregate_version …
//!             # let _ = renamed;
//!         }
//!         tx.commit().await?;
//!         Ok(())
//!     }
//! }
//!
//! # fn start(pool: sqlx::PgPool, broker: Broker, shutdown: CancellationToken) {
//! let consumer = Consumer::new(broker, "basket.courses", Courses { pool });
//! let health = consumer.health(); // to /readyz, as a soft check
//! tokio::spawn(consumer.run(shutdown));
//! # }
//! # }
//! ```

mod backoff;
mod broker;
mod consumer;
pub mod dead_letters;
mod event;
mod headers;
mod health;
#[cfg(any(feature = "postgres", feature = "sqlserver"))]
pub mod idempotency;
#[cfg(any(feature = "postgres", feature = "sqlserver"))]
pub mod inbox;
pub mod messages;
mod origin;
pub mod outbox;
mod relay;
#[cfg(feature = "sqlserver")]
pub mod sqlserver;
pub mod topology;

pub use broker::{AmqpUrl, Broker, BrokerError, Outgoing, Publisher, Undelivered};
pub use consumer::{Consumer, Handler, HandlerError};
pub use event::{CONTENT_TYPE, CloudEvent, EventError, LARGEST_EVENT_BYTES};
pub use health::Health;
pub use messages::Message;
pub use outbox::{OutboxError, OutboxStore};
pub use relay::{Relay, RelayWaker};

/// Tables of this crate for PostgreSQL: one migration of each service that publishes or consumes, as a link to
/// the file in its own `migrations/`. It was applied once it was released, so it never changes; what comes
/// later is another file.
#[cfg(feature = "postgres")]
pub const POSTGRES_MIGRATION: &str = include_str!("../migrations/postgres.sql");

/// The same for SQL Server.
#[cfg(feature = "sqlserver")]
pub const SQLSERVER_MIGRATION: &str = include_str!("../migrations/sqlserver.sql");
