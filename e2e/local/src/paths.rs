//! Where things lie in the clone.

use std::env;
use std::path::{Path, PathBuf};

/// The root of the clone: the nearest folder above the current one that holds `e2e/local`.
pub(crate) fn clone_root() -> Option<PathBuf> {
    env::current_dir()
        .ok()?
        .ancestors()
        .find(|d| d.join("e2e/local/Cargo.toml").is_file())
        .map(Path::to_owned)
}
