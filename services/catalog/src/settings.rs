//! What the catalog service can be told.

use platform_auth::AuthSettings;
use platform_money::Currency;
use platform_service::CommonSettings;
use platform_service::amqp::AmqpSettings;
use platform_service::mongodb::MongoSettings;

/// Settings of the catalog service.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// What every component is told.
    #[command(flatten)]
    pub common: CommonSettings,

    /// The tokens of callers.
    #[command(flatten)]
    pub auth: AuthSettings,

    /// The service's own database.
    #[command(flatten)]
    pub database: MongoSettings,

    /// The broker.
    #[command(flatten)]
    pub amqp: AmqpSettings,

    /// The one currency in which courses are sold (ISO 4217).
    #[arg(long, env, default_value = "TRY")]
    pub currency: Currency,
}
