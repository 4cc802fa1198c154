//! What the photostock service can be told.

use std::path::PathBuf;

use platform_auth::AuthSettings;
use platform_service::CommonSettings;

/// Settings of the photostock service.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// What every component is told.
    #[command(flatten)]
    pub common: CommonSettings,

    /// The tokens of callers.
    #[command(flatten)]
    pub auth: AuthSettings,

    /// Folder in which photos are kept; it must exist and be writable.
    #[arg(long, env, value_parser = folder)]
    pub photos_dir: PathBuf,

    /// Largest upload in bytes.
    #[arg(long, env, default_value_t = 10 * 1024 * 1024)]
    pub max_photo_bytes: usize,

    /// Largest width or height of an upload in pixels.
    #[arg(long, env, default_value_t = 8192, value_parser = clap::value_parser!(u32).range(16..=32_768))]
    pub max_photo_pixels: u32,

    /// Photos decoded at the same time; each may take 4 bytes a pixel.
    #[arg(long, env, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub concurrent_decodes: u32,
}

fn folder(path: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(platform_config::non_empty(path)?);
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => Ok(path),
        Ok(_) => Err(format!("{} is not a folder", path.display())),
        Err(error) => Err(format!("can't use {}: {error}", path.display())),
    }
}
