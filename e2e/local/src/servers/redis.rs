//! Redis 7 (or Valkey) on a port of its own, with a password.

use rustix::process::Signal;
use tokio::process::Command;

use super::{Context, Durability, Running, ServerError, Tried, ready, until_ready};
use crate::process::{Output, Process, program};
use crate::user;

const NAME: &str = "redis";

pub(super) async fn start(context: &Context<'_>, port: u16) -> Result<Running, ServerError> {
    let program = program(&["/usr/bin/redis-server", "valkey-server"]).ok_or(ServerError::Missing {
        server: NAME,
        program: "redis-server",
        remedy: "install it with `apt-get install redis-server`",
    })?;
    let dir = context.directory(NAME)?;
    let log = context.log(NAME);
    let password = &context.plan.password;
    // Accounts stand in a file of their own, which the server rewrites when somebody makes one (ACL SAVE).
    // Passwords stand in files at all because command lines can be read by every user.
    let accounts = dir.join("users.acl");
    if !accounts.exists() {
        user::write_private(&accounts, &format!("user default on >{password} ~* &* +@all\n"))
            .tried(NAME, "write its accounts")?;
    }
    let configuration = dir.join("redis.conf");
    std::fs::write(
        &configuration,
        format!(
            "bind 127.0.0.1\nport {port}\ndir {dir}\naclfile {accounts}\nsave \"\"\ndatabases 512\n\
             maxmemory-policy noeviction\nappendonly {append}\n",
            dir = dir.display(),
            accounts = accounts.display(),
            append = if context.plan.durability == Durability::Kept { "yes" } else { "no" },
        ),
    )
    .tried(NAME, "write its configuration")?;
    let mut command = Command::new(program);
    command.arg(&configuration).current_dir(&dir);
    let mut process =
        Process::spawn(command, Output::File(&log), Signal::TERM, context.guard).tried(NAME, "start it")?;
    let question = format!("AUTH {password}\r\nPING\r\n");
    until_ready(NAME, &mut process, &log, || ready::answers(port, question.as_bytes(), b"+OK\r\n+PONG\r\n"))
        .await?;
    let url = format!("redis://default:{password}@127.0.0.1:{port}");
    Ok(Running { name: NAME, processes: vec![process], env: vec![("TEST_REDIS_URL", url)] })
}
