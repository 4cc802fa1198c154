//! Paths that somebody is sent to because a request says so.

/// Longest one that is followed, in bytes.
const LONGEST: usize = 4096;

/// Whether a path leads back into the platform. Browsers read `//host` and `/\host` as other hosts.
#[must_use]
pub fn is_local(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= LONGEST
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn return_paths_stay_here() {
        for right in ["/", "/courses/rust-1?lang=tr", "/identity/authorize?client_id=web&state=%2F"] {
            assert!(is_local(right), "{right}");
        }
        for wrong in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "x", "/ğ", "/a b"]
        {
            assert!(!is_local(wrong), "{wrong}");
        }
        assert!(!is_local(&format!("/{}", "a".repeat(LONGEST))));
    }
}
