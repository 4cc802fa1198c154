//! Idempotency keys in SQL Server.

use uuid::Uuid;

use super::{Answer, Begun, KEEP_KEYS, Request};
use crate::sqlserver::{SqlServerClient, is_duplicate};

/// As [`idempotency::begin`](super) on PostgreSQL, inside the transaction that `client` has open.
///
/// # Errors
/// When the database fails; then the transaction must not commit.
pub async fn begin(client: &mut SqlServerClient, request: &Request<'_>) -> tiberius::Result<Begun> {
    let Request { principal, route, key, body_hmac } = *request;
    client
        .execute(
            "delete from idempotency
             where principal = @P1 and route = @P2 and [key] = @P3 and expires_at < sysutcdatetime()",
            &[&principal, &route, &key],
        )
        .await?;
    let seconds = i32::try_from(KEEP_KEYS.as_secs()).unwrap_or(i32::MAX);
    let inserted = client
        .execute(
            "insert into idempotency (principal, route, [key], body_hmac, expires_at)
             values (@P1, @P2, @P3, @P4, dateadd(second, @P5, sysutcdatetime()))",
            &[&principal, &route, &key, &body_hmac.as_slice(), &seconds],
        )
        .await;
    match inserted {
        Ok(_) => return Ok(Begun::Start),
        Err(error) if is_duplicate(&error) => {}
        Err(error) => return Err(error),
    }
    let row = client
        .query(
            "select body_hmac, resource_id, status, body from idempotency
             where principal = @P1 and route = @P2 and [key] = @P3",
            &[&principal, &route, &key],
        )
        .await?
        .into_row()
        .await?;
    // Gone between the two statements: its transaction rolled back, and this one is told to come again.
    let Some(row) = row else {
        return Err(tiberius::error::Error::Conversion("the key is being released".into()));
    };
    if row.try_get::<&[u8], _>("body_hmac")? != Some(body_hmac.as_slice()) {
        return Ok(Begun::Mismatch);
    }
    Ok(Begun::Saved(Answer {
        resource_id: row.try_get::<&[u8], _>("resource_id")?.and_then(|bytes| Uuid::from_slice(bytes).ok()),
        status: row.try_get::<i16, _>("status")?.map(i16::unsigned_abs),
        body: row.try_get::<&str, _>("body")?.map(str::to_owned),
    }))
}

/// As [`idempotency::save`](super) on PostgreSQL.
///
/// # Errors
/// When the database fails; then the transaction must not commit.
pub async fn save(
    client: &mut SqlServerClient,
    request: &Request<'_>,
    answer: &Answer,
) -> tiberius::Result<()> {
    let resource_id = answer.resource_id.as_ref().map(|id| id.as_bytes().as_slice());
    let status = answer.status.map(|status| i16::try_from(status).unwrap_or(i16::MAX));
    client
        .execute(
            "update idempotency set resource_id = @P4, status = @P5, body = @P6
             where principal = @P1 and route = @P2 and [key] = @P3",
            &[&request.principal, &request.route, &request.key, &resource_id, &status, &answer.body],
        )
        .await?;
    Ok(())
}
