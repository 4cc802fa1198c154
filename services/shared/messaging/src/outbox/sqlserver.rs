//! The outbox in SQL Server. Plain statements without lock hints, so that they mean the same under
//! READ_COMMITTED_SNAPSHOT.

use std::time::Duration;

use async_trait::async_trait;
use tiberius::Row;
use uuid::Uuid;

use super::{Backlog, Entry, KEEP_HANDLED, KEEP_PUBLISHED, OutboxError, OutboxStore, destination, lane_of};
use crate::event::CloudEvent;
use crate::sqlserver::{SqlServerClient, SqlServerManager, SqlServerPool};

impl From<tiberius::error::Error> for OutboxError {
    fn from(error: tiberius::error::Error) -> Self {
        Self::store(error)
    }
}

/// Writes `event` into the outbox, inside the transaction that `client` has open. As on PostgreSQL: after the
/// aggregate's row was changed.
///
/// # Errors
/// When the event breaks the platform's rules or the store fails; then the transaction must not commit.
pub async fn append(client: &mut SqlServerClient, event: &CloudEvent) -> Result<(), OutboxError> {
    let (exchange, mandatory) = destination(event)?;
    let (lane, body) = (lane_of(&event.subject), event.to_json()?);
    client
        .execute(
            "insert into outbox
             (event_id, lane, aggregate_id, aggregate_version, exchange, routing_key, mandatory, body)
             values (@P1, @P2, @P3, @P4, @P5, @P6, @P7, @P8)",
            &[
                &event.id.as_bytes().as_slice(),
                &lane,
                &event.subject.as_str(),
                &event.aggregate_version,
                &exchange,
                &event.kind.as_str(),
                &mandatory,
                &body.as_str(),
            ],
        )
        .await?;
    Ok(())
}

/// The outbox of one service's database.
pub struct SqlServerOutbox {
    pool: SqlServerPool,
}

impl SqlServerOutbox {
    /// Over the service's own pool.
    #[must_use]
    pub fn new(pool: SqlServerPool) -> Self {
        Self { pool }
    }

    /// Over connections of its own to the service's database.
    ///
    /// # Errors
    /// When no pool can be made.
    pub fn connect(url: platform_config::UrlFile) -> Result<Self, OutboxError> {
        // A relay does one thing at a time.
        let pool = SqlServerPool::builder(SqlServerManager::new(url)).max_size(2).build();
        pool.map(Self::new).map_err(OutboxError::store)
    }

    async fn client(
        &self,
    ) -> Result<deadpool::managed::Object<crate::sqlserver::SqlServerManager>, OutboxError> {
        self.pool.get().await.map_err(|error| OutboxError::store(error.to_string()))
    }
}

#[async_trait]
impl OutboxStore for SqlServerOutbox {
    type Key = i64;

    async fn lease(&self, owner: Uuid, lease: Duration) -> Result<Vec<i16>, OutboxError> {
        let mut client = self.client().await?;
        let owner = owner.as_bytes().as_slice();
        let milliseconds = i32::try_from(lease.as_millis()).unwrap_or(i32::MAX);
        client
            .execute(
                "update outbox_lane set owner = @P1, until = dateadd(millisecond, @P2, sysutcdatetime())
                 where owner = @P1 or until < sysutcdatetime()",
                &[&owner, &milliseconds],
            )
            .await?;
        let rows = client
            .query("select lane from outbox_lane where owner = @P1", &[&owner])
            .await?
            .into_first_result()
            .await?;
        rows.iter().map(|row| column(row, "lane")).collect()
    }

    async fn release(&self, owner: Uuid) -> Result<(), OutboxError> {
        let mut client = self.client().await?;
        client
            .execute(
                "update outbox_lane set owner = null, until = '0001-01-01' where owner = @P1",
                &[&owner.as_bytes().as_slice()],
            )
            .await?;
        Ok(())
    }

    async fn fetch(&self, lanes: &[i16], limit: u16) -> Result<Vec<Entry<i64>>, OutboxError> {
        let mut client = self.client().await?;
        let share = i64::from(limit) / i64::try_from(lanes.len().max(1)).unwrap_or(1);
        let sql = format!(
            "select entry.* from outbox_lane cross apply (
                 select top (@P1) position, lane, event_id, exchange, routing_key, mandatory, body from outbox
                 where published = 0 and outbox.lane = outbox_lane.lane order by position
             ) as entry
             where outbox_lane.lane in ({}) order by entry.lane, entry.position",
            list(lanes)
        );
        let rows = client.query(sql, &[&share.max(1)]).await?.into_first_result().await?;
        rows.iter().map(entry).collect()
    }

    async fn published(&self, keys: &[i64]) -> Result<(), OutboxError> {
        let mut client = self.client().await?;
        let sql = format!(
            "update outbox set published = 1, published_at = sysutcdatetime() where position in ({})",
            list(keys)
        );
        client.execute(sql, &[]).await?;
        Ok(())
    }

    async fn backlog(&self) -> Result<Backlog, OutboxError> {
        let mut client = self.client().await?;
        let row = client
            .query(
                "select count_big(*) as entries,
                        coalesce(datediff(second, min(created_at), sysutcdatetime()), 0) as oldest_seconds
                 from outbox where published = 0",
                &[],
            )
            .await?
            .into_row()
            .await?;
        let Some(row) = row else { return Ok(Backlog::default()) };
        let entries: i64 = column(&row, "entries")?;
        let oldest: i32 = column(&row, "oldest_seconds")?;
        Ok(Backlog { entries: entries.unsigned_abs(), oldest_seconds: f64::from(oldest) })
    }

    async fn sweep(&self) -> Result<(), OutboxError> {
        let mut client = self.client().await?;
        for (sql, keep) in [
            (
                "delete from outbox where published = 1 and published_at < dateadd(second, -@P1, sysutcdatetime())",
                KEEP_PUBLISHED,
            ),
            ("delete from inbox where handled_at < dateadd(second, -@P1, sysutcdatetime())", KEEP_HANDLED),
            (
                "delete from idempotency where expires_at < dateadd(second, -@P1, sysutcdatetime())",
                Duration::ZERO,
            ),
        ] {
            client.execute(sql, &[&i32::try_from(keep.as_secs()).unwrap_or(i32::MAX)]).await?;
        }
        Ok(())
    }
}

fn entry(row: &Row) -> Result<Entry<i64>, OutboxError> {
    let event_id = Uuid::from_slice(column(row, "event_id")?).map_err(OutboxError::store)?;
    let text = |name| column::<&str>(row, name).map(str::to_owned);
    Ok(Entry {
        key: column(row, "position")?,
        lane: column(row, "lane")?,
        event_id,
        exchange: text("exchange")?,
        routing_key: text("routing_key")?,
        mandatory: column(row, "mandatory")?,
        body: text("body")?,
    })
}

fn column<'a, T: tiberius::FromSql<'a>>(row: &'a Row, name: &'static str) -> Result<T, OutboxError> {
    row.try_get(name)?.ok_or_else(|| OutboxError::store(format!("{name} is null")))
}

/// Numbers for an `in (…)`; never empty, which T-SQL does not allow.
fn list<T: Copy + Into<i64>>(numbers: &[T]) -> String {
    let numbers: Vec<String> = numbers.iter().map(|it| Into::<i64>::into(*it).to_string()).collect();
    if numbers.is_empty() { "-1".to_owned() } else { numbers.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_valid_in_t_sql_also_when_it_is_empty() {
        assert_eq!(list(&[1_i64, 25]), "1, 25");
        assert_eq!(list::<i16>(&[]), "-1");
    }
}
