//! HTTP writes that must not happen twice: the `Idempotency-Key` of a request is stored in the transaction of
//! its effect, with the answer or with the resource from which the answer is derived.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sqlx::{PgTransaction, Row as _};
use uuid::Uuid;

/// How long a key is remembered.
pub const KEEP_KEYS: Duration = Duration::from_secs(24 * 3600);

/// A keyed hash of a request's body: tells whether it is the same without keeping it or letting it be guessed.
pub type BodyHmac = [u8; 32];

/// Hashes `body` with the service's own `key`.
#[must_use]
pub fn body_hmac(key: &[u8; 32], body: &[u8]) -> BodyHmac {
    // RFC 2104: a key shorter than the hash's block is padded with zeros.
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(body);
    mac.finalize().into_bytes().into()
}

/// Whose request, which route, which key. A key of one caller or route says nothing about another's.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The caller's subject.
    pub principal: &'a str,
    /// Method and route, such as `POST /v1/orders`.
    pub route: &'a str,
    /// The `Idempotency-Key`.
    pub key: &'a str,
    /// Of the body, by [`body_hmac`].
    pub body_hmac: BodyHmac,
}

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is new: do it, then [`save`] the answer in the same transaction.
    Start,
    /// It was done: answer the same again.
    Saved(Answer),
    /// The key was used for another body: 422.
    Mismatch,
}

/// What was stored with the effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The resource that the request made.
    pub resource_id: Option<Uuid>,
    /// Status; `None` when the answer is derived from the resource's state.
    pub status: Option<u16>,
    /// Body; `None` like the status.
    pub body: Option<String>,
}

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
