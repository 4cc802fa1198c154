//! PostgreSQL as a component's own store: settings, pool, migrations, readiness.

use std::str::FromStr as _;
use std::time::Duration;

use anyhow::Context as _;
use platform_config::UrlFile;
use platform_http::server::{CheckError, Dependency, Need};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgPool};

use crate::StartError;

/// A request waits this long for a connection before it answers 503.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that lay idle for longer may be dead, and is asked before it is used. One that has just answered
/// need not be: that would double the trips of each request.
const FRESH: Duration = Duration::from_millis(100);
/// A server that is late is waited for this long by `migrate` and `seed`; the Job's own retries go on.
const STARTUP_PATIENCE: Duration = Duration::from_secs(60);

/// How to reach the component's database.
#[derive(Clone, Debug, clap::Args)]
pub struct DatabaseSettings {
    /// File with the database's URL, postgres://user:password@host:5432/database.
    #[arg(long, env)]
    pub database_url_file: UrlFile,

    /// Connections to the database at most.
    #[arg(long, env, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub database_max_connections: u32,
}

/// A pool that connects when it is first used: a server that is late does not keep the component from
/// starting.
///
/// # Errors
/// When the URL is none of PostgreSQL's.
pub fn pool(settings: &DatabaseSettings, application: &str) -> Result<PgPool, StartError> {
    let url = settings.database_url_file.read()?;
    let options = PgConnectOptions::from_str(url.as_str())
        .map_err(|_| anyhow::anyhow!("DATABASE_URL_FILE: does not contain a postgres:// URL"))?
        .application_name(application);
    Ok(PgPoolOptions::new()
        .max_connections(settings.database_max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(Duration::from_secs(30 * 60))
        .test_before_acquire(false)
        .before_acquire(|connection, known| {
            Box::pin(async move {
                if known.idle_for > FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options))
}

/// Applies migrations, waiting for a server that is late. sqlx takes an advisory lock, so several may run.
///
/// # Errors
/// When the server stays away or a migration fails.
pub async fn migrate(pool: &PgPool, migrator: &Migrator) -> Result<(), StartError> {
    wait_for(pool).await?;
    migrator.run(pool).await.context("can't apply a migration")
}

/// Waits until the database answers.
///
/// # Errors
/// When it does not within a minute; the last reason is told.
pub async fn wait_for(pool: &PgPool) -> Result<(), StartError> {
    let deadline = tokio::time::Instant::now() + STARTUP_PATIENCE;
    let mut pause = Duration::from_millis(100);
    loop {
        let error = match sqlx::query("SELECT 1").execute(pool).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if tokio::time::Instant::now() + pause > deadline {
            return Err(anyhow::Error::new(error).context("the database does not answer"));
        }
        tracing::info!(%error, "waiting for the database");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

/// The dependency `postgres`: hard, the component's own store.
#[must_use]
pub fn dependency(pool: &PgPool) -> Dependency {
    let pool = pool.clone();
    Dependency::new("postgres", Need::Hard, move || {
        let pool = pool.clone();
        async move { sqlx::query("SELECT 1").execute(&pool).await.map(drop).map_err(CheckError::new) }
    })
}
