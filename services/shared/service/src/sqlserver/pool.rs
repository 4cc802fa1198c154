//! Connections to the database, each made when it is first needed.

use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, RecycleError, RecycleResult, Timeouts};
use platform_config::UrlFile;
use tiberius::{Row, ToSql};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

use super::address::configuration;
use super::{SqlServerError, Transaction};
use crate::StartError;
use crate::postgres::DatabaseSettings;

/// A request waits this long for a connection before it answers 503.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Name resolution and TCP; the handshake has tiberius' own limit.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// One connection as tiberius knows it.
pub type Client = tiberius::Client<Compat<TcpStream>>;

/// Connections of one component; they are made when they are first used. Cheap to clone.
#[derive(Clone)]
pub struct Pool(managed::Pool<Manager>);

/// A pool that connects when it is first used: a server that is late does not keep the component from
/// starting.
///
/// # Errors
/// When the URL is none of SQL Server's.
pub fn pool(settings: &DatabaseSettings, application: &str) -> Result<Pool, StartError> {
    configuration(&settings.database_url_file.read()?, application)?;
    let manager = Manager { url: settings.database_url_file.clone(), application: application.to_owned() };
    let timeouts = Timeouts {
        wait: Some(ACQUIRE_TIMEOUT),
        create: Some(ACQUIRE_TIMEOUT),
        recycle: Some(ACQUIRE_TIMEOUT),
    };
    let connections = usize::try_from(settings.database_max_connections)?;
    let pool = managed::Pool::builder(manager).max_size(connections).timeouts(timeouts);
    Ok(Pool(pool.runtime(Runtime::Tokio1).build()?))
}

impl Pool {
    /// Runs a statement that is a transaction of its own; answers how many rows it changed.
    ///
    /// # Errors
    /// When there is no connection, the server refuses or the connection breaks.
    pub async fn execute(&self, sql: &str, parameters: &[&dyn ToSql]) -> Result<u64, SqlServerError> {
        self.0.get().await?.execute(sql, parameters).await
    }

    /// Runs a query; answers all rows of its first result.
    ///
    /// # Errors
    /// When there is no connection, the server refuses or the connection breaks.
    pub async fn query(&self, sql: &str, parameters: &[&dyn ToSql]) -> Result<Vec<Row>, SqlServerError> {
        self.0.get().await?.query(sql, parameters).await
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// When there is no connection, the server refuses or the connection breaks.
    pub async fn begin(&self) -> Result<Transaction, SqlServerError> {
        Transaction::begin(self.0.get().await?).await
    }

    /// Passes when the database answers.
    pub(super) async fn ping(&self) -> Result<(), SqlServerError> {
        self.query("SELECT 1", &[]).await.map(drop)
    }
}

/// A pooled connection. What was broken off in the middle (a request that timed out) leaves a connection with
/// unread answers; such a one is closed instead of used again, and the server rolls its transaction back.
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) at_rest: bool,
}

impl Connection {
    async fn execute(&mut self, sql: &str, parameters: &[&dyn ToSql]) -> Result<u64, SqlServerError> {
        self.at_rest = false;
        let rows = self.client.execute(sql, parameters).await?.total();
        self.at_rest = true;
        Ok(rows)
    }

    async fn query(&mut self, sql: &str, parameters: &[&dyn ToSql]) -> Result<Vec<Row>, SqlServerError> {
        self.at_rest = false;
        let rows = self.client.query(sql, parameters).await?.into_first_result().await?;
        self.at_rest = true;
        Ok(rows)
    }
}

/// Opens connections; reads the URL for each, so that a rotated password needs no restart.
pub(super) struct Manager {
    url: UrlFile,
    application: String,
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = SqlServerError;

    async fn create(&self) -> Result<Connection, SqlServerError> {
        let config = configuration(&self.url.read()?, &self.application)?;
        let connecting = TcpStream::connect(config.get_addr());
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        let client = Client::connect(config, stream.compat_write()).await?;
        Ok(Connection { client, at_rest: true })
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<SqlServerError> {
        if !connection.at_rest {
            return Err(RecycleError::message("broken off in the middle"));
        }
        connection.query("SELECT 1", &[]).await.map(drop).map_err(RecycleError::Backend)
    }
}
