//! The guard: a second process that ends what we started when we cannot, because we were killed with -9.
//!
//! It learns process groups on its standard input and acts when that closes, which the kernel does however
//! we end. It must not act on anything that it was not told of. (The kernel's parent-death signal would
//! reach direct children only, and setting it needs unsafe code between fork and exec.)

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};

use crate::record::Record;

/// How long the guard waits after the polite signal before it sends SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

/// Our end of the guard's input. Clones talk to the same guard.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    input: Arc<Mutex<ChildStdin>>,
    record: Option<Record>,
}

impl Guard {
    /// Starts the guard, which is this program again, in a process group of its own so that the terminal's
    /// Ctrl-C does not reach it.
    ///
    /// Where data is kept, `record` also writes down what runs, for the day when the guard was killed too.
    pub(crate) fn start(record: Option<Record>) -> io::Result<Self> {
        use std::os::unix::process::CommandExt;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("guard")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take().ok_or_else(|| io::Error::other("the guard has no standard input"))?;
        // Reaps the guard; it ends only after we closed its input.
        thread::spawn(move || child.wait());
        Ok(Self { input: Arc::new(Mutex::new(stdin)), record })
    }

    /// From now on the guard ends `group` with `signal` when we die.
    pub(crate) fn watch(&self, group: Pid, signal: Signal) -> io::Result<()> {
        if let Some(record) = &self.record {
            record.add(group, signal)?;
        }
        self.tell(&format!("+{} {}", group.as_raw_nonzero(), signal.as_raw()))
    }

    /// From now on the guard ends this one process when we die: a command in our own process group.
    pub(crate) fn watch_one(&self, process: Pid) -> io::Result<()> {
        self.tell(&format!("1{}", process.as_raw_nonzero()))
    }

    /// That process ended.
    pub(crate) fn forget_one(&self) -> io::Result<()> {
        self.tell("0")
    }

    /// The group ended; its number may be used by somebody else from now on.
    pub(crate) fn forget(&self, group: Pid) -> io::Result<()> {
        self.tell(&format!("-{}", group.as_raw_nonzero()))
    }

    /// The guard deletes this directory after the groups ended, also when we end well.
    pub(crate) fn delete_at_end(&self, directory: &std::path::Path) -> io::Result<()> {
        self.tell(&format!("/{}", directory.display()))
    }

    fn tell(&self, line: &str) -> io::Result<()> {
        let mut pipe = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(pipe, "{line}")
    }
}

/// What the guard process does: reads until the end, then ends what is left.
pub(crate) fn run(input: impl BufRead) -> io::Result<()> {
    let mut groups: BTreeMap<i32, i32> = BTreeMap::new();
    let mut directories: Vec<PathBuf> = Vec::new();
    let mut command: Option<Pid> = None;
    for line in input.lines() {
        let line = line?;
        let Some((kind, rest)) = line.split_at_checked(1) else { continue };
        match kind {
            "+" => {
                if let Some((group, signal)) = rest.split_once(' ')
                    && let (Ok(group), Ok(signal)) = (group.parse(), signal.parse())
                {
                    groups.insert(group, signal);
                }
            }
            "-" => {
                if let Ok(group) = rest.parse::<i32>() {
                    groups.remove(&group);
                }
            }
            "1" => command = rest.parse().ok().and_then(Pid::from_raw),
            "0" => command = None,
            "/" => directories.push(rest.into()),
            _ => {}
        }
    }
    if let Some(command) = command {
        let _ = kill_process(command, Signal::TERM);
    }
    let groups: Vec<(Pid, Signal)> = groups
        .into_iter()
        .filter_map(|(g, s)| Some((Pid::from_raw(g)?, Signal::from_named_raw(s)?)))
        .collect();
    end(&groups);
    for directory in directories {
        match std::fs::remove_dir_all(&directory) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

/// Sends each group its signal, waits for all of them, and kills what is left after [`GRACE`].
pub(crate) fn end(groups: &[(Pid, Signal)]) {
    for (group, signal) in groups {
        let _ = kill_process_group(*group, *signal);
    }
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline && groups.iter().any(|(g, _)| is_alive(*g)) {
        thread::sleep(Duration::from_millis(50));
    }
    for (group, _) in groups.iter().filter(|(g, _)| is_alive(*g)) {
        let _ = kill_process_group(*group, Signal::KILL);
    }
}

/// Whether the group has a process (also one that ended and waits to be reaped).
pub(crate) fn is_alive(group: Pid) -> bool {
    test_kill_process_group(group) != Err(Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;

    #[test]
    fn what_is_still_watched_at_the_end_is_ended_and_what_was_forgotten_is_not() {
        let mut watched = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let mut forgotten = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let dir = tempfile::tempdir().unwrap().keep();
        let input =
            format!("+{0} 15\n+{1} 15\n-{1}\n/{2}\nnonsense\n", watched.id(), forgotten.id(), dir.display());
        let reaper = thread::spawn(move || watched.wait());
        run(input.as_bytes()).unwrap();
        assert!(!reaper.join().unwrap().unwrap().success());
        assert!(forgotten.try_wait().unwrap().is_none());
        assert!(!dir.exists());
        forgotten.kill().unwrap();
        forgotten.wait().unwrap();
    }
}
