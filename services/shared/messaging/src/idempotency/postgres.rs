//! Idempotency keys in PostgreSQL.

use sqlx::{PgTransaction, Row as _};

use super::{Answer, Begun, KEEP_KEYS, Request};

/// Claims the key in the transaction of the effect. While another request with the same key is in its
/// transaction, this waits for it; set `lock_timeout` to bound that.
///
/// # Errors
/// When the database fails; then the transaction must not commit.
pub async fn begin(tx: &mut PgTransaction<'_>, request: &Request<'_>) -> Result<Begun, sqlx::Error> {
    let Request { principal, route, key, body_hmac } = *request;
    sqlx::query(
        "delete from idempotency where principal = $1 and route = $2 and key = $3 and expires_at < now()",
    )
    .bind(principal)
    .bind(route)
    .bind(key)
    .execute(&mut **tx)
    .await?;
    let inserted = sqlx::query(
        "insert into idempotency (principal, route, key, body_hmac, expires_at)
         values ($1, $2, $3, $4, now() + make_interval(secs => $5)) on conflict do nothing",
    )
    .bind(principal)
    .bind(route)
    .bind(key)
    .bind(body_hmac.as_slice())
    .bind(KEEP_KEYS.as_secs_f64())
    .execute(&mut **tx)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(Begun::Start);
    }
    let row = sqlx::query(
        "select body_hmac, resource_id, status, body from idempotency
         where principal = $1 and route = $2 and key = $3",
    )
    .bind(principal)
    .bind(route)
    .bind(key)
    .fetch_one(&mut **tx)
    .await?;
    if row.try_get::<Vec<u8>, _>("body_hmac")? != body_hmac {
        return Ok(Begun::Mismatch);
    }
    let status: Option<i16> = row.try_get("status")?;
    Ok(Begun::Saved(Answer {
        resource_id: row.try_get("resource_id")?,
        status: status.map(i16::unsigned_abs),
        body: row.try_get("body")?,
    }))
}

/// Stores the answer with the effect, for a request that [`Begun::Start`] let in.
///
/// # Errors
/// When the database fails; then the transaction must not commit.
pub async fn save(
    tx: &mut PgTransaction<'_>,
    request: &Request<'_>,
    answer: &Answer,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update idempotency set resource_id = $4, status = $5, body = $6
         where principal = $1 and route = $2 and key = $3",
    )
    .bind(request.principal)
    .bind(request.route)
    .bind(request.key)
    .bind(answer.resource_id)
    .bind(answer.status.map(|status| i16::try_from(status).unwrap_or(i16::MAX)))
    .bind(&answer.body)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
