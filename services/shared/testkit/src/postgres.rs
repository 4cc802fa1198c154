//! A PostgreSQL database for one test.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::OnceCell;
use url::Url;

use crate::{cleanup, name, required};

/// An empty PostgreSQL database, dropped with this value. Its URL is the superuser's, so a test may make
/// roles too (name them after the database: roles belong to the whole server).
#[derive(Debug)]
pub struct Postgres {
    url: Url,
    admin: Url,
    name: String,
}

impl Postgres {
    /// Makes a new database on the server named by `TEST_POSTGRES_URL`.
    ///
    /// # Panics
    /// When there is no server, or it refuses.
    pub async fn database() -> Self {
        static STALE: OnceCell<()> = OnceCell::const_new();
        let admin: Url = required("TEST_POSTGRES_URL").parse().expect("TEST_POSTGRES_URL is a URL");
        STALE.get_or_init(|| drop_stale(&admin)).await;
        let name = name::unique();
        let mut connection = connect(&admin).await;
        execute(&mut connection, format!("create database {name}"))
            .await
            .expect("create the test's database");
        connection.close().await.expect("close the connection that made the database");
        let mut url = admin.clone();
        url.set_path(&name);
        Self { url, admin, name }
    }

    /// `postgres://user:password@host:port/database`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The same database through another address, such as a [`TcpProxy`](crate::TcpProxy)'s.
    #[must_use]
    pub fn url_through(&self, address: std::net::SocketAddr) -> String {
        crate::proxy::through(&self.url, address)
    }

    /// Where the server listens: what a [`TcpProxy`](crate::TcpProxy) forwards to.
    #[must_use]
    pub fn address(&self) -> String {
        crate::proxy::address(&self.url, 5432)
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        cleanup::run(async move {
            if let Ok(mut connection) = PgConnection::connect(admin.as_str()).await {
                let _ =
                    execute(&mut connection, format!("drop database if exists {name} with (force)")).await;
            }
        });
    }
}

async fn connect(url: &Url) -> PgConnection {
    PgConnection::connect(url.as_str()).await.expect("connect to the server of TEST_POSTGRES_URL")
}

/// Runs SQL made here from names made here, none of which comes from outside.
async fn execute(connection: &mut PgConnection, sql: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

/// Drops what aborted runs left. Two test programs may do it at once, so a failure means nothing.
async fn drop_stale(admin: &Url) {
    let mut connection = connect(admin).await;
    let names: Vec<String> =
        sqlx::query_scalar("select datname::text from pg_database where datname like 'test\\_%'")
            .fetch_all(&mut connection)
            .await
            .expect("list databases");
    for name in names.into_iter().filter(|n| name::is_stale(n)) {
        let _ = execute(&mut connection, format!("drop database if exists {name} with (force)")).await;
    }
}
