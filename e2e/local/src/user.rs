//! The unprivileged user of PostgreSQL, which refuses to run as root.

use std::fs;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::Path;

/// A user and group by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The account that PostgreSQL must run as: none when we are not root (it runs as we do), else Debian's
/// `postgres`, else `nobody`, which every Debian has.
pub(crate) fn unprivileged() -> Option<Account> {
    if !is_root() {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    Some(
        account(&passwd, "postgres")
            .or_else(|| account(&passwd, "nobody"))
            .unwrap_or(Account { uid: 65534, gid: 65534 }),
    )
}

/// Looks a user up in the text of `/etc/passwd` (passwd(5): `name:password:uid:gid:…`).
fn account(passwd: &str, name: &str) -> Option<Account> {
    let line = passwd.lines().find(|l| l.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some(Account { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
}

/// Gives a directory (not what lies in it) to `account`.
pub(crate) fn give(path: &Path, account: Option<Account>) -> std::io::Result<()> {
    account.map_or(Ok(()), |a| chown(path, Some(a.uid), Some(a.gid)))
}

/// Writes a file with a password in it: nobody else may ever read it, so it is made with these rights
/// instead of being given them afterwards.
pub(crate) fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    fs::File::options().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

/// Whether `account` may pass through every directory above `path`. A clone below `/root` is the usual
/// place where it may not.
pub(crate) fn can_reach(path: &Path, account: Account) -> bool {
    path.ancestors().skip(1).filter_map(|dir| dir.metadata().ok()).all(|m| {
        let bit = match () {
            () if m.uid() == account.uid => 0o100,
            () if m.gid() == account.gid => 0o010,
            () => 0o001,
        };
        m.mode() & bit != 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\npostgres:x:112:118:PostgreSQL:/var/lib/postgresql:/bin/bash\nnobody:x:65534:65534::/:/usr/sbin/nologin\n";

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        assert_eq!(account(PASSWD, "postgres"), Some(Account { uid: 112, gid: 118 }));
        assert_eq!(account(PASSWD, "post"), None);
    }

    #[test]
    fn a_private_directory_cannot_be_passed_by_others() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = Account { uid: 4_000_000, gid: 4_000_000 };
        assert!(!can_reach(&dir.path().join("data"), stranger));
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o711)).unwrap();
        assert_eq!(can_reach(&dir.path().join("data"), stranger), can_reach(dir.path(), stranger));
    }
}
