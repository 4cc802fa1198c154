//! Limits that several replicas keep together, through Redis.
//!
//! Nobody waits for Redis: each replica decides by its own table, and tells the others every so often what was
//! used. So together they let through at most what is allowed and what comes between two rounds; while Redis
//! is away, each keeps its own limits.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::ConnectionManager;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::gcra::{Limits, interval_nanos};
use super::{Key, LimitKey};

/// How often replicas tell each other what was used.
const ROUND: Duration = Duration::from_millis(100);
/// Moves the common time on by what was used, and tells how far it is ahead of now, in microseconds.
const SCRIPT: &str = r"
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local arrival = tonumber(redis.call('GET', KEYS[1]) or '0')
if arrival < now then arrival = now end
arrival = arrival + ARGV[1]
local ahead = arrival - now
redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.ceil(ahead / 1000) + 1000)
return ahead";

/// Tells and listens until `stop`.
pub(crate) async fn share(
    limits: Arc<Limits>,
    mut redis: ConnectionManager,
    prefix: String,
    stop: CancellationToken,
) {
    let script = redis::Script::new(SCRIPT);
    let mut away = false;
    while tokio::time::timeout(ROUND, stop.cancelled()).await.is_err() {
        let taken = limits.untold();
        if taken.is_empty() {
            continue;
        }
        let mut pipeline = redis::pipe();
        pipeline.load_script(&script).ignore();
        for (key, used) in &taken {
            let micros = used.requests * interval_nanos(&used.limit) / 1000;
            pipeline.invoke_script(script.key(name(&prefix, key)).arg(micros));
        }
        match pipeline.query_async::<Vec<u64>>(&mut redis).await {
            Ok(ahead) => {
                for ((key, _), micros) in taken.iter().zip(ahead) {
                    limits.move_on(key, Duration::from_micros(micros));
                }
                away = false;
            }
            Err(error) if !away => {
                tracing::warn!(%error, "limits are not shared while Redis is away");
                away = true;
            }
            Err(_) => {}
        }
    }
}

/// A caller's name in Redis: a hash, since addresses and ids are nobody's business there.
fn name(prefix: &str, (class, key): &LimitKey) -> String {
    let text = match key {
        Key::Subject(subject) => format!("subject {subject}"),
        Key::Client(client) => format!("client {client}"),
        Key::Address(address) => format!("address {address}"),
    };
    let hash = Sha256::digest(text.as_bytes());
    format!("{prefix}limit:{class}:{}", hex::encode(hash.get(..16).unwrap_or_default()))
}
