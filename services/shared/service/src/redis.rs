//! Redis as a component's store or cache: settings, connection, readiness.

use std::time::Duration;

use platform_config::{UrlFile, non_empty};
use platform_http::server::{CheckError, Dependency, Need};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use crate::StartError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A command that takes longer means that the server is in trouble; the request answers 503.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How to reach Redis.
#[derive(Clone, Debug, clap::Args)]
pub struct RedisSettings {
    /// File with the URL, redis://user:password@host:6379/0.
    #[arg(long, env)]
    pub redis_url_file: UrlFile,

    /// What every key begins with, so that several platforms can share a server.
    #[arg(long, env, default_value = "cp:", value_parser = non_empty)]
    pub redis_key_prefix: String,
}

/// A connection that is made when it is first used and again whenever it breaks. Clones share it.
///
/// # Errors
/// When the URL is none of Redis's.
pub fn connection(settings: &RedisSettings) -> Result<ConnectionManager, StartError> {
    let url = settings.redis_url_file.read()?;
    let client = redis::Client::open(url.as_str())
        .map_err(|_| anyhow::anyhow!("REDIS_URL_FILE: does not contain a redis:// URL"))?;
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
        .set_number_of_retries(1);
    Ok(ConnectionManager::new_lazy_with_config(client, config)?)
}

/// The dependency `redis`; hard where it is the component's own store.
#[must_use]
pub fn dependency(connection: &ConnectionManager, need: Need) -> Dependency {
    let connection = connection.clone();
    Dependency::new("redis", need, move || {
        let mut connection = connection.clone();
        async move { redis::cmd("PING").query_async::<()>(&mut connection).await.map_err(CheckError::new) }
    })
}
