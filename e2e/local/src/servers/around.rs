//! Servers for as long as one command runs.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use super::{Durability, Plan, Servers, random_password};
use crate::cli::What;
use crate::guard::Guard;
use crate::term::{Colour, paint, say};

/// How long the command may take to end after it was told to.
const GRACE: Duration = Duration::from_secs(10);

/// Starts the servers, runs `command` with their addresses in its environment, ends the servers, and
/// returns the command's exit code (128 + n when signal n ended it, as a shell says it).
pub(crate) async fn run(what: &What, command: &[String]) -> anyhow::Result<ExitCode> {
    // When our parent dies (a killed `make`), nobody waits for the command any more.
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))
        .context("ask for our parent's death")?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;

    let guard = Guard::start(None).context("start the guard")?;
    let data =
        tempfile::Builder::new().prefix("courseplatform-").tempdir().context("make a directory")?.keep();
    guard.delete_at_end(&data)?;
    open_to_pass(&data)?;
    let plan = Plan {
        data,
        durability: Durability::Throwaway,
        ports: what.ports(),
        password: random_password(),
        kubernetes: what.kubernetes,
    };
    let mut servers = tokio::select! {
        started = Servers::start(&plan, &guard) => started?,
        // The guard ends what has been started so far.
        _ = interrupt.recv() => return Ok(ExitCode::from(130)),
        _ = terminate.recv() => return Ok(ExitCode::from(143)),
    };
    let ready = format!("servers ready: {} ({})", servers.times(), plan.data.display());
    say(&paint(Colour::Grey, &ready));

    // The command stays in our process group: the terminal's keys reach it as if we were not there.
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .envs(servers.env())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("start {}", command[0]))?;
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(pid) = pid {
        guard.watch_one(pid)?;
    }
    let mut look = tokio::time::interval(Duration::from_secs(1));
    let mut told = None;
    let status = loop {
        tokio::select! {
            status = child.wait() => break Some(status?),
            // The terminal sent it to the command too.
            _ = interrupt.recv() => told = told.or(Some(tokio::time::Instant::now())),
            _ = terminate.recv() => {
                told = told.or(Some(tokio::time::Instant::now()));
                if let Some(pid) = pid {
                    let _ = kill_process(pid, Signal::TERM);
                }
            }
            _ = look.tick() => {
                if let Some((name, status)) = servers.ended()? {
                    say(&format!("{} {name} ended by itself ({status})", paint(Colour::Yellow, "warning:")));
                    break wait_for_failure(&mut child).await?;
                }
                if told.is_some_and(|at| at.elapsed() > GRACE) {
                    child.kill().await?;
                }
            }
        }
    };
    guard.forget_one()?;
    servers.stop().await;
    Ok(status.map_or(ExitCode::FAILURE, exit_code))
}

/// With a server gone the command fails by itself soon; it has a minute for it.
async fn wait_for_failure(
    child: &mut tokio::process::Child,
) -> std::io::Result<Option<std::process::ExitStatus>> {
    match tokio::time::timeout(Duration::from_secs(60), child.wait()).await {
        Ok(status) => status.map(Some),
        Err(_) => child.kill().await.map(|()| None),
    }
}

fn exit_code(status: std::process::ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// Lets PostgreSQL's user pass through to its own directory, and nobody read this one.
fn open_to_pass(dir: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o711))
}
