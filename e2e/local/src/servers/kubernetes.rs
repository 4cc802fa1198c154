//! A real kube-apiserver with its etcd, without nodes, by `e2e/cluster/apiserver.sh`. That script starts
//! its processes in the background and ends them when it is called again, so a shell stands in for them
//! here: it lives as long as they should.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::Signal;
use tokio::process::Command;

use super::{Context, Running, ServerError, Tried, until_ready};
use crate::paths;
use crate::process::{Output, Process};

const NAME: &str = "kube-apiserver";
/// `$1` is the script, `$2` its directory. The answer of `start` appears under its name when it is whole.
const STAND_IN: &str = r#"
trap 'bash "$1" stop "$2"; exit 0' TERM
bash "$1" start "$2" >"$2/answer.new" && mv "$2/answer.new" "$2/answer" || exit 1
while :; do sleep 3600 & wait $!; done
"#;

pub(super) async fn start(context: &Context<'_>) -> Result<Running, ServerError> {
    let script = paths::clone_root()
        .map(|root| root.join("e2e/cluster/apiserver.sh"))
        .filter(|s| s.is_file())
        .ok_or(ServerError::Missing {
            server: NAME,
            program: "e2e/cluster/apiserver.sh",
            remedy: "run this inside the clone",
        })?;
    build(&script).await?;
    let dir = context.directory(NAME)?;
    let log = context.log(NAME);
    let answer = dir.join("answer");
    let _ = std::fs::remove_file(&answer);
    let mut command = Command::new("bash");
    command.args(["-c", STAND_IN, NAME]).arg(script).arg(&dir);
    let mut process =
        Process::spawn(command, Output::File(&log), Signal::TERM, context.guard).tried(NAME, "start it")?;
    until_ready(NAME, &mut process, &log, || async { answer.is_file() }).await?;
    let text = std::fs::read_to_string(&answer).tried(NAME, "read where it is")?;
    let kubeconfig = text.lines().find_map(|line| line.strip_prefix("KUBECONFIG=")).map(PathBuf::from);
    let kubeconfig = kubeconfig
        .filter(|path| path.is_file())
        .ok_or_else(|| std::io::Error::other(format!("apiserver.sh names no kubeconfig: {text}")))
        .tried(NAME, "find its kubeconfig")?;
    let path = kubeconfig.display().to_string();
    Ok(Running { name: NAME, processes: vec![process], env: vec![("TEST_KUBECONFIG", path)] })
}

/// Builds the programs the first time, which takes minutes: before the clock of the start runs.
async fn build(script: &Path) -> Result<(), ServerError> {
    let mut build = Command::new("bash");
    build.arg(script).arg("build").stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let status = build.status().await.tried(NAME, "run e2e/cluster/apiserver.sh build")?;
    if status.success() {
        Ok(())
    } else {
        Err(std::io::Error::other(format!("it failed ({status})"))).tried(NAME, "build it")
    }
}
