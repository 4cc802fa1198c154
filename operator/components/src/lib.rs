//! The platform as data: which components there are, what each needs, whom it calls, what it
//! publishes and consumes, and which paths the gateway opens. Everything that must agree about
//! these facts reads them here: the operator, `courseplatform-admin`, `make dev`, Compose and the
//! gateway. The crate knows neither Kubernetes nor any server and does no I/O; it must stay so.
//!
//! A new service is one entry in [`components`]. Its settings, network policies, database,
//! broker user, rollout order and public routes follow from that entry.

mod clients;
mod component;
mod demands;
mod messages;
pub mod names;
pub mod provision;
mod route_rules;
mod routes;
mod scopes;
mod settings;
mod table;
mod topology;

pub use clients::{
    CLIENTS_VERSION, Client, ClientType, ClientsError, ClientsFile, Grant, MAX_SECRETS, ScopeEntry,
    built_in_clients, clients_file, confidential_clients, is_client_id, secret_sha256,
};
pub use component::{Component, Edge, Name, Queue, ServerKind, ServerUse};
pub use demands::{Demand, demands};
pub use messages::{COMMANDS, EVENTS, Message, MessageKind, message, messages};
pub use route_rules::{CacheRule, HeaderRules};
pub use routes::{
    Limit, LimitBy, Priority, PublicRoute, ROUTES_VERSION, Route, RoutesFile, Upstream, routes_file,
};
pub use scopes::{Role, Scope, Subject, scope, scopes};
pub use settings::{Setting, Source};
pub use table::{component, components};
pub use topology::{
    Binding, BrokerUser, DELIVERY_LIMIT, Exchange, ExchangeKind, Policy, QueueDeclaration, REDELIVER,
    RETRIES, TopicPermission, Topology, UNROUTED, dead_queue, retry_exchange, topology,
};

/// Port of a component's API inside the cluster and in its image.
pub const API_PORT: u16 = 8080;
/// Port of a component's probes and metrics inside the cluster and in its image.
pub const ADMIN_PORT: u16 = 9090;
/// Image and binary of the program that provisions servers; it is not a component: it never serves.
pub const ADMIN_PROGRAM: &str = "courseplatform-admin";
/// What `make dev` adds to a component's local port to get that of its probes and metrics.
pub const LOCAL_ADMIN_OFFSET: u16 = 1000;
