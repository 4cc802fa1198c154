//! The connection to RabbitMQ, shared by everything in a process that publishes or consumes.
//!
//! It connects when a channel is asked for and the last connection is gone; whoever asks repeats with
//! backoff. It reads its URL anew for each attempt, so a rotated password needs no restart, and it never
//! logs the URL. It declares nothing: services have no right to.

mod publisher;

use std::sync::Arc;
use std::time::Duration;

use lapin::tcp::OwnedTLSConfig;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties};
use platform_config::UrlFile;
use tokio::sync::Mutex;

use crate::health::Health;
pub use publisher::{Outgoing, Publisher, Undelivered};

/// Includes the name lookup, TLS and the login.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A broker that is silent for this long is gone.
const HEARTBEAT_SECONDS: u16 = 10;
/// lapin holds 64 frames in memory. Larger bodies are cut into frames.
const FRAME_BYTES: u32 = 16 * 1024;
const OPEN_CHANNEL_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no channel.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// `AMQP_URL_FILE` can't be read, or what it holds is no AMQP URL.
    #[error("the broker's address is unusable: {0}")]
    Address(String),
    /// The broker can't be reached, refused us, or closed the channel.
    #[error("the broker failed: {0}")]
    Broken(#[from] lapin::Error),
    /// The broker did not answer in time.
    #[error("the broker did not answer within {} s", .0.as_secs())]
    Silent(Duration),
}

/// Where the broker is.
#[derive(Clone, Debug)]
pub enum AmqpUrl {
    /// In a file, read at each attempt to connect.
    File(UrlFile),
    /// Known from the start, for tests and tools.
    Fixed(String),
}

impl From<UrlFile> for AmqpUrl {
    fn from(file: UrlFile) -> Self {
        Self::File(file)
    }
}

impl From<&str> for AmqpUrl {
    fn from(url: &str) -> Self {
        Self::Fixed(url.to_owned())
    }
}

impl From<String> for AmqpUrl {
    fn from(url: String) -> Self {
        Self::Fixed(url)
    }
}

impl AmqpUrl {
    fn read(&self) -> Result<AMQPUri, BrokerError> {
        let text = match self {
            Self::File(file) => {
                file.read().map_err(|error| BrokerError::Address(error.to_string()))?.to_string()
            }
            Self::Fixed(url) => url.clone(),
        };
        // The parser's message may repeat the URL, which holds a password.
        let mut uri: AMQPUri = text
            .parse()
            .map_err(|_: String| BrokerError::Address("it is no amqp or amqps URL".to_owned()))?;
        uri.query.heartbeat = uri.query.heartbeat.or(Some(HEARTBEAT_SECONDS));
        uri.query.frame_max = uri.query.frame_max.or(Some(FRAME_BYTES));
        Ok(uri)
    }
}

/// A connection that comes back. Cheap to clone.
#[derive(Clone)]
pub struct Broker(Arc<Shared>);

struct Shared {
    url: AmqpUrl,
    service: String,
    current: Mutex<Option<Connected>>,
    health: Health,
}

struct Connected {
    connection: Connection,
    login: String,
}

impl Broker {
    /// For `service`, whose name the broker's operator sees at the connection. Connects nowhere yet.
    #[must_use]
    pub fn new(url: impl Into<AmqpUrl>, service: impl Into<String>) -> Self {
        Self(Arc::new(Shared {
            url: url.into(),
            service: service.into(),
            current: Mutex::default(),
            health: Health::default(),
        }))
    }

    /// Which component this is.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.0.service
    }

    /// Whether the last attempt to connect worked, for `/readyz` (a soft dependency).
    #[must_use]
    pub fn health(&self) -> Health {
        self.0.health.clone()
    }

    /// A new channel, and the login under which it is open. Connects first when that is needed.
    ///
    /// # Errors
    /// When the broker can't be reached or refuses; the caller repeats with backoff.
    pub async fn channel(&self) -> Result<(Channel, String), BrokerError> {
        let opened = self.open().await;
        match &opened {
            Ok(_) => self.0.health.works(),
            Err(error) => self.0.health.fails(error.to_string()),
        };
        opened
    }

    /// Closes the connection in good order, at the end of the process.
    pub async fn close(&self) {
        if let Some(connected) = self.0.current.lock().await.take()
            && let Err(error) = connected.connection.close(200, "bye".into()).await
        {
            tracing::debug!(%error, "the connection to the broker was already gone");
        }
    }

    async fn open(&self) -> Result<(Channel, String), BrokerError> {
        let mut current = self.0.current.lock().await;
        let connected = match current.take().filter(|it| it.connection.status().connected()) {
            Some(connected) => connected,
            None => self.connect().await?,
        };
        let login = connected.login.clone();
        let channel = within(OPEN_CHANNEL_TIMEOUT, connected.connection.create_channel()).await?;
        *current = Some(connected);
        Ok((channel, login))
    }

    async fn connect(&self) -> Result<Connected, BrokerError> {
        let uri = self.0.url.read()?;
        let login = uri.authority.userinfo.username.clone();
        let tls = tls_for(&uri)?;
        let properties = ConnectionProperties::default().with_connection_name(self.0.service.as_str().into());
        let runtime = lapin::runtime::default_runtime()?;
        let connection =
            within(CONNECT_TIMEOUT, Connection::connect_uri_with_config(uri, properties, tls, runtime))
                .await?;
        Ok(Connected { connection, login })
    }
}

/// The roots that `amqps` trusts: the bundle that `SSL_CERT_FILE` names, else the one of the image.
fn tls_for(uri: &AMQPUri) -> Result<OwnedTLSConfig, BrokerError> {
    if uri.scheme == AMQPScheme::AMQP {
        return Ok(OwnedTLSConfig::default());
    }
    let path =
        std::env::var("SSL_CERT_FILE").unwrap_or_else(|_| "/etc/ssl/certs/ca-certificates.crt".to_owned());
    let roots = std::fs::read_to_string(&path).map_err(|error| {
        BrokerError::Address(format!("can't read the trusted certificates in {path}: {error}"))
    })?;
    Ok(OwnedTLSConfig { cert_chain: Some(roots), ..OwnedTLSConfig::default() })
}

/// lapin's own calls wait for as long as the broker is silent.
pub(crate) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = lapin::Result<T>>,
) -> Result<T, BrokerError> {
    match tokio::time::timeout(limit, call).await {
        Ok(result) => result.map_err(BrokerError::Broken),
        Err(_) => Err(BrokerError::Silent(limit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wrong_address_is_told_without_its_password() {
        for url in ["hunter2", "http://user:hunter2@localhost", "amqp://user:hunter2@localhost:port"] {
            let broker = Broker::new(url, "basket");
            let error = broker.channel().await.unwrap_err().to_string();
            assert!(error.starts_with("the broker's address is unusable"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
            assert_eq!(broker.health().check().unwrap_err(), error);
        }
    }

    #[tokio::test]
    async fn a_broker_that_is_not_there_is_an_error_and_not_a_wait() {
        let broker = Broker::new("amqp://127.0.0.1:1/%2f", "basket");
        assert!(matches!(broker.channel().await, Err(BrokerError::Broken(_))));
    }
}
