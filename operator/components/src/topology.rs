//! What RabbitMQ must hold for the platform (FLOWS §3), derived from the table: exchanges, queues,
//! bindings, policies, and a user for each component that may do no more than the table says.
//! The provisioning Job applies it; services have no right to declare anything.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{COMMANDS, Component, EVENTS, MessageKind, components, message};

/// Exchange to which a consumer's retry comes back after its delay; bound by the queue's name.
pub const REDELIVER: &str = "courseplatform.redeliver";
/// Exchange and queue of events that no queue was bound for.
pub const UNROUTED: &str = "courseplatform.unrouted";
/// The delays of a retry: the exchange's last part, and the time in milliseconds.
pub const RETRIES: [(&str, u64); 3] = [("5s", 5_000), ("1m", 60_000), ("10m", 600_000)];
/// How often the broker delivers a message before it gives up on a consumer that keeps dying.
pub const DELIVERY_LIMIT: u32 = 20;
const DEAD_LETTERS_KEPT_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// The exchange of the retries with one delay: `courseplatform.retry.<delay>`.
#[must_use]
pub fn retry_exchange(delay: &str) -> String {
    format!("courseplatform.retry.{delay}")
}

/// The queue of a queue's dead letters: `<queue>.dead`.
#[must_use]
pub fn dead_queue(queue: &str) -> String {
    format!("{queue}.dead")
}

/// How an exchange routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExchangeKind {
    /// By patterns over the routing key.
    Topic,
    /// By the routing key itself.
    Direct,
    /// To every queue bound.
    Fanout,
}

/// A durable exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Its name.
    pub name: String,
    /// How it routes.
    pub kind: ExchangeKind,
    /// Its arguments, as the management API takes them.
    pub arguments: Map<String, Value>,
}

/// A durable quorum queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueDeclaration {
    /// Its name.
    pub name: String,
    /// Its arguments. They can't change later, so limits are in the policies instead.
    pub arguments: Map<String, Value>,
}

/// A queue bound to an exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The exchange.
    pub exchange: String,
    /// The queue.
    pub queue: String,
    /// The routing key or pattern.
    pub routing_key: String,
}

/// Limits for the queues whose names match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// A regular expression over queue names.
    pub pattern: String,
    /// The limits, as the management API takes them.
    pub definition: Map<String, Value>,
}

/// What one component may do at the broker. Regular expressions, as RabbitMQ takes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerUser {
    /// The component.
    pub component: crate::Name,
    /// What it may declare: nothing.
    pub configure: String,
    /// Which exchanges it may publish to.
    pub write: String,
    /// Which queues it may consume.
    pub read: String,
    /// Which routing keys it may publish with.
    pub topics: Vec<TopicPermission>,
}

/// The routing keys that a user may publish with on a topic exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicPermission {
    /// The exchange.
    pub exchange: String,
    /// A regular expression over routing keys.
    pub write: String,
}

/// Everything that the broker must hold in the platform's virtual host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// Exchanges.
    pub exchanges: Vec<Exchange>,
    /// Queues.
    pub queues: Vec<QueueDeclaration>,
    /// Bindings.
    pub bindings: Vec<Binding>,
    /// Policies.
    pub policies: Vec<Policy>,
    /// What each component may do.
    pub users: Vec<BrokerUser>,
}

/// The topology of the whole platform.
#[must_use]
pub fn topology() -> Topology {
    let mut topology = Topology {
        exchanges: exchanges(),
        queues: Vec::new(),
        bindings: Vec::new(),
        policies: policies(),
        users: components().iter().filter(|component| component.uses_broker()).map(user).collect(),
    };
    topology.add_queue(UNROUTED, Map::new());
    topology.bind(UNROUTED, UNROUTED, "");
    for (delay, _) in RETRIES {
        let name = retry_exchange(delay);
        topology.add_queue(&name, Map::new());
        topology.bind(&name, &name, "#");
    }
    for queue in components().iter().flat_map(|component| component.consumes) {
        let dead = dead_queue(queue.name);
        topology.add_queue(
            queue.name,
            object(json!({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})),
        );
        topology.add_queue(&dead, Map::new());
        for kind in queue.messages.iter().filter_map(|name| message(name)) {
            topology.bind(kind.kind.exchange(), queue.name, kind.name);
        }
        topology.bind(REDELIVER, queue.name, queue.name);
    }
    topology
}

