//! The inbox in PostgreSQL.

use sqlx::PgTransaction;

use crate::event::CloudEvent;

/// Notes that `consumer` handles `event`. False when it already has: then do nothing and commit.
///
/// Call it first in the transaction of the effect. A second replica with the same event waits here until the
/// first commits or rolls back.
///
/// # Errors
/// When the database fails; then the transaction must not commit.
pub async fn first_time(
    tx: &mut PgTransaction<'_>,
    consumer: &str,
    event: &CloudEvent,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query(
        "insert into inbox (consumer, source, event_id) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(consumer)
    .bind(&event.source)
    .bind(event.id)
    .execute(&mut **tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}
