//! What the web shop can be told.

use platform_config::base_url;
use platform_service::CommonSettings;
use platform_service::redis::RedisSettings;
use url::Url;

/// Settings of the web shop.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// What every component is told.
    #[command(flatten)]
    pub common: CommonSettings,

    /// Where sessions are kept.
    #[command(flatten)]
    pub redis: RedisSettings,

    /// Base address of the gateway, through which pages get everything that they show.
    #[arg(long, env, value_parser = base_url)]
    pub gateway_url: Url,
}
