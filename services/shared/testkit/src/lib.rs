//! Real servers for tests: each test gets a database, virtual host or key space of its own on servers that
//! are already running, and a proxy with which it breaks the network.
//!
//! The servers are named by the `TEST_…` variables, which `make test` and `courseplatform-local servers --`
//! set; a test without them fails and says so, because a skipped test looks like a green one. Nothing here
//! may pretend to be a server, wait for a fixed time or be used outside tests: it panics where a test should
//! fail.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot have its server must fail, with the reason"
)]

mod api;
pub mod bad_input;
pub mod bad_tokens;
mod binary;
mod cleanup;
mod engine;
mod engine_sql;
mod eventually;
mod issuer;
pub mod life;
mod mongodb;
mod name;
mod postgres;
mod proxy;
mod rabbitmq;
mod redis;
pub mod routes;
mod sqlserver;
mod trials;

pub use api::{Answer, Api};
pub use binary::{Binary, Running, golden, secret_file};
pub use engine::{Engine, EngineDatabase, engine_trial, run_on_engines};
pub use engine_sql::{EngineSql, SqlValue};
pub use eventually::{Attempt, eventually};
pub use issuer::{TestIssuer, TokenBuilder};
pub use mongodb::MongoDb;
pub use postgres::Postgres;
pub use proxy::TcpProxy;
pub use rabbitmq::RabbitMq;
pub use redis::Redis;
pub use sqlserver::SqlServer;
pub use trials::{sqlserver_tests, trial};

/// The path of a kubeconfig for a real kube-apiserver (`TEST_KUBECONFIG`).
///
/// # Panics
/// When no server was started for this test run.
#[must_use]
pub fn kubeconfig() -> std::path::PathBuf {
    required("TEST_KUBECONFIG").into()
}

/// A variable that names a server.
fn required(key: &str) -> String {
    std::env::var(key).ok().filter(|v| !v.is_empty()).unwrap_or_else(|| {
        panic!("{key} is not set: run the tests through `make test` or `courseplatform-local servers -- cargo test …`")
    })
}
