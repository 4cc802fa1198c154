//! Which processes a data directory's owner started, written down for the next start.
//!
//! A number alone does not tell whose process it is, since the kernel gives it again: the time of its
//! start does. It must not be used to end anything whose time differs.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal};

use crate::guard;

/// The file with the running processes of one data directory.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    file: PathBuf,
}

impl Record {
    /// Ends what an earlier owner of `data` left running, and starts an empty record. The caller holds the
    /// directory's lock.
    pub(crate) fn begin(data: &Path) -> io::Result<(Self, usize)> {
        let file = data.join("processes");
        let left: Vec<(Pid, Signal)> = match fs::read_to_string(&file) {
            Ok(text) => text
                .lines()
                .filter_map(parse)
                .filter(|e| started(e.0) == Some(e.2))
                .map(|e| (e.0, e.1))
                .collect(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(e),
        };
        guard::end(&left);
        fs::write(&file, "")?;
        Ok((Self { file }, left.len()))
    }

    /// Writes a process down.
    pub(crate) fn add(&self, pid: Pid, signal: Signal) -> io::Result<()> {
        // A process that is gone already needs no entry.
        let Some(time) = started(pid) else { return Ok(()) };
        let line = format!("{} {} {time}\n", pid.as_raw_nonzero(), signal.as_raw());
        File::options().append(true).create(true).open(&self.file)?.write_all(line.as_bytes())
    }
}

fn parse(line: &str) -> Option<(Pid, Signal, u64)> {
    let mut fields = line.split(' ');
    let pid = Pid::from_raw(fields.next()?.parse().ok().filter(|p| *p > 1)?)?;
    let signal = Signal::from_named_raw(fields.next()?.parse().ok()?)?;
    Some((pid, signal, fields.next()?.parse().ok()?))
}

/// When a process started, in clock ticks after boot (proc(5), `stat`, field 22; the second field is the
/// name in parentheses and may hold spaces).
pub(crate) fn started(pid: Pid) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    fn pid(child: &std::process::Child) -> Pid {
        Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()
    }

    #[test]
    fn the_next_start_ends_what_was_left_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let mut left = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let mut other = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let (record, none) = Record::begin(dir.path()).unwrap();
        assert_eq!(none, 0);
        record.add(pid(&left), Signal::TERM).unwrap();
        // The same number, but of a process that started at another time.
        let line = format!("{} 15 {}\n", other.id(), started(pid(&other)).unwrap() + 1);
        File::options().append(true).open(&record.file).unwrap().write_all(line.as_bytes()).unwrap();

        let reaper = std::thread::spawn(move || left.wait());
        let (_, ended) = Record::begin(dir.path()).unwrap();

        assert_eq!(ended, 1);
        assert!(!reaper.join().unwrap().unwrap().success());
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
