//! RabbitMQ as what a component publishes to or consumes from: the setting, and what its readiness says.

use platform_config::UrlFile;
use platform_http::server::{CheckError, Dependency, Need};
use platform_messaging::{Broker, Health};

/// How to reach the broker.
#[derive(Clone, Debug, clap::Args)]
pub struct AmqpSettings {
    /// File with the broker's URL, amqp://user:password@host:5672/vhost.
    #[arg(long, env)]
    pub amqp_url_file: UrlFile,
}

/// The broker for the component `name`. Connects nowhere yet.
#[must_use]
pub fn broker(settings: &AmqpSettings, name: &str) -> Broker {
    Broker::new(settings.amqp_url_file.clone(), name)
}

/// The dependency `rabbitmq`, of a relay's or a consumer's health. Soft: what is to be published waits in the
/// outbox, what is to be consumed waits in the queue.
#[must_use]
pub fn dependency(health: &Health) -> Dependency {
    let health = health.clone();
    Dependency::new("rabbitmq", Need::Soft, move || {
        let state = health.check().map_err(CheckError);
        async move { state }
    })
}
