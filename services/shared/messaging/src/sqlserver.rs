//! Connections to SQL Server: a small pool over tiberius, as the published pool crates pin a version with
//! known holes.

use deadpool::managed::{Manager, Metrics, Pool, RecycleError, RecycleResult};
use platform_config::UrlFile;
use tiberius::{AuthMethod, Client, Config};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

/// One connection.
pub type SqlServerClient = Client<Compat<TcpStream>>;
/// Connections of one service.
pub type SqlServerPool = Pool<SqlServerManager>;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum SqlServerError {
    /// `DATABASE_URL_FILE` can't be read, or holds no `sqlserver://user:password@host:port/database`.
    #[error("the database's address is unusable: {0}")]
    Address(String),
    /// The server can't be reached.
    #[error("the database can't be reached: {0}")]
    Unreachable(#[from] std::io::Error),
    /// The server refused.
    #[error("the database failed: {0}")]
    Failed(#[from] tiberius::error::Error),
}

/// Opens connections; reads the URL for each, so that a rotated password needs no restart.
#[derive(Debug)]
pub struct SqlServerManager {
    url: UrlFile,
}

impl SqlServerManager {
    /// To the server that `url` names.
    #[must_use]
    pub fn new(url: UrlFile) -> Self {
        Self { url }
    }

    fn config(&self) -> Result<Config, SqlServerError> {
        let url = self.url.read().map_err(|error| SqlServerError::Address(error.to_string()))?;
        let unusable =
            || SqlServerError::Address("it must be sqlserver://user:password@host:port/database".to_owned());
        if url.scheme() != "sqlserver" {
            return Err(unusable());
        }
        let mut config = Config::new();
        config.host(url.host_str().ok_or_else(unusable)?);
        config.port(url.port().unwrap_or(1433));
        config.database(url.path().trim_start_matches('/'));
        config.authentication(AuthMethod::sql_server(url.username(), url.password().unwrap_or_default()));
        if url.query_pairs().any(|(key, value)| key == "trustServerCertificate" && value == "true") {
            config.trust_cert();
        }
        Ok(config)
    }
}

impl Manager for SqlServerManager {
    type Type = SqlServerClient;
    type Error = SqlServerError;

    async fn create(&self) -> Result<SqlServerClient, SqlServerError> {
        let config = self.config()?;
        let stream = TcpStream::connect(config.get_addr()).await?;
        stream.set_nodelay(true)?;
        Ok(Client::connect(config, stream.compat_write()).await?)
    }

    async fn recycle(&self, client: &mut SqlServerClient, _: &Metrics) -> RecycleResult<SqlServerError> {
        // A transaction that was broken off must not leak into the next use.
        let reset = client.simple_query("if @@trancount > 0 rollback").await;
        let done = match reset {
            Ok(stream) => stream.into_results().await.map(drop),
            Err(error) => Err(error),
        };
        done.map_err(|error| RecycleError::Backend(error.into()))
    }
}

/// Whether a unique key refused a row (2627: a constraint, 2601: an index).
#[must_use]
pub fn is_duplicate(error: &tiberius::error::Error) -> bool {
    matches!(error.code(), Some(2627 | 2601))
}
