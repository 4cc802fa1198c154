//! SQL Server as a component's own store, for components that run on either engine: settings, pool,
//! transactions, migrations, readiness. The twin of [`crate::postgres`].
//!
//! T-SQL stays plain: no MERGE, no lock hints, unique keys for idempotency. Databases run with
//! READ_COMMITTED_SNAPSHOT ON, which whoever makes the database sets.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use anyhow::Context as _;
use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use deadpool::{Runtime, managed::Timeouts};
use platform_config::{SecretFileError, UrlFile};
use platform_http::server::{CheckError, Dependency, Need};
use tiberius::{AuthMethod, Config, EncryptionLevel, Row, ToSql};
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};
use url::Url;

use crate::StartError;
use crate::postgres::DatabaseSettings;

/// A request waits this long for a connection before it answers 503.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Name resolution and TCP; the handshake has tiberius' own limit.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A server that is late is waited for this long by `migrate`; the Job's own retries go on.
const STARTUP_PATIENCE: Duration = Duration::from_secs(60);
/// Another process that migrates is waited for this long, in milliseconds.
const MIGRATION_LOCK_MILLISECONDS: u32 = 60_000;
const DEFAULT_PORT: u16 = 1433;

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

/// One connection as tiberius knows it.
pub type Client = tiberius::Client<Compat<TcpStream>>;
/// Connections of one component; they are made when they are first used. Cheap to clone.
pub type Pool = managed::Pool<Manager>;

/// A pooled connection. What was broken off in the middle (a request that timed out) leaves a connection with
/// unread answers; such a one is closed instead of used again, and the server rolls its transaction back.
pub struct Connection {
    client: Client,
    at_rest: bool,
}

impl Connection {
    /// Runs a statement; answers how many rows it changed.
    ///
    /// # Errors
    /// When the server refuses or the connection breaks.
    pub async fn execute(&mut self, sql: &str, parameters: &[&dyn ToSql]) -> Result<u64, SqlServerError> {
        self.at_rest = false;
        let rows = self.client.execute(sql, parameters).await?.total();
        self.at_rest = true;
        Ok(rows)
    }

    /// Runs a query; answers all rows of its first result.
    ///
    /// # Errors
    /// When the server refuses or the connection breaks.
    pub async fn query(&mut self, sql: &str, parameters: &[&dyn ToSql]) -> Result<Vec<Row>, SqlServerError> {
        self.at_rest = false;
        let rows = self.client.query(sql, parameters).await?.into_first_result().await?;
        self.at_rest = true;
        Ok(rows)
    }
}

/// Begins a transaction on a connection of the pool.
///
/// # Errors
/// When there is no connection, the server refuses or the connection breaks.
pub async fn begin(pool: &Pool) -> Result<Transaction, SqlServerError> {
    let mut connection = pool.get().await?;
    connection.at_rest = false;
    connection.client.begin_transaction().await?;
    Ok(Transaction(connection))
}

/// An open transaction; use it like a [`Client`]. Dropped without a commit, it never happened: its connection
/// is closed.
pub struct Transaction(managed::Object<Manager>);

impl Transaction {
    /// Makes it happen.
    ///
    /// # Errors
    /// When the server refuses or the connection breaks; then whether it happened is unknown.
    pub async fn commit(mut self) -> Result<(), SqlServerError> {
        self.0.client.commit_transaction().await?;
        self.0.at_rest = true;
        Ok(())
    }

    /// Undoes it.
    ///
    /// # Errors
    /// When the connection breaks; then it is undone all the same.
    pub async fn rollback(mut self) -> Result<(), SqlServerError> {
        self.0.client.rollback_transaction().await?;
        self.0.at_rest = true;
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0.client
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.0.client
    }
}

/// Opens connections; reads the URL for each, so that a rotated password needs no restart.
pub struct Manager {
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

fn configuration(url: &Url, application: &str) -> Result<Config, SqlServerError> {
    if url.scheme() != "sqlserver" {
        return Err(SqlServerError::Url("another scheme"));
    }
    let database = url.path().trim_start_matches('/');
    if database.is_empty() {
        return Err(SqlServerError::Url("it names no database"));
    }
    let mut config = Config::new();
    config.host(url.host_str().ok_or(SqlServerError::Url("it names no host"))?);
    config.port(url.port().unwrap_or(DEFAULT_PORT));
    config.database(decoded(database));
    config.application_name(application);
    config.authentication(AuthMethod::sql_server(
        decoded(url.username()),
        decoded(url.password().unwrap_or_default()),
    ));
    config.encryption(EncryptionLevel::Required);
    for (key, value) in url.query_pairs() {
        match (&*key, &*value) {
            ("trustServerCertificate", "true") => config.trust_cert(),
            ("trustServerCertificate", "false") => {}
            _ => return Err(SqlServerError::Url("an unknown parameter")),
        }
    }
    Ok(config)
}

/// Undoes the %XX of a URL's part; `url` only does so for queries, where a plus is a space.
fn decoded(text: &str) -> String {
    let pair = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(pair.as_bytes()).map(|(key, _)| key.into_owned()).collect()
}

/// A time as a `datetime2` parameter: that type has no offset, so columns hold UTC.
#[must_use]
pub fn utc(instant: OffsetDateTime) -> PrimitiveDateTime {
    let instant = instant.to_offset(UtcOffset::UTC);
    PrimitiveDateTime::new(instant.date(), instant.time())
}

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
    Ok(Pool::builder(manager).max_size(connections).timeouts(timeouts).runtime(Runtime::Tokio1).build()?)
}

