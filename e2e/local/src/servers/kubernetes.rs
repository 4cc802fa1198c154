//! A real kube-apiserver with its etcd, without nodes: started by `e2e/cluster/apiserver.sh`, which stays
//! in the foreground and writes a kubeconfig as soon as the server answers.

use rustix::process::Signal;
use tokio::process::Command;

use super::{Context, Running, ServerError, Tried, until_ready};
use crate::paths;
use crate::process::{Output, Process};

const NAME: &str = "kube-apiserver";

pub(super) async fn start(context: &Context<'_>) -> Result<Running, ServerError> {
    let script = paths::clone_root()
        .map(|root| root.join("e2e/cluster/apiserver.sh"))
        .filter(|s| s.is_file())
        .ok_or(ServerError::Missing {
            server: NAME,
            program: "e2e/cluster/apiserver.sh",
            remedy: "run this inside the clone",
        })?;
    let dir = context.directory(NAME)?;
    let log = context.log(NAME);
    let kubeconfig = dir.join("kubeconfig");
    let mut command = Command::new(script);
    command.arg(&dir);
    let mut process =
        Process::spawn(command, Output::File(&log), Signal::TERM, context.guard).tried(NAME, "start it")?;
    until_ready(NAME, &mut process, &log, || async { kubeconfig.is_file() }).await?;
    let path = kubeconfig.display().to_string();
    Ok(Running { name: NAME, processes: vec![process], env: vec![("TEST_KUBECONFIG", path)] })
}
