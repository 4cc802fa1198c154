//! One suite of tests for both engines of a component that runs on either: PostgreSQL always, SQL Server where
//! `SQLSERVER_URL` names one. A harness of its own lists only what can run, because a test that did not run
//! must not be counted as passed.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use crate::{Postgres, SqlServer};

/// An engine that a component's own database may run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// Microsoft SQL Server.
    SqlServer,
}

impl Engine {
    /// The engines that there are.
    fn all() -> Vec<Self> {
        let sqlserver = std::env::var_os("SQLSERVER_URL").is_some_and(|url| !url.is_empty());
        if sqlserver { vec![Self::Postgres, Self::SqlServer] } else { vec![Self::Postgres] }
    }

    /// The value of `DATABASE_ENGINE`.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::SqlServer => "sqlserver",
        }
    }

    /// Makes a new database.
    ///
    /// # Panics
    /// When there is no server, or it refuses.
    pub async fn database(self) -> EngineDatabase {
        match self {
            Self::Postgres => EngineDatabase::Postgres(Postgres::database().await),
            Self::SqlServer => {
                EngineDatabase::SqlServer(SqlServer::database().await.expect("SQLSERVER_URL is set"))
            }
        }
    }
}

/// An empty database, dropped with this value.
#[derive(Debug)]
pub enum EngineDatabase {
    /// On PostgreSQL.
    Postgres(Postgres),
    /// On SQL Server.
    SqlServer(SqlServer),
}

impl EngineDatabase {
    /// The content of `DATABASE_URL_FILE`.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Postgres(database) => database.url().to_owned(),
            // A test server has a certificate of its own making.
            Self::SqlServer(database) => format!("{}?trustServerCertificate=true", database.url()),
        }
    }
}

/// What `main` of such a test does; [`engine_tests!`](crate::engine_tests) calls it.
pub fn run_on_engines(tests: impl Fn(Engine) -> Vec<Trial>) -> ExitCode {
    let arguments = Arguments::from_args();
    libtest_mimic::run(&arguments, Engine::all().into_iter().flat_map(tests).collect()).exit_code()
}

/// One test on one engine; [`engine_tests!`](crate::engine_tests) makes it.
pub fn engine_trial<Fut>(
    engine: Engine,
    name: &str,
    test: impl FnOnce(Engine) -> Fut + Send + 'static,
) -> Trial
where
    Fut: Future<Output = ()>,
{
    Trial::test(format!("{}::{name}", engine.setting()), move || {
        tokio::runtime::Runtime::new()?.block_on(test(engine));
        Ok(())
    })
}

/// Defines `main` of a test with `harness = false`: runs these `async fn name(engine: Engine)` on every engine
/// that there is.
#[macro_export]
macro_rules! engine_tests {
    ($($name:ident),* $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::run_on_engines(|engine| ::std::vec![$($crate::engine_trial(engine, stringify!($name), $name)),*])
        }
    };
}
