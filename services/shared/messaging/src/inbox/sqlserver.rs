//! The inbox in SQL Server.

use crate::event::CloudEvent;
use crate::sqlserver::{SqlServerClient, is_duplicate};

/// As [`inbox::first_time`](super) on PostgreSQL, inside the transaction that `client` has open.
///
/// # Errors
/// When the database fails; then the transaction must not commit.
pub async fn first_time(
    client: &mut SqlServerClient,
    consumer: &str,
    event: &CloudEvent,
) -> tiberius::Result<bool> {
    let inserted = client
        .execute(
            "insert into inbox (consumer, source, event_id) values (@P1, @P2, @P3)",
            &[&consumer, &event.source.as_str(), &event.id.as_bytes().as_slice()],
        )
        .await;
    match inserted {
        Ok(_) => Ok(true),
        Err(error) if is_duplicate(&error) => Ok(false),
        Err(error) => Err(error),
    }
}
