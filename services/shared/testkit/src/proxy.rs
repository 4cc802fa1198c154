//! A TCP proxy that breaks the network between a service and its server.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use url::Url;

/// What the network does at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Weather {
    /// New connections are reset.
    refuse: bool,
    /// Connections made before this number changed are reset.
    cut: u64,
    /// Bytes stay where they are; nobody is told.
    stall: bool,
    /// Each piece of data waits this long, in both directions.
    delay: Duration,
    /// A connection is reset after it carried this many bytes towards the server.
    limit: Option<u64>,
}

/// Listens on 127.0.0.1, forwards to a server, and does to the connections what a test asks for. It ends
/// with this value.
#[derive(Debug)]
pub struct TcpProxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    task: AbortHandle,
}

impl TcpProxy {
    /// Starts a proxy to `target` (`host:port`) in the runtime of the test, in fair weather.
    ///
    /// # Panics
    /// When no port can be had.
    pub async fn to(target: impl Into<String>) -> Self {
        let target: Arc<str> = target.into().into();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("listen on a free port");
        let address = listener.local_addr().expect("the proxy's address");
        let (weather, seen) = watch::channel(Weather::default());
        let task = tokio::spawn(accept(listener, target, seen)).abort_handle();
        Self { address, weather, task }
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resets every connection and refuses new ones, until [`Self::heal`].
    pub fn cut(&self) {
        self.weather.send_modify(|w| (w.cut, w.refuse) = (w.cut + 1, true));
    }

    /// Resets every connection once; new ones work.
    pub fn reset(&self) {
        self.weather.send_modify(|w| w.cut += 1);
    }

    /// Refuses new connections; those that are open work on.
    pub fn refuse(&self) {
        self.weather.send_modify(|w| w.refuse = true);
    }

    /// Lets nothing through and tells nobody, as a firewall that drops packets, until [`Self::heal`]. Then
    /// what was sent arrives.
    pub fn stall(&self) {
        self.weather.send_modify(|w| w.stall = true);
    }

    /// Lets each piece of data wait, in both directions.
    pub fn delay(&self, delay: Duration) {
        self.weather.send_modify(|w| w.delay = delay);
    }

    /// Resets each connection as soon as it carried `bytes` towards the server, in the middle of a message
    /// if need be.
    pub fn limit(&self, bytes: u64) {
        self.weather.send_modify(|w| w.limit = Some(bytes));
    }

    /// Fair weather again.
    pub fn heal(&self) {
        self.weather.send_modify(|w| *w = Weather { cut: w.cut, ..Weather::default() });
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: Arc<str>, weather: watch::Receiver<Weather>) {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        if weather.borrow().refuse {
            reset(&client);
            continue;
        }
        connections.spawn(carry(client, Arc::clone(&target), weather.clone()));
    }
}

/// Carries one connection until one side ends it or the weather does.
async fn carry(mut client: TcpStream, target: Arc<str>, mut weather: watch::Receiver<Weather>) {
    let born = weather.borrow_and_update().cut;
    let Ok(mut server) = TcpStream::connect(&*target).await else {
        reset(&client);
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    // Dropping them without an orderly end resets both. (Owned halves would end in good order when dropped.)
    reset(&client);
    reset(&server);
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let up = pump(from_client, to_server, weather.clone(), true);
    let down = pump(from_server, to_client, weather.clone(), false);
    tokio::select! {
        _ = async { tokio::try_join!(up, down) } => {}
        _ = weather.wait_for(|w| w.cut != born) => {}
    }
}

/// Carries bytes in one direction. An orderly end is passed on; an error ends both directions.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut weather: watch::Receiver<Weather>,
    towards_server: bool,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    let mut carried = 0;
    loop {
        let mut length = from.read(&mut buffer).await?;
        let Weather { delay, .. } = *weather.borrow_and_update();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if weather.wait_for(|w| !w.stall).await.is_err() || length == 0 {
            return to.shutdown().await;
        }
        let limit = weather.borrow().limit.filter(|_| towards_server);
        let exhausted = limit.is_some_and(|limit| carried + length as u64 >= limit);
        if let Some(limit) = limit.filter(|_| exhausted) {
            length = usize::try_from(limit.saturating_sub(carried)).unwrap_or(length);
        }
        to.write_all(&buffer[..length]).await?;
        carried += length as u64;
        if exhausted {
            return Err(std::io::Error::other("the limit of bytes is reached"));
        }
    }
}

/// Makes the end of this connection a reset (RST) instead of an orderly one.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

/// `url` with another host and port.
pub(crate) fn through(url: &Url, address: SocketAddr) -> String {
    let mut url = url.clone();
    url.set_ip_host(address.ip()).expect("a server's URL has a host");
    url.set_port(Some(address.port())).expect("a server's URL has a port");
    url.into()
}

/// The `host:port` of a URL.
pub(crate) fn address(url: &Url, default_port: u16) -> String {
    format!("{}:{}", url.host_str().unwrap_or("127.0.0.1"), url.port().unwrap_or(default_port))
}
