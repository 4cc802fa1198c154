//! A database and a virtual host for each test, and a small consumer with an effect that can be counted.

use std::time::Duration;

use async_trait::async_trait;
use lapin::options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use platform_messaging::messages::CourseRenamed;
use platform_messaging::outbox::postgres::{self, PostgresOutbox};
use platform_messaging::topology::{self, Limits};
use platform_messaging::{
    Broker, CloudEvent, Consumer, Handler, HandlerError, Health, POSTGRES_MIGRATION, Relay, RelayWaker, inbox,
};
use platform_testkit::{Postgres, RabbitMq};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

pub(crate) use crate::support::{SOON, renamed, renames};

/// The queue of the platform's table that these tests use.
pub(crate) const QUEUE: &str = "basket.courses";

pub(crate) struct World {
    pub(crate) vhost: RabbitMq,
    pub(crate) pool: PgPool,
    _database: Postgres,
}

/// Something that runs until it is stopped or dropped.
pub(crate) struct Running {
    pub(crate) health: Health,
    task: JoinHandle<()>,
    shutdown: DropGuard,
}

impl Running {
    pub(crate) fn new(health: Health, task: JoinHandle<()>, shutdown: CancellationToken) -> Self {
        Self { health, task, shutdown: shutdown.drop_guard() }
    }

    pub(crate) async fn stop(self) {
        drop(self.shutdown);
        self.task.await.unwrap();
    }

    /// As a killed process: without giving anything back.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_retries_after(Duration::from_millis(50)).await
    }

    pub(crate) async fn with_retries_after(delay: Duration) -> Self {
        let (database, vhost) = (Postgres::database().await, RabbitMq::vhost().await);
        let pool = PgPool::connect(database.url()).await.unwrap();
        sqlx::raw_sql(POSTGRES_MIGRATION).execute(&pool).await.unwrap();
        sqlx::raw_sql(
            "create table effect (event_id uuid not null, course text not null, version bigint not null);
             create table course (id text primary key, version bigint not null, name text not null);",
        )
        .execute(&pool)
        .await
        .unwrap();
        let (channel, _) = Broker::new(vhost.url(), "admin").channel().await.unwrap();
        topology::declare(&channel, &topology::topology(), Limits::AsArguments(delay)).await.unwrap();
        Self { vhost, pool, _database: database }
    }

    pub(crate) fn broker(&self, service: &str) -> Broker {
        Broker::new(self.vhost.url(), service)
    }

    /// A broker for `service` with its own login and exactly the rights that the platform gives it.
    pub(crate) async fn own_login(&self, service: &str) -> Broker {
        let users = topology::topology().users;
        let rights = users.iter().find(|user| user.component.as_str() == service).unwrap();
        let suffix = format!("{service}_a");
        let url = self.vhost.user(&suffix, &rights.configure, &rights.write, &rights.read).await;
        let login = format!("{}_{suffix}", self.vhost.name());
        for topic in &rights.topics {
            let body = serde_json::json!({"exchange": topic.exchange, "write": topic.write, "read": "^$"});
            self.vhost.manage(http::Method::PUT, "topic-permissions", &[&login], Some(body)).await;
        }
        Broker::new(url, service)
    }

    pub(crate) fn relay(&self, broker: Broker) -> (Running, RelayWaker) {
        let relay = Relay::new(PostgresOutbox::new(self.pool.clone()), broker);
        let (waker, health, shutdown) = (relay.waker(), relay.health(), CancellationToken::new());
        let task = tokio::spawn(relay.run(shutdown.clone()));
        (Running::new(health, task, shutdown), waker)
    }

    pub(crate) fn consumer(&self, broker: Broker, handler: impl Handler) -> Running {
        let consumer = Consumer::new(broker, QUEUE, handler);
        let (health, shutdown) = (consumer.health(), CancellationToken::new());
        let task = tokio::spawn(consumer.run(shutdown.clone()));
        Running::new(health, task, shutdown)
    }

    pub(crate) fn baskets(&self) -> Baskets {
        Baskets { pool: self.pool.clone() }
    }

    /// Appends each event in a transaction of its own.
    pub(crate) async fn commit(&self, events: &[CloudEvent]) {
        for event in events {
            let mut tx = self.pool.begin().await.unwrap();
            postgres::append(&mut tx, event).await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    pub(crate) async fn unpublished(&self) -> i64 {
        let count = "select count(*) from outbox where published_at is null";
        sqlx::query_scalar(count).fetch_one(&self.pool).await.unwrap()
    }

    /// How often each effect happened: rows and different events.
    pub(crate) async fn effects(&self) -> (i64, i64) {
        let count = "select count(*), count(distinct event_id) from effect";
        sqlx::query_as(count).fetch_one(&self.pool).await.unwrap()
    }

    pub(crate) async fn name_of(&self, course: Uuid) -> Option<(i64, String)> {
        sqlx::query_as("select version, name from course where id = $1")
            .bind(course.to_string())
            .fetch_optional(&self.pool)
            .await
            .unwrap()
    }

    /// How many messages wait in a queue.
    pub(crate) async fn depth(&self, queue: &str) -> u32 {
        let (channel, _) = self.broker("test").channel().await.unwrap();
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
        channel.queue_declare(queue.into(), passive, FieldTable::default()).await.unwrap().message_count()
    }

    /// Takes `count` messages from a queue, in its order.
    pub(crate) async fn take(&self, queue: &str, count: usize) -> Vec<CloudEvent> {
        let (channel, _) = self.broker("test").channel().await.unwrap();
        let mut events = Vec::new();
        while events.len() < count {
            let Some(message) = channel.basic_get(queue.into(), BasicGetOptions::default()).await.unwrap()
            else {
                break;
            };
            events.push(CloudEvent::parse(&message.data).unwrap());
            message.delivery.acker.ack(BasicAckOptions::default()).await.unwrap();
        }
        events
    }
}

/// A consumer as a service writes it: inbox and effect in one transaction, last version wins.
#[derive(Clone)]
pub(crate) struct Baskets {
    pool: PgPool,
}

#[async_trait]
impl Handler for Baskets {
    async fn handle(&self, event: &CloudEvent) -> Result<(), HandlerError> {
        let Some(renamed) = event.data::<CourseRenamed>()? else {
            return Err(HandlerError::permanent("unexpected type"));
        };
        let mut tx = self.pool.begin().await?;
        if inbox::first_time(&mut tx, QUEUE, event).await? {
            sqlx::query("insert into effect values ($1, $2, $3)")
                .bind(event.id)
                .bind(&event.subject)
                .bind(event.aggregate_version)
                .execute(&mut *tx)
                .await?;
            sqlx::query(
                "insert into course values ($1, $2, $3) on conflict (id) do update
                 set version = excluded.version, name = excluded.name where course.version < excluded.version",
            )
            .bind(&event.subject)
            .bind(event.aggregate_version)
            .bind(renamed.name)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
