//! Users on Redis (ACLs): each may touch its own keys only and has one or two passwords, so that a
//! password can be changed without a gap. The server must have an `aclfile`: users made on one without
//! would be gone after its next start.

use std::fmt::Write as _;
use std::time::Duration;

use platform_components::provision::{RedisPlan, RedisUserPlan};
use redis::aio::MultiplexedConnection;
use redis::{Client, ErrorKind, IntoConnectionInfo as _, RedisError, cmd};
use sha2::{Digest, Sha256};

use super::{ProvisionError, checked, wait};
use crate::connection::{Connection, secret};

pub(super) async fn provision(plan: &RedisPlan, patience: Duration) -> Result<(), ProvisionError> {
    let connection = Connection::read(&plan.connection)?;
    let client = client(&connection).map_err(failed("the connection"))?;
    let refused = |error: &RedisError| error.kind() == ErrorKind::AuthenticationFailed;
    let mut session = wait::until_it_answers("Redis", patience, refused, async || {
        client.get_multiplexed_async_connection().await
    })
    .await?;
    for user in &plan.users {
        set_user(&mut session, user).await?;
    }
    cmd("ACL").arg("SAVE").exec_async(&mut session).await.map_err(failed("saving users"))
}

fn client(connection: &Connection) -> Result<Client, RedisError> {
    if let Some(uri) = &connection.uri {
        return Client::open(uri.as_str());
    }
    let address = format!("redis://{}:{}/", connection.host, connection.port_or(6379));
    let mut info = address.into_connection_info()?;
    let mut settings = info.redis_settings().clone();
    if !connection.username.is_empty() {
        settings = settings.set_username(connection.username.clone());
    }
    if !connection.password.is_empty() {
        settings = settings.set_password(connection.password.as_str());
    }
    info = info.set_redis_settings(settings);
    Client::open(info)
}

async fn set_user(session: &mut MultiplexedConnection, plan: &RedisUserPlan) -> Result<(), ProvisionError> {
    let name = checked(&plan.name)?;
    let prefix = checked(&plan.key_prefix)?;
    let mut command = cmd("ACL");
    // One command replaces the whole user at once: nobody sees it half made.
    command.arg("SETUSER").arg(name).arg("reset").arg("on");
    for file in &plan.password_files {
        let mut hash = String::from("#");
        for byte in Sha256::digest(secret(file)?.as_bytes()) {
            // Writing to a string can't fail.
            let _ = write!(hash, "{byte:02x}");
        }
        command.arg(hash);
    }
    command.arg(format!("~{prefix}:*")).arg(format!("&{prefix}:*"));
    command.arg("+@all").arg("-@admin").arg("-@dangerous").arg("+info");
    command.exec_async(session).await.map_err(failed("making a user"))
}

fn failed(what: &str) -> impl FnOnce(RedisError) -> ProvisionError {
    let what = what.to_owned();
    move |source| ProvisionError::Redis { what, source }
}
