//! Reading and checking `routes.yaml`.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use http::Uri;
use platform_components::{Name, ROUTES_VERSION, RoutesFile};

use super::Table;

/// Why a routes file can't be used. The text says where and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoutesError {
    #[error("can't read {path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// The parser's text names line and column.
    #[error("{path}: {source}")]
    Syntax { path: PathBuf, source: serde_norway::Error },
    #[error("version {0} is not known to this gateway, which reads version {ROUTES_VERSION}")]
    Version(u32),
    #[error("upstream {name}: {reason}")]
    Upstream { name: Name, reason: String },
    #[error("route {path}: {reason}")]
    Route { path: String, reason: String },
}

impl Table {
    /// Reads, checks and compiles a routes file.
    ///
    /// # Errors
    /// See [`RoutesError`].
    pub(crate) fn load(path: &Path) -> Result<Self, RoutesError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| RoutesError::Unreadable { path: path.to_owned(), source })?;
        let file = serde_norway::from_str(&text)
            .map_err(|source| RoutesError::Syntax { path: path.to_owned(), source })?;
        compile(file)
    }
}

pub(super) fn compile(file: RoutesFile) -> Result<Table, RoutesError> {
    if file.version != ROUTES_VERSION {
        return Err(RoutesError::Version(file.version));
    }
    let mut upstreams = HashMap::new();
    for (name, upstream) in file.upstreams {
        upstreams.insert(name, base(&upstream.url).map_err(|reason| RoutesError::Upstream { name, reason })?);
    }
    let mut seen = HashSet::new();
    for route in &file.routes {
        let wrong = |reason: &str| RoutesError::Route { path: route.path.clone(), reason: reason.to_owned() };
        if !route.path.starts_with('/') {
            return Err(wrong("must begin with a slash"));
        }
        if !route.path.starts_with(&route.strip_prefix) {
            return Err(wrong("must begin with its `stripPrefix`"));
        }
        if route.methods.is_empty() {
            return Err(wrong("needs at least one method"));
        }
        if route.timeout_seconds == 0 {
            return Err(wrong("needs a timeout of at least 1 second"));
        }
        if !seen.insert((route.path.trim_end_matches('/').to_owned(), route.exact)) {
            return Err(wrong("stands twice"));
        }
    }
    Table::new(file.routes, &upstreams)
}

/// An upstream's scheme and authority.
fn base(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|_| format!("{url:?} is no URL"))?;
    let plain = uri.scheme_str() == Some("http") && uri.authority().is_some();
    if plain && uri.path() == "/" && uri.query().is_none() {
        Ok(uri)
    } else {
        Err(format!("{url:?} must be http://host:port without a path"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Table, RoutesError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Table::load(file.path())
    }

    const GOOD: &str = "version: 1
upstreams:
  web: {url: 'http://localhost:8108'}
routes:
  - {path: /, upstream: web, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 5}
";

    #[test]
    fn a_good_file_is_read() {
        assert_eq!(load(GOOD).unwrap().len(), 1);
    }

    #[test]
    fn wrong_files_say_what_is_wrong() {
        for (from, to, expected) in [
            ("version: 1", "version: 2", "version 2 is not known"),
            ("methods: [GET]", "methods: []", "route /: needs at least one method"),
            ("methods: [GET]", "methods: ['G T']", "one of its methods"),
            ("timeoutSeconds: 5", "timeoutSeconds: 0", "timeout"),
            ("timeoutSeconds: 5", "timeoutSeconds: 5, colour: red", "line 5"),
            ("upstream: web", "upstream: catalog", "its upstream catalog is not in"),
            ("path: /,", "path: x,", "must begin with a slash"),
            ("http://localhost:8108", "https://localhost/x", "must be http://host:port"),
        ] {
            let error = load(&GOOD.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{to}: {error}");
        }
    }
}
