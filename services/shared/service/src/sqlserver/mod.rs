//! SQL Server as a component's own store, for components that run on either engine: settings, pool,
//! transactions, rows, migrations, readiness. The twin of [`crate::postgres`].
//!
//! T-SQL stays plain: no MERGE, unique keys for idempotency, a lock only where it says what waits for it. Databases run with
//! READ_COMMITTED_SNAPSHOT ON, which whoever makes the database sets.

mod address;
mod migrations;
mod pool;
mod transaction;
mod values;

use deadpool::managed;
use platform_config::SecretFileError;
use platform_http::server::{CheckError, Dependency, Need};

pub use migrations::{Migration, migrate, wait_for};
pub use pool::{Client, Pool, pool};
pub use transaction::Transaction;
pub use values::{Columns, utc};

/// Which engine a component's own database runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// PostgreSQL 15 or newer.
    Postgres,
    /// Microsoft SQL Server 2019 or newer.
    Sqlserver,
}

/// The choice of the engine, beside [`DatabaseSettings`].
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct EngineSettings {
    /// What DATABASE_URL_FILE points to: a postgres://… or a sqlserver://user:password@host:1433/database
    /// URL. The latter is encrypted and checked against the system's CAs; `?trustServerCertificate=true`
    /// accepts any certificate.
    #[arg(long, env, default_value = "postgres")]
    pub database_engine: Engine,
}

/// Why the database gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum SqlServerError {
    /// The file with the URL can't be read.
    #[error("the database's URL can't be read")]
    Settings(#[from] SecretFileError),
    /// The URL is none of SQL Server's.
    #[error("DATABASE_URL_FILE: does not contain a sqlserver:// URL: {0}")]
    Url(&'static str),
    /// The server can't be reached.
    #[error("the database can't be reached")]
    Unreachable(#[from] std::io::Error),
    /// No connection became free in time.
    #[error("no connection to the database became free in time")]
    Busy,
    /// The server refused, or the connection broke.
    #[error("the database failed")]
    Failed(#[from] tiberius::error::Error),
}

impl SqlServerError {
    /// Whether a unique key refused a row (2627: a constraint, 2601: an index).
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Self::Failed(error) if matches!(error.code(), Some(2627 | 2601)))
    }
}

impl From<managed::PoolError<SqlServerError>> for SqlServerError {
    fn from(error: managed::PoolError<SqlServerError>) -> Self {
        match error {
            managed::PoolError::Backend(error) => error,
            _ => Self::Busy,
        }
    }
}

/// The dependency `sqlserver`: hard, the component's own store.
#[must_use]
pub fn dependency(pool: &Pool) -> Dependency {
    let pool = pool.clone();
    Dependency::new("sqlserver", Need::Hard, move || {
        let pool = pool.clone();
        async move { pool.ping().await.map_err(|error| CheckError::new(platform_http::problem::Chain(&error))) }
    })
}
