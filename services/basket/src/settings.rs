//! What the basket service can be told.

use std::time::Duration;

use platform_auth::{AuthSettings, ClientSettings};
use platform_config::base_url;
use platform_service::CommonSettings;
use platform_service::amqp::AmqpSettings;
use platform_service::redis::RedisSettings;
use url::Url;

/// Settings of the basket service.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// What every component is told.
    #[command(flatten)]
    pub common: CommonSettings,

    /// The tokens of callers.
    #[command(flatten)]
    pub auth: AuthSettings,

    /// The service's own tokens, for the catalog.
    #[command(flatten)]
    pub client: ClientSettings,

    /// The service's own store.
    #[command(flatten)]
    pub redis: RedisSettings,

    /// The broker.
    #[command(flatten)]
    pub amqp: AmqpSettings,

    /// Base address of the catalog, which says what courses are called and what they cost.
    #[arg(long, env, value_parser = base_url)]
    pub catalog_url: Url,

    /// Days that a basket is kept after its last change.
    #[arg(long, env, default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=730))]
    pub basket_days: u16,
}

impl Settings {
    /// How long a basket is kept after its last change.
    pub(crate) fn basket_lifetime(&self) -> Duration {
        Duration::from_secs(u64::from(self.basket_days) * 24 * 60 * 60)
    }
}
