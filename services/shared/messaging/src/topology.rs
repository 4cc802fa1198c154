//! Declares over AMQP what `platform-components` says the broker must hold. For tests, `make dev` and the
//! provisioning Job; a service has no right to declare and never calls this.

use std::collections::BTreeMap;
use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};
use platform_components::RETRIES;
pub use platform_components::{Policy, Topology, topology};
use serde_json::{Map, Value};

use crate::broker::{BrokerError, within};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How queues get their limits.
#[derive(Clone, Copy, Debug)]
pub enum Limits {
    /// From policies, set through the management API: the only way to change them later. This sets none.
    ByPolicy,
    /// From the queues' arguments, for tests, which have a virtual host for themselves and no patience:
    /// every retry comes back after this time.
    AsArguments(Duration),
}

/// Declares exchanges, queues and bindings. Doing it again changes nothing.
///
/// # Errors
/// When the broker fails, or something of the same name and other arguments exists.
pub async fn declare(channel: &Channel, topology: &Topology, limits: Limits) -> Result<(), BrokerError> {
    for exchange in &topology.exchanges {
        let kind = match exchange.kind {
            platform_components::ExchangeKind::Topic => ExchangeKind::Topic,
            platform_components::ExchangeKind::Direct => ExchangeKind::Direct,
            platform_components::ExchangeKind::Fanout => ExchangeKind::Fanout,
        };
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let arguments = table(&exchange.arguments);
        within(
            ANSWER_TIMEOUT,
            channel.exchange_declare(exchange.name.as_str().into(), kind, options, arguments),
        )
        .await?;
    }
    for queue in &topology.queues {
        let mut arguments = queue.arguments.clone();
        if let Limits::AsArguments(retry_after) = limits {
            arguments.extend(limits_of(topology, &queue.name, retry_after));
        }
        let declared = channel.queue_declare(
            queue.name.as_str().into(),
            QueueDeclareOptions::durable(),
            table(&arguments),
        );
        within(ANSWER_TIMEOUT, declared).await?;
    }
    for binding in &topology.bindings {
        let bound = channel.queue_bind(
            binding.queue.as_str().into(),
            binding.exchange.as_str().into(),
            binding.routing_key.as_str().into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        within(ANSWER_TIMEOUT, bound).await?;
    }
    Ok(())
}

/// The definition of the policy that is meant for `queue`, as queue arguments.
fn limits_of(topology: &Topology, queue: &str, retry_after: Duration) -> Map<String, Value> {
    let retry = RETRIES.iter().find(|(delay, _)| platform_components::retry_exchange(delay) == queue);
    let policy = match retry {
        Some((delay, _)) => format!("courseplatform-retry-{delay}"),
        None if queue.ends_with(".dead") => "courseplatform-dead".to_owned(),
        None if queue == platform_components::UNROUTED => "courseplatform-unrouted".to_owned(),
        None => "courseplatform-work".to_owned(),
    };
    let policy = topology.policies.iter().find(|it| it.name == policy);
    let mut limits: Map<String, Value> = policy
        .into_iter()
        .flat_map(|it| &it.definition)
        .map(|(key, value)| (format!("x-{key}"), value.clone()))
        .collect();
    if retry.is_some() {
        let milliseconds = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
        limits.insert("x-message-ttl".to_owned(), milliseconds.into());
    }
    limits
}

fn table(arguments: &Map<String, Value>) -> FieldTable {
    let values: BTreeMap<_, _> =
        arguments.iter().map(|(key, value)| (key.as_str().into(), amqp_value(value))).collect();
    FieldTable::from(values)
}

fn amqp_value(value: &Value) -> AMQPValue {
    match value {
        Value::Bool(it) => AMQPValue::Boolean(*it),
        Value::Number(it) => it.as_i64().map_or(AMQPValue::Void, AMQPValue::LongLongInt),
        Value::String(it) => AMQPValue::LongString(it.as_str().into()),
        Value::Null | Value::Array(_) | Value::Object(_) => AMQPValue::Void,
    }
}
