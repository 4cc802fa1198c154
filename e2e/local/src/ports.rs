//! Free ports, and who has the ones that are not.

use std::collections::HashSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use rand::RngExt;

/// Finds ports that are free now and not in the range from which the kernel takes ports for outgoing
/// connections, so that none is lost between finding it and listening on it but to a program that chose
/// the same at random.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    given: HashSet<u16>,
}

impl Ports {
    /// A free port of 127.0.0.1 that was not handed out before, or none when all tries were taken.
    pub(crate) fn free(&mut self) -> Option<u16> {
        (0..1000).find_map(|_| {
            let port = rand::rng().random_range(20_000..32_000);
            (!self.given.contains(&port) && is_free(port)).then(|| {
                self.given.insert(port);
                port
            })
        })
    }
}

/// Whether somebody could listen on this port of 127.0.0.1 now.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The program that listens on `port`, as `name (pid 123)`, when the kernel lets us see it.
pub(crate) fn listener(port: u16) -> Option<String> {
    let pid = listener_pid(port)?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(format!("{} (pid {pid})", name.trim()))
}

/// The number of the process that listens on `port`, when the kernel lets us see it.
pub(crate) fn listener_pid(port: u16) -> Option<u32> {
    let inodes: HashSet<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .collect();
    let mut pids =
        fs::read_dir("/proc").ok()?.flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| {
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        files.flatten().filter_map(|f| fs::read_link(f.path()).ok()).any(|l| {
            l.to_str()
                .and_then(|l| l.strip_prefix("socket:[")?.strip_suffix(']'))
                .is_some_and(|i| inodes.contains(i))
        })
    })
}

/// The inodes of sockets that listen on `port`, from the text of `/proc/net/tcp` (proc(5)): column 1 is
/// the local address with the port in hexadecimal, column 3 the state (0A is LISTEN), column 9 the inode.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|f| f.len() > 9 && f[1].ends_with(&suffix) && f[3] == "0A")
        .map(|f| f[9].to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_handed_out_once() {
        let mut ports = Ports::default();
        let all: Vec<u16> = (0..20).filter_map(|_| ports.free()).collect();
        assert_eq!(all.len(), 20);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 20);
    }

    #[test]
    fn the_listener_of_a_taken_port_is_named() {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        assert!(!is_free(port));
        let who = listener(port).unwrap();
        assert!(who.ends_with(&format!("(pid {})", std::process::id())), "{who}");
    }
}
