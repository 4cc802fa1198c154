//! What the gateway can be told.

use std::path::PathBuf;

use platform_config::{UrlFile, non_empty};
use platform_service::CommonSettings;

use crate::routes::Table;

/// Settings of the gateway.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// What every component is told.
    #[command(flatten)]
    pub common: CommonSettings,

    /// File with the routes (YAML, `version: 1`); docs/api describes the format.
    #[arg(long, env, value_parser = checked)]
    pub routes_file: PathBuf,

    /// File with Redis's URL, for what replicas share; absent: the gateway runs alone.
    #[arg(long, env)]
    pub redis_url_file: Option<UrlFile>,

    /// What every key in Redis begins with.
    #[arg(long, env, default_value = "cp:", value_parser = non_empty)]
    pub redis_key_prefix: String,
}

/// A routes file is checked while the settings are parsed, so that a wrong one is refused like any setting.
fn checked(path: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(non_empty(path)?);
    Table::load(&path).map(|_| path).map_err(|error| error.to_string())
}
