//! Settings of the server.

use std::net::SocketAddr;
use std::time::Duration;

use platform_config::{base_url, seconds};
use url::Url;

/// Where a component listens and what it accepts.
#[derive(Clone, Debug, clap::Args)]
pub struct ServerSettings {
    /// Where the API listens.
    #[arg(long, env, default_value = "0.0.0.0:8080")]
    pub listen_addr: SocketAddr,

    /// Where probes and metrics listen (/livez, /readyz, /metrics).
    #[arg(long, env, default_value = "0.0.0.0:9090")]
    pub admin_addr: SocketAddr,

    /// The platform's public address, such as https://courses.example.com; `Location` and `Link` begin with it.
    #[arg(long, env, value_parser = base_url)]
    pub public_url: Url,

    /// Seconds to go on serving, not ready, after SIGTERM, so that callers stop sending first.
    #[arg(long, env, default_value = "0", value_parser = seconds)]
    pub drain_delay_seconds: Duration,

    /// Seconds that running requests get to finish once the listener is closed.
    #[arg(long, env, default_value = "30", value_parser = seconds)]
    pub drain_timeout_seconds: Duration,

    /// Seconds until a request without an answer is given up with a 503.
    #[arg(long, env, default_value = "30", value_parser = seconds)]
    pub request_timeout_seconds: Duration,

    /// Largest request body in bytes; a route that needs more says so itself.
    #[arg(long, env, default_value_t = 256 * 1024)]
    pub max_body_bytes: usize,

    /// Requests handled at the same time; more are turned away with a 503.
    #[arg(long, env, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_concurrent_requests: u32,
}

impl ServerSettings {
    /// The public address of `path` below this component's public `prefix` (`/services/catalog`).
    #[must_use]
    pub fn public(&self, prefix: &str, path: &str) -> Url {
        let mut url = self.public_url.clone();
        url.set_path(&format!("{}{prefix}{path}", self.public_url.path().trim_end_matches('/')));
        url
    }
}
