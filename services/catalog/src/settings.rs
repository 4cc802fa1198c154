//! What the catalog service can be told.

use platform_config::UrlFile;
use platform_money::Currency;
use platform_service::CommonSettings;
use platform_service::mongodb::MongoSettings;

/// Settings of the catalog service.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// What every component is told.
    #[command(flatten)]
    pub common: CommonSettings,

    /// The service's own database.
    #[command(flatten)]
    pub database: MongoSettings,

    /// File with the broker's URL, amqp://user:password@host:5672/vhost.
    #[arg(long, env)]
    pub amqp_url_file: UrlFile,

    /// The one currency in which courses are sold (ISO 4217).
    #[arg(long, env, default_value = "TRY")]
    pub currency: Currency,
}
