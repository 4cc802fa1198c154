//! A MongoDB database for one test (FerretDB where MongoDB cannot be had).

use mongodb::Client;
use tokio::sync::OnceCell;
use url::Url;

use crate::{cleanup, name, required};

/// An empty database, dropped with this value.
#[derive(Debug)]
pub struct MongoDb {
    url: Url,
    admin: Url,
    name: String,
}

impl MongoDb {
    /// Names a new database on the server of `TEST_MONGODB_URL`; the first write makes it.
    ///
    /// # Panics
    /// When there is no server.
    pub async fn database() -> Self {
        static STALE: OnceCell<()> = OnceCell::const_new();
        let admin: Url = required("TEST_MONGODB_URL").parse().expect("TEST_MONGODB_URL is a URL");
        STALE.get_or_init(|| drop_stale(&admin)).await;
        let name = name::unique();
        let mut url = admin.clone();
        url.set_path(&name);
        Self { url, admin, name }
    }

    /// `mongodb://host:port/database`.
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
        crate::proxy::address(&self.url, 27017)
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for MongoDb {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        cleanup::run(async move {
            if let Ok(client) = Client::with_uri_str(admin.as_str()).await {
                let _ = client.database(&name).drop().await;
                client.shutdown().immediate(true).await;
            }
        });
    }
}

/// Drops what aborted runs left.
async fn drop_stale(admin: &Url) {
    let client = Client::with_uri_str(admin.as_str()).await.expect("TEST_MONGODB_URL is a MongoDB URL");
    let names = client.list_database_names().await.expect("connect to the server of TEST_MONGODB_URL");
    for name in names.iter().filter(|n| name::is_stale(n)) {
        let _ = client.database(name).drop().await;
    }
    client.shutdown().immediate(true).await;
}