/// The dependency `sqlserver`: hard, the component's own store.
#[must_use]
pub fn dependency(pool: &Pool) -> Dependency {
    let pool = pool.clone();
    Dependency::new("sqlserver", Need::Hard, move || {
        let pool = pool.clone();
        async move { ping(&pool).await.map_err(|error| CheckError::new(platform_http::problem::Chain(&error))) }
    })
}

async fn ping(pool: &Pool) -> Result<(), SqlServerError> {
    pool.get().await?.query("SELECT 1", &[]).await.map(drop)
}

/// One step of a schema: a batch without `GO`, never changed once released.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its place in the order, from 1.
    pub version: i64,
    /// The statements.
    pub sql: &'static str,
}

/// Applies the migrations that are missing, all of them or none, waiting for a server that is late and for
/// another process that does the same.
///
/// # Errors
/// When the server stays away, a migration fails, or one that was applied has been changed.
pub async fn migrate(pool: &Pool, migrations: &[Migration]) -> Result<(), StartError> {
    wait_for(pool).await?;
    let mut tx = begin(pool).await?;
    let lock = format!(
        "DECLARE @got int;
         EXEC @got = sp_getapplock @Resource = 'schema_migrations', @LockMode = 'Exclusive',
              @LockOwner = 'Transaction', @LockTimeout = {MIGRATION_LOCK_MILLISECONDS};
         SELECT @got;"
    );
    let got: Option<i32> = tx.simple_query(lock).await?.into_row().await?.and_then(|row| row.get(0));
    anyhow::ensure!(got.is_some_and(|got| got >= 0), "another process that migrates does not end");
    tx.simple_query(
        "IF OBJECT_ID('schema_migrations') IS NULL CREATE TABLE schema_migrations (
             version    bigint        NOT NULL PRIMARY KEY,
             statements nvarchar(max) NOT NULL,
             applied_at datetime2     NOT NULL DEFAULT sysutcdatetime()
         )",
    )
    .await?
    .into_results()
    .await?;
    let rows =
        tx.simple_query("SELECT version, statements FROM schema_migrations").await?.into_first_result();
    let rows = rows.await?;
    let applied = |version: i64| rows.iter().find(|row| row.get(0) == Some(version));
    for Migration { version, sql } in migrations {
        if let Some(row) = applied(*version) {
            let unchanged = row.get::<&str, _>(1) == Some(sql);
            anyhow::ensure!(unchanged, "migration {version} is not what was applied as such");
            continue;
        }
        let batch = async { tx.simple_query(*sql).await?.into_results().await };
        batch.await.with_context(|| format!("can't apply migration {version}"))?;
        let note = "INSERT INTO schema_migrations (version, statements) VALUES (@P1, @P2)";
        tx.execute(note, &[version, sql]).await?;
    }
    tx.commit().await.context("can't commit the migrations")
}

/// Waits until the database answers.
///
/// # Errors
/// When it does not within a minute; the last reason is told.
pub async fn wait_for(pool: &Pool) -> Result<(), StartError> {
    let deadline = tokio::time::Instant::now() + STARTUP_PATIENCE;
    let mut pause = Duration::from_millis(100);
    loop {
        let Err(error) = ping(pool).await else { return Ok(()) };
        if tokio::time::Instant::now() + pause > deadline {
            return Err(anyhow::Error::new(error).context("the database does not answer"));
        }
        tracing::info!(error = %platform_http::problem::Chain(&error), "waiting for the database");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Config, String> {
        configuration(&url.parse().unwrap(), "test").map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_becomes_a_configuration() {
        let config = parse("sqlserver://sa:p%40ss@db.example/orders?trustServerCertificate=true").unwrap();
        assert_eq!(config.get_addr(), "db.example:1433");
        let config = parse("sqlserver://sa:x@db.example:14330/orders").unwrap();
        assert_eq!(config.get_addr(), "db.example:14330");
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told_without_its_password() {
        for url in [
            "postgres://sa:hunter2@db/orders",
            "sqlserver://sa:hunter2@db",
            "sqlserver://sa:hunter2@db/orders?trustServerCertificate=maybe",
            "sqlserver://sa:hunter2@db/orders?encrypt=false",
        ] {
            let error = parse(url).unwrap_err();
            assert!(error.starts_with("DATABASE_URL_FILE: ") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_user_part_is_decoded() {
        assert_eq!(decoded("p%40ss%25+word&x=1"), "p@ss%+word&x=1");
    }
}
