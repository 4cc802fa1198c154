//! MongoDB as a component's own store: settings, client, readiness.

use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use mongodb::bson::doc;
use mongodb::options::{ClientOptions, ConnectionString};
use mongodb::{Client, Database};
use platform_config::SecretFile;
use platform_http::server::{CheckError, Dependency, Need};

use crate::StartError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A request waits this long for a usable server before it answers 503.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(2);
/// A server that is late is waited for this long by `migrate` and `seed`; the Job's own retries go on.
const STARTUP_PATIENCE: Duration = Duration::from_secs(60);

/// The path of a file with a connection string of MongoDB that names a database. It is no `UrlFile`:
/// connection strings may list several hosts, which URLs can't.
#[derive(Clone, Debug)]
pub struct MongoUrlFile(SecretFile);

impl MongoUrlFile {
    fn read(&self) -> Result<ConnectionString, String> {
        let text = self.0.read().map_err(|error| error.to_string())?;
        // The driver's own message could repeat the password.
        let parsed = ConnectionString::parse(text.as_str())
            .map_err(|_| format!("{} does not contain a mongodb:// URL", self.0.path().display()))?;
        if parsed.default_database.is_none() {
            return Err(format!("{} names no database (mongodb://host/database)", self.0.path().display()));
        }
        Ok(parsed)
    }
}

impl FromStr for MongoUrlFile {
    type Err = String;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let file = Self(path.parse()?);
        file.read()?;
        Ok(file)
    }
}

/// How to reach the component's database.
#[derive(Clone, Debug, clap::Args)]
pub struct MongoSettings {
    /// File with the database's URL, mongodb://user:password@host:27017/database.
    #[arg(long, env)]
    pub mongodb_url_file: MongoUrlFile,

    /// Connections to the database at most.
    #[arg(long, env, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub mongodb_max_connections: u32,
}

/// The component's database. Connections are made when they are first used: a server that is late does not
/// keep the component from starting.
///
/// # Errors
/// When the URL is none of MongoDB's, or its options can't be used.
pub async fn database(settings: &MongoSettings, application: &str) -> Result<Database, StartError> {
    let wrong = |reason: String| anyhow::anyhow!("MONGODB_URL_FILE: {reason}");
    let mut options = ClientOptions::parse(settings.mongodb_url_file.read().map_err(wrong)?)
        .await
        .context("MONGODB_URL_FILE: the hosts can't be looked up")?;
    options.app_name = Some(application.to_owned());
    options.connect_timeout = Some(CONNECT_TIMEOUT);
    options.server_selection_timeout = Some(SELECTION_TIMEOUT);
    options.max_pool_size = Some(settings.mongodb_max_connections);
    let client = Client::with_options(options).context("MONGODB_URL_FILE: can't be used")?;
    client.default_database().ok_or_else(|| wrong("names no database".to_owned()))
}

/// Waits until the database answers.
///
/// # Errors
/// When it does not within a minute; the last reason is told.
pub async fn wait_for(database: &Database) -> Result<(), StartError> {
    let deadline = tokio::time::Instant::now() + STARTUP_PATIENCE;
    loop {
        // Waits for up to SELECTION_TIMEOUT by itself, so there is no pause between the attempts.
        let error = match database.run_command(doc! { "ping": 1 }).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if tokio::time::Instant::now() > deadline {
            return Err(anyhow::Error::new(error).context("the database does not answer"));
        }
        tracing::info!(%error, "waiting for the database");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// The dependency `mongodb`: hard, the component's own store.
#[must_use]
pub fn dependency(database: &Database) -> Dependency {
    let database = database.clone();
    Dependency::new("mongodb", Need::Hard, move || {
        let database = database.clone();
        async move {
            let pong = database.run_command(doc! { "ping": 1 }).await;
            pong.map(drop).map_err(|error| CheckError::new(short(&error)))
        }
    })
}

/// The driver describes the whole topology in its errors; the kind is what tells something.
fn short(error: &mongodb::error::Error) -> String {
    let text = error.kind.to_string();
    text.split(" Topology:").next().unwrap_or_default().trim_end_matches('.').to_owned()
}
