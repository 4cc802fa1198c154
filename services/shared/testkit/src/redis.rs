//! A Redis database for one test.

use redis::{Client, cmd};
use url::Url;

use crate::{name, required};

/// An empty Redis database (in Redis's sense: a number), and a key prefix for tests about those.
#[derive(Debug)]
pub struct Redis {
    url: Url,
    prefix: String,
}

impl Redis {
    /// Takes the next database of the server named by `TEST_REDIS_URL` and empties it. Database 0 holds the
    /// counter that hands them out; after the last, the first is used again.
    ///
    /// # Panics
    /// When there is no server, or it has fewer than 16 databases.
    pub async fn database() -> Self {
        let mut url: Url = required("TEST_REDIS_URL").parse().expect("TEST_REDIS_URL is a URL");
        url.set_path("0");
        let client = Client::open(url.as_str()).expect("TEST_REDIS_URL is a Redis URL");
        let mut connection =
            client.get_multiplexed_async_connection().await.expect("connect to the server of TEST_REDIS_URL");
        let (_, databases): (String, u64) = cmd("CONFIG")
            .arg("GET")
            .arg("databases")
            .query_async(&mut connection)
            .await
            .expect("count databases");
        assert!(databases >= 16, "the test server has only {databases} databases");
        let next: u64 =
            cmd("INCR").arg("testkit:next").query_async(&mut connection).await.expect("take a database");
        let number = next % (databases - 1) + 1;
        // One connection for both commands: the database is the connection's.
        let mut pipe = redis::pipe();
        pipe.cmd("SELECT").arg(number).ignore().cmd("FLUSHDB").ignore();
        let () = pipe.query_async(&mut connection).await.expect("empty the test's database");
        url.set_path(&number.to_string());
        Self { url, prefix: format!("{}:", name::unique()) }
    }

    /// `redis://:password@host:port/number`.
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
        crate::proxy::address(&self.url, 6379)
    }

    /// A key prefix that no other test uses, with a colon at its end.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}
