//! A SQL Server database for one test, where there is such a server.

use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};
use url::Url;

use crate::{cleanup, name};

/// An empty SQL Server database, dropped with this value.
#[derive(Debug)]
pub struct SqlServer {
    url: Url,
    admin: Url,
    name: String,
}

impl SqlServer {
    /// Whether `SQLSERVER_URL` names a server.
    #[must_use]
    pub fn is_there() -> bool {
        named().is_some()
    }

    /// Makes a new database on the server named by `SQLSERVER_URL`
    /// (`sqlserver://sa:password@host:1433/master`), or nothing when the variable is not set: the server
    /// can't be had everywhere. A test must not return early on nothing, which would count as passed: leave
    /// it out of its program (see [`sqlserver_tests`](crate::sqlserver_tests)).
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn database() -> Option<Self> {
        let admin = named()?;
        let admin: Url = admin.parse().expect("SQLSERVER_URL is a URL");
        let name = name::unique();
        let mut client = connect(&admin).await.expect("connect to the server of SQLSERVER_URL");
        for sql in [
            format!("create database {name}"),
            format!("alter database {name} set read_committed_snapshot on"),
        ] {
            client.execute(sql, &[]).await.expect("create the test's database");
        }
        let mut url = admin.clone();
        url.set_path(&name);
        Some(Self { url, admin, name })
    }

    /// `sqlserver://user:password@host:port/database`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn named() -> Option<String> {
    std::env::var("SQLSERVER_URL").ok().filter(|url| !url.is_empty())
}

impl Drop for SqlServer {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        cleanup::run(async move {
            if let Ok(mut client) = connect(&admin).await {
                let _ = client
                    .execute(format!("alter database {name} set single_user with rollback immediate"), &[])
                    .await;
                let _ = client.execute(format!("drop database {name}"), &[]).await;
            }
        });
    }
}

/// A connection to such a server.
pub(crate) type TestClient = Client<Compat<TcpStream>>;

pub(crate) async fn connect(url: &Url) -> tiberius::Result<TestClient> {
    let config = config(url);
    let tcp = TcpStream::connect(config.get_addr()).await?;
    tcp.set_nodelay(true)?;
    Client::connect(config, tcp.compat_write()).await
}

fn config(url: &Url) -> Config {
    let decoded = |text: &str| percent_decode(text);
    let mut config = Config::new();
    config.host(url.host_str().unwrap_or("127.0.0.1"));
    config.port(url.port().unwrap_or(1433));
    config.database(url.path().trim_start_matches('/'));
    config.authentication(AuthMethod::sql_server(
        decoded(url.username()),
        decoded(url.password().unwrap_or_default()),
    ));
    // A test server has a certificate of its own making.
    config.encryption(EncryptionLevel::Required);
    config.trust_cert();
    config
}

/// Undoes the `%XX` of a URL's user part; the `url` crate leaves that to its users.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%')
            .then(|| {
                tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok())
            })
            .flatten();
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_becomes_a_configuration() {
        let config = config(&"sqlserver://sa:p%40ss@db.example:14330/master".parse().unwrap());
        assert_eq!(config.get_addr(), "db.example:14330");
        assert_eq!(percent_decode("p%40ss%"), "p@ss%");
    }
}
