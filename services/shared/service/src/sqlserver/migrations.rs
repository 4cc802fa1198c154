//! The schema, step by step.

use std::time::Duration;

use anyhow::Context as _;

use super::Pool;
use crate::StartError;

/// A server that is late is waited for this long by `migrate`; the Job's own retries go on.
const STARTUP_PATIENCE: Duration = Duration::from_secs(60);
/// Another process that migrates is waited for this long, in milliseconds.
const MIGRATION_LOCK_MILLISECONDS: u32 = 60_000;

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
    let mut tx = pool.begin().await?;
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
        let Err(error) = pool.ping().await else { return Ok(()) };
        if tokio::time::Instant::now() + pause > deadline {
            return Err(anyhow::Error::new(error).context("the database does not answer"));
        }
        tracing::info!(error = %platform_http::problem::Chain(&error), "waiting for the database");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}
