//! PostgreSQL on a port of its own, never as root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::Signal;
use tokio::process::Command;

use super::{Context, Durability, Running, ServerError, Tried, until_ready};
use crate::process::{Output, Process, program, tail};
use crate::user::{self, Account};

const NAME: &str = "postgres";
/// The oldest version that the platform supports.
const OLDEST: u32 = 15;

pub(super) async fn start(context: &Context<'_>, port: u16) -> Result<Running, ServerError> {
    let programs = programs().ok_or(ServerError::Missing {
        server: NAME,
        program: "postgres and initdb (15 or newer)",
        remedy: "install them with `apt-get install postgresql`",
    })?;
    let account = user::unprivileged();
    let dir = directory(context, account)?;
    let log = context.log(NAME);
    let cluster = dir.join("cluster");
    if !cluster.join("PG_VERSION").exists() {
        init(context, &programs, &dir, &cluster, account, &log).await?;
    }

    let mut command = as_account(&programs.join("postgres"), account, &dir);
    command.arg("-D").arg(&cluster).arg("-p").arg(port.to_string());
    // TCP on loopback only, no socket files; the rest is for many small databases on a small machine.
    let mut settings =
        vec!["listen_addresses=127.0.0.1", "unix_socket_directories=", "jit=off", "max_connections=300"];
    if context.plan.durability == Durability::Throwaway {
        settings.extend([
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "wal_level=minimal",
            "max_wal_senders=0",
        ]);
    }
    for setting in settings {
        command.arg("-c").arg(setting);
    }
    // SIGTERM would wait until every client has left; SIGINT ends sessions and writes a checkpoint, SIGQUIT
    // does not even do that (PostgreSQL documentation, "Shutting Down the Server").
    let signal = if context.plan.durability == Durability::Kept { Signal::INT } else { Signal::QUIT };
    let mut process =
        Process::spawn(command, Output::File(&log), signal, context.guard).tried(NAME, "start it")?;
    let pg_isready = programs.join("pg_isready");
    until_ready(NAME, &mut process, &log, || async {
        let mut ask = Command::new(&pg_isready);
        ask.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).stdin(Stdio::null());
        ask.status().await.is_ok_and(|s| s.success())
    })
    .await?;
    let url = format!("postgres://postgres:{}@127.0.0.1:{port}/postgres", context.plan.password);
    Ok(Running { name: NAME, processes: vec![process], env: vec![("TEST_POSTGRES_URL", url)] })
}

/// Makes the files of a new PostgreSQL with the superuser `postgres`.
async fn init(
    context: &Context<'_>,
    programs: &Path,
    dir: &Path,
    cluster: &Path,
    account: Option<Account>,
    log: &Path,
) -> Result<(), ServerError> {
    // An initdb that was broken off leaves files without PG_VERSION's last step; begin again then.
    match fs::remove_dir_all(cluster) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(e).tried(NAME, "remove an unfinished cluster");
        }
        _ => {}
    }
    let unfinished = dir.join("cluster.new");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).tried(NAME, "remove an unfinished cluster")?;
    }
    let password = dir.join("password");
    user::write_private(&password, &context.plan.password).tried(NAME, "write its password")?;
    user::give(&password, account).tried(NAME, "give its password to it")?;
    let mut command = as_account(&programs.join("initdb"), account, dir);
    command.arg("-D").arg(&unfinished).arg("--pwfile").arg(&password);
    command.args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"]);
    if context.plan.durability == Durability::Throwaway {
        command.arg("--no-sync");
    }
    let mut process = Process::spawn(command, Output::File(log), Signal::KILL, context.guard)
        .tried(NAME, "start initdb")?;
    let status = process.wait().await.tried(NAME, "wait for initdb")?;
    context.guard.forget(process.group()).tried(NAME, "tell the guard")?;
    fs::remove_file(&password).tried(NAME, "remove the password file")?;
    if !status.success() {
        let what = format!("could not make its files (initdb: {status})");
        return Err(ServerError::NotReady { server: NAME, what, log: log.to_owned(), tail: tail(log, 20) });
    }
    fs::rename(&unfinished, cluster).tried(NAME, "move its files into place")
}

/// The directory of the newest installed PostgreSQL's programs. Debian keeps each major version in
/// `/usr/lib/postgresql/<version>/bin` and puts none of them on `PATH`.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<u32> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.parse().ok())
        .filter(|v| *v >= OLDEST)
        .collect();
    versions.sort_unstable();
    let debian = versions.into_iter().rev().map(|v| PathBuf::from(format!("/usr/lib/postgresql/{v}/bin")));
    let on_path = program(&["postgres"]).and_then(|p| p.parent().map(Path::to_owned));
    debian
        .chain(on_path)
        .find(|dir| ["postgres", "initdb", "pg_isready"].iter().all(|p| dir.join(p).exists()))
}

/// PostgreSQL's directory, owned by its user. Where that user may not go (a clone below `/root`), it lies
/// in `/var/tmp` under a name that belongs to this data directory.
fn directory(context: &Context<'_>, account: Option<Account>) -> Result<PathBuf, ServerError> {
    let wanted = context.directory(NAME)?;
    let dir = match account {
        Some(account) if !user::can_reach(&wanted, account) => elsewhere(&wanted),
        _ => wanted,
    };
    fs::create_dir_all(&dir).tried(NAME, format!("make {}", dir.display()))?;
    user::give(&dir, account).tried(NAME, format!("give {} to its user", dir.display()))?;
    Ok(dir)
}

/// Where the files lie when PostgreSQL's user may not reach `wanted`.
fn elsewhere(wanted: &Path) -> PathBuf {
    use sha2::{Digest, Sha256};
    let hash = hex::encode(Sha256::digest(wanted.as_os_str().as_encoded_bytes()));
    PathBuf::from(format!("/var/tmp/courseplatform-postgres-{}", &hash[..12]))
}

/// A command with its own environment (a user's `PGPORT` must not reach the server), as `account`.
fn as_account(program: &Path, account: Option<Account>, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", dir)
        .current_dir(dir);
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    command
}
