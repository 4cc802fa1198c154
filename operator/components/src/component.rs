//! The shape of one entry of the table.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{PublicRoute, Setting, settings};

/// A component. Its name is its crate, its binary, the file `/<name>` in its image and the last
/// part of its objects' names (DESIGN §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the names say it
pub enum Name {
    Identity,
    Catalog,
    Basket,
    Discount,
    Order,
    Payment,
    Photostock,
    Gateway,
    Web,
}

impl Name {
    /// The name as it is written everywhere: lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Catalog => "catalog",
            Self::Basket => "basket",
            Self::Discount => "discount",
            Self::Order => "order",
            Self::Payment => "payment",
            Self::Photostock => "photostock",
            Self::Gateway => "gateway",
            Self::Web => "web",
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A kind of server that components keep their data in or talk through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the names say it
pub enum ServerKind {
    Postgres,
    SqlServer,
    #[serde(rename = "mongodb")]
    MongoDb,
    Redis,
    #[serde(rename = "rabbitmq")]
    RabbitMq,
}

impl ServerKind {
    /// Every kind, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Postgres, Self::SqlServer, Self::MongoDb, Self::Redis, Self::RabbitMq];

    /// The kind as a part of object names and in the status: lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::SqlServer => "sqlserver",
            Self::MongoDb => "mongodb",
            Self::Redis => "redis",
            Self::RabbitMq => "rabbitmq",
        }
    }

    /// The kind's field in `spec.servers` of a `CoursePlatform`.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::SqlServer => "sqlServer",
            other => other.as_str(),
        }
    }

    /// The port that clients use when none is given.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::SqlServer => 1433,
            Self::MongoDb => 27017,
            Self::Redis => 6379,
            Self::RabbitMq => 5672,
        }
    }

    /// The setting that names the file with the connection URL.
    #[must_use]
    pub const fn url_setting(self) -> &'static str {
        match self {
            Self::Postgres | Self::SqlServer => "DATABASE_URL_FILE",
            Self::MongoDb => "MONGODB_URL_FILE",
            Self::Redis => "REDIS_URL_FILE",
            Self::RabbitMq => "AMQP_URL_FILE",
        }
    }

    /// The name of that file: `database-url`, `mongodb-url`, `redis-url` or `amqp-url`.
    #[must_use]
    pub const fn url_file(self) -> &'static str {
        match self {
            Self::Postgres | Self::SqlServer => "database-url",
            Self::MongoDb => "mongodb-url",
            Self::Redis => "redis-url",
            Self::RabbitMq => "amqp-url",
        }
    }
}

impl fmt::Display for ServerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// That a component uses a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerUse {
    /// The kind used when the platform says nothing else.
    pub kind: ServerKind,
    /// Kinds that can take its place (`DATABASE_ENGINE`); empty when there is no choice.
    pub alternatives: &'static [ServerKind],
}

/// That a component calls another one's `/internal/v1/**` (or, for gateway and web, its API).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Who is called.
    pub to: Name,
    /// The system scopes of FLOWS §1 that the calls need; empty when they carry a user's token.
    pub scopes: &'static [&'static str],
}

/// A queue of messages that a component consumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The queue's name: `<component>.<what>`.
    pub name: &'static str,
    /// The exact message types bound to it.
    pub messages: &'static [&'static str],
}

/// One component of the platform.
#[derive(Debug)]
pub struct Component {
    /// Its name.
    pub name: Name,
    /// One sentence for people: what it does.
    pub purpose: &'static str,
    /// The API port of `make dev`; probes and metrics are 1000 above.
    pub local_port: u16,
    /// The servers it uses.
    pub servers: &'static [ServerUse],
    /// Whether it keeps photos in a volume.
    pub volume: bool,
    /// Whether it has a `migrate` that must have run before it serves.
    pub migrates: bool,
    /// Whether it has a `seed` that brings demo data.
    pub seeds: bool,
    /// Whom it calls.
    pub calls: &'static [Edge],
    /// The message types it publishes.
    pub publishes: &'static [&'static str],
    /// The queues it consumes.
    pub consumes: &'static [Queue],
    /// Components that are rolled out before it. Has no cycle, unlike `calls`.
    pub after: &'static [Name],
    /// The paths that the gateway opens to it.
    pub routes: &'static [PublicRoute],
    /// Settings beside those that follow from the other fields.
    pub extra_settings: &'static [Setting],
}

impl Component {
    /// Every setting that the component is given, each with where its value comes from.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        settings::of(self)
    }

    /// Whether the platform may choose between engines for its database.
    #[must_use]
    pub fn has_engine_choice(&self) -> bool {
        self.servers.iter().any(|server| !server.alternatives.is_empty())
    }

    /// The system scopes of everything it calls, each once: what its own tokens may carry.
    pub fn system_scopes(&self) -> impl Iterator<Item = &'static str> {
        self.calls.iter().flat_map(|edge| edge.scopes).copied()
    }

    /// Whether it gets tokens from identity, and so has a client's secret: it calls others with system
    /// scopes, exchanges users' tokens, or signs users in.
    #[must_use]
    pub fn is_client(&self) -> bool {
        self.system_scopes().next().is_some() || matches!(self.name, Name::Gateway | Name::Web)
    }

    /// Whether it checks access tokens: it has an API that takes them, or lets nobody else through.
    #[must_use]
    pub fn checks_tokens(&self) -> bool {
        self.name == Name::Gateway || self.routes.iter().any(|route| route.audience.is_some())
    }

    /// Whom it connects to, each once: whom it calls, and identity when it gets keys or tokens there.
    /// Unlike a call this makes it wait for nobody: keys and tokens are fetched when they are needed.
    pub fn connects_to(&self) -> impl Iterator<Item = Name> {
        let called = self.calls.iter().map(|edge| edge.to);
        let fetches = self.checks_tokens() || self.is_client();
        let calls_identity = self.calls.iter().any(|edge| edge.to == Name::Identity);
        called.chain((fetches && !calls_identity).then_some(Name::Identity))
    }

    /// Whether it is one of the services, with an API for programs: not the door to them nor the pages before it.
    #[must_use]
    pub fn is_service(&self) -> bool {
        !matches!(self.name, Name::Gateway | Name::Web)
    }

    /// Whether it talks to the message broker.
    #[must_use]
    pub fn uses_broker(&self) -> bool {
        self.servers.iter().any(|server| server.kind == ServerKind::RabbitMq)
    }
}
