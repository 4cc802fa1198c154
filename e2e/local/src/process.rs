//! One process that we started: in a process group of its own, with its output in a file, known to the
//! guard, and ended in the way it likes best.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::guard::{self, Guard};

/// A running process and everything in its group.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Pid,
    signal: Signal,
    guard: Guard,
}

/// Where the process's output goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Output<'a> {
    /// Both streams into this file.
    File(&'a Path),
    /// Both streams to us, by [`Process::take_output`].
    Pipe,
}

impl Process {
    /// Starts `command`; `signal` is the one that makes it end in good order.
    ///
    /// # Errors
    /// When the program cannot be started (not found, not executable) or its log cannot be written.
    pub(crate) fn spawn(
        mut command: Command,
        output: Output<'_>,
        signal: Signal,
        guard: &Guard,
    ) -> io::Result<Self> {
        command.stdin(Stdio::null()).process_group(0);
        match output {
            Output::File(path) => {
                let log = File::options().create(true).append(true).open(path)?;
                command.stdout(log.try_clone()?).stderr(log);
            }
            Output::Pipe => {
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
            }
        }
        let child = command.spawn()?;
        let group = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
            .ok_or_else(|| io::Error::other("the process ended before it had a number"))?;
        guard.watch(group, signal)?;
        Ok(Self { child, group, signal, guard: guard.clone() })
    }

    /// The number of the process, which is also that of its group.
    pub(crate) fn group(&self) -> Pid {
        self.group
    }

    /// The streams of a process started with [`Output::Pipe`], once.
    pub(crate) fn take_output(
        &mut self,
    ) -> (Option<tokio::process::ChildStdout>, Option<tokio::process::ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// How it ended, when it did.
    pub(crate) fn exited(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Waits until it ends.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks the group to end, waits for `grace`, then kills what is left of it.
    pub(crate) async fn stop(mut self, grace: Duration) {
        let _ = kill_process_group(self.group, self.signal);
        // An error here means the child is gone already; the group is killed below in any case.
        let _ = timeout(grace, self.child.wait()).await;
        let _ = kill_process_group(self.group, Signal::KILL);
        let _ = self.child.wait().await;
        let _ = timeout(grace, async {
            while guard::is_alive(self.group) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        let _ = self.guard.forget(self.group);
    }
}

/// The last `lines` lines of a log, each indented, for an error message.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    let tail: Vec<String> =
        all[all.len().saturating_sub(lines)..].iter().map(|l| format!("  | {l}")).collect();
    if tail.is_empty() { "  (it wrote nothing)".to_owned() } else { tail.join("\n") }
}

/// The first of the candidates that is a file we may run, else the first such on `PATH` by the last part
/// of the candidates' names.
pub(crate) fn program(candidates: &[&str]) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let runs = |p: &PathBuf| p.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    if let Some(found) = candidates.iter().map(PathBuf::from).find(runs) {
        return Some(found);
    }
    let path = std::env::var_os("PATH")?;
    let names = candidates.iter().filter_map(|c| Path::new(c).file_name());
    names.flat_map(|n| std::env::split_paths(&path).map(move |d| d.join(n)).collect::<Vec<_>>()).find(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_log_is_its_last_lines() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        fs::write(&log, "one\n\ntwo\nthree\n").unwrap();
        assert_eq!(tail(&log, 2), "  | two\n  | three");
        assert_eq!(tail(&dir.path().join("none"), 2), "  (it wrote nothing)");
    }

    #[test]
    fn a_program_is_found_at_its_place_or_on_the_path() {
        assert!(program(&["/nowhere/sh"]).unwrap().ends_with("sh"));
        assert!(program(&["/nowhere/no-such-program"]).is_none());
    }
}