impl Topology {
    fn add_queue(&mut self, name: &str, mut arguments: Map<String, Value>) {
        arguments.insert("x-queue-type".to_owned(), Value::from("quorum"));
        self.queues.push(QueueDeclaration { name: name.to_owned(), arguments });
    }

    fn bind(&mut self, exchange: &str, queue: &str, routing_key: &str) {
        self.bindings.push(Binding {
            exchange: exchange.to_owned(),
            queue: queue.to_owned(),
            routing_key: routing_key.to_owned(),
        });
    }
}

fn exchanges() -> Vec<Exchange> {
    let exchange = |name: &str, kind| Exchange { name: name.to_owned(), kind, arguments: Map::new() };
    let mut exchanges = vec![
        Exchange {
            arguments: object(json!({"alternate-exchange": UNROUTED})),
            ..exchange(EVENTS, ExchangeKind::Topic)
        },
        exchange(COMMANDS, ExchangeKind::Topic),
        exchange(REDELIVER, ExchangeKind::Direct),
        exchange(UNROUTED, ExchangeKind::Fanout),
    ];
    exchanges.extend(RETRIES.iter().map(|(delay, _)| exchange(&retry_exchange(delay), ExchangeKind::Topic)));
    exchanges
}

fn policies() -> Vec<Policy> {
    let work =
        alternatives(components().iter().flat_map(|component| component.consumes).map(|queue| queue.name));
    let mut policies = vec![
        Policy {
            name: "courseplatform-work".to_owned(),
            pattern: work,
            definition: object(json!({
                "delivery-limit": DELIVERY_LIMIT,
                "dead-letter-strategy": "at-least-once",
                "overflow": "reject-publish",
            })),
        },
        Policy {
            name: "courseplatform-dead".to_owned(),
            pattern: r"\.dead$".to_owned(),
            // Looking at a dead letter puts it back, which counts as a delivery, and RabbitMQ 4 drops what
            // was delivered more than 20 times when no policy says otherwise.
            definition: object(json!({"message-ttl": DEAD_LETTERS_KEPT_MS, "delivery-limit": 1_000_000})),
        },
        Policy {
            name: "courseplatform-unrouted".to_owned(),
            pattern: alternatives([UNROUTED].into_iter()),
            definition: object(json!({"message-ttl": DEAD_LETTERS_KEPT_MS, "max-length": 100_000})),
        },
    ];
    // The routing key of a retry is the name of the queue it came from, and dead-lettering keeps it.
    policies.extend(RETRIES.iter().map(|(delay, milliseconds)| Policy {
        name: format!("courseplatform-retry-{delay}"),
        pattern: alternatives([retry_exchange(delay).as_str()].into_iter()),
        definition: object(json!({
            "message-ttl": milliseconds,
            "dead-letter-exchange": REDELIVER,
            "dead-letter-strategy": "at-least-once",
            "overflow": "reject-publish",
        })),
    }));
    policies
}

fn user(component: &Component) -> BrokerUser {
    let published = |kind: MessageKind| {
        component
            .publishes
            .iter()
            .filter(|name| message(name).is_some_and(|message| message.kind == kind))
            .copied()
            .collect::<Vec<_>>()
    };
    let queues: Vec<&str> = component.consumes.iter().map(|queue| queue.name).collect();
    let mut topics = Vec::new();
    for (exchange, names) in
        [(EVENTS, published(MessageKind::Event)), (COMMANDS, published(MessageKind::Command))]
    {
        topics
            .push(TopicPermission { exchange: exchange.to_owned(), write: alternatives(names.into_iter()) });
    }
    for (delay, _) in RETRIES {
        topics.push(TopicPermission {
            exchange: retry_exchange(delay),
            write: alternatives(queues.iter().copied()),
        });
    }
    let writable: BTreeSet<&str> =
        topics.iter().filter(|topic| topic.write != NOTHING).map(|topic| topic.exchange.as_str()).collect();
    BrokerUser {
        component: component.name,
        configure: NOTHING.to_owned(),
        write: alternatives(writable.into_iter()),
        read: alternatives(queues.into_iter()),
        topics,
    }
}

/// A regular expression that matches the empty name only, which nothing has.
const NOTHING: &str = "^$";

/// A regular expression that matches exactly these names.
fn alternatives<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| name.replace('.', r"\.")).collect();
    if names.is_empty() { NOTHING.to_owned() } else { format!("^({})$", names.join("|")) }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
