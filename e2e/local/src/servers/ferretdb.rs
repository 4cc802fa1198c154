//! FerretDB, which speaks MongoDB's protocol: our own binary, built by `e2e/ferretdb/build.sh`.
//! It has no password, so it listens on 127.0.0.1 only.

use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::Signal;
use tokio::process::Command;

use super::{Context, Running, ServerError, Tried, ready, until_ready};
use crate::paths;
use crate::process::{Output, Process};

const NAME: &str = "ferretdb";

pub(super) async fn start(context: &Context<'_>, port: u16) -> Result<Running, ServerError> {
    let program = binary().await?;
    let dir = context.directory(NAME)?;
    let log = context.log(NAME);
    let mut command = Command::new(program);
    command.arg(format!("-listen=127.0.0.1:{port}")).arg("-data").arg(&dir).current_dir(&dir);
    let mut process =
        Process::spawn(command, Output::File(&log), Signal::TERM, context.guard).tried(NAME, "start it")?;
    until_ready(NAME, &mut process, &log, || ready::accepts(port)).await?;
    let url = format!("mongodb://127.0.0.1:{port}");
    Ok(Running { name: NAME, processes: vec![process], env: vec![("TEST_MONGODB_URL", url)] })
}

/// The binary: the one named in FERRETDB, else what the build script says, which builds it when it has to.
async fn binary() -> Result<PathBuf, ServerError> {
    if let Some(given) = std::env::var_os("FERRETDB").filter(|v| !v.is_empty()) {
        return Ok(given.into());
    }
    let script = paths::clone_root()
        .map(|root| root.join("e2e/ferretdb/build.sh"))
        .filter(|s| s.is_file())
        .ok_or(ServerError::Missing {
        server: NAME,
        program: "e2e/ferretdb/build.sh",
        remedy: "run this inside the clone, or name the binary in FERRETDB",
    })?;
    let mut build = Command::new(script);
    build.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let output = build.output().await.tried(NAME, "run e2e/ferretdb/build.sh")?;
    if !output.status.success() {
        return Err(std::io::Error::other(format!("it failed ({})", output.status))).tried(NAME, "build it");
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}
