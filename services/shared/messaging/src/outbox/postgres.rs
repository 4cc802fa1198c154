//! The outbox in PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, PgTransaction, Row as _};
use uuid::Uuid;

use super::{
    Backlog, Entry, KEEP_HANDLED, KEEP_PUBLISHED, LANES, OutboxError, OutboxStore, destination, lane_of,
};
use crate::event::CloudEvent;

impl From<sqlx::Error> for OutboxError {
    fn from(error: sqlx::Error) -> Self {
        Self::store(error)
    }
}

/// Writes `event` into the outbox, in the transaction of the change it tells of. Wake the relay after the
/// commit.
///
/// Call it after the aggregate's row was changed: the row's lock is what keeps events of one aggregate in
/// order.
///
/// # Errors
/// When the event breaks the platform's rules or the store fails; then the transaction must not commit.
pub async fn append(tx: &mut PgTransaction<'_>, event: &CloudEvent) -> Result<(), OutboxError> {
    let (exchange, mandatory) = destination(event)?;
    sqlx::query(
        "insert into outbox (event_id, lane, aggregate_id, aggregate_version, exchange, routing_key, mandatory, body)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(event.id)
    .bind(lane_of(&event.subject))
    .bind(&event.subject)
    .bind(event.aggregate_version)
    .bind(exchange)
    .bind(&event.kind)
    .bind(mandatory)
    .bind(event.to_json()?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The outbox of one service's database.
#[derive(Clone, Debug)]
pub struct PostgresOutbox {
    pool: PgPool,
}

impl PostgresOutbox {
    /// Over the service's own pool.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl OutboxStore for PostgresOutbox {
    type Key = i64;

    async fn lease(&self, owner: Uuid, lease: Duration) -> Result<Vec<i16>, OutboxError> {
        let lanes = sqlx::query_scalar(
            "update outbox_lane set owner = $1, until = now() + make_interval(secs => $2)
             where lane in (select lane from outbox_lane where owner = $1 or until < now() for update skip locked)
             returning lane",
        )
        .bind(owner)
        .bind(lease.as_secs_f64())
        .fetch_all(&self.pool)
        .await?;
        Ok(lanes)
    }

    async fn release(&self, owner: Uuid) -> Result<(), OutboxError> {
        sqlx::query("update outbox_lane set owner = null, until = '-infinity' where owner = $1")
            .bind(owner)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn fetch(&self, lanes: &[i16], limit: u16) -> Result<Vec<Entry<i64>>, OutboxError> {
        // A lane at a time, so that each is one walk along the index however large the backlog is; an even
        // share of the batch for each, so that one busy aggregate does not hold up the others.
        let share = i64::from(limit) / i64::try_from(lanes.len().max(1)).unwrap_or(i64::from(LANES));
        let rows = sqlx::query(
            "select entry.* from unnest($1::smallint[]) as wanted(lane)
             cross join lateral (
                 select position, lane, event_id, exchange, routing_key, mandatory, body from outbox
                 where outbox.lane = wanted.lane and published_at is null order by position limit $2
             ) as entry",
        )
        .bind(lanes)
        .bind(share.max(1))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| entry(row).map_err(OutboxError::from)).collect()
    }

    async fn published(&self, keys: &[i64]) -> Result<(), OutboxError> {
        // By key and not "up to": a transaction with a lower position may commit after a higher one.
        sqlx::query("update outbox set published_at = now() where position = any($1)")
            .bind(keys)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn backlog(&self) -> Result<Backlog, OutboxError> {
        let row = sqlx::query(
            "select count(*) as entries,
                    coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as oldest_seconds
             from outbox where published_at is null",
        )
        .fetch_one(&self.pool)
        .await?;
        let entries: i64 = row.try_get("entries")?;
        Ok(Backlog { entries: entries.unsigned_abs(), oldest_seconds: row.try_get("oldest_seconds")? })
    }

    async fn sweep(&self) -> Result<(), OutboxError> {
        for (sql, keep) in [
            ("delete from outbox where published_at < now() - make_interval(secs => $1)", KEEP_PUBLISHED),
            ("delete from inbox where handled_at < now() - make_interval(secs => $1)", KEEP_HANDLED),
            ("delete from idempotency where expires_at < now() - make_interval(secs => $1)", Duration::ZERO),
        ] {
            sqlx::query(sql).bind(keep.as_secs_f64()).execute(&self.pool).await?;
        }
        Ok(())
    }
}

fn entry(row: &PgRow) -> Result<Entry<i64>, sqlx::Error> {
    Ok(Entry {
        key: row.try_get("position")?,
        lane: row.try_get("lane")?,
        event_id: row.try_get("event_id")?,
        exchange: row.try_get("exchange")?,
        routing_key: row.try_get("routing_key")?,
        mandatory: row.try_get("mandatory")?,
        body: row.try_get("body")?,
    })
}
