//! What the gateway can be told.

use std::path::PathBuf;

use platform_auth::JwksUri;
use platform_config::{SecretFile, UrlFile, base_url, non_empty};
use platform_service::CommonSettings;
use url::Url;

use crate::guard::Networks;
use crate::routes::Table;

/// Settings of the gateway. With a routes file alone it runs anywhere:
/// `ROUTES_FILE=routes.yaml PUBLIC_URL=http://localhost:8080 gateway`.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// What every component is told.
    #[command(flatten)]
    pub common: CommonSettings,

    /// File with the routes (YAML or JSON, `version: 1`; docs/api/README.md describes it). A change is taken
    /// into use within 2 seconds; a wrong file is refused and the last good one stays.
    #[arg(long, env, value_parser = checked)]
    pub routes_file: PathBuf,

    /// File with Redis's URL, for what replicas share; absent: the gateway runs alone.
    #[arg(long, env)]
    pub redis_url_file: Option<UrlFile>,

    /// What every key in Redis begins with.
    #[arg(long, env, default_value = "cp:", value_parser = non_empty)]
    pub redis_key_prefix: String,

    /// The keys that access tokens are checked with: http://demo-identity:8080/identity/jwks, or
    /// file:///path of a JWKS. Without it every token is answered with a 503.
    #[arg(long, env)]
    pub jwks_uri: Option<JwksUri>,

    /// Where callers' tokens are exchanged for those of services, such as
    /// http://demo-identity:8080/identity/token. Needed unless every route with an
    /// `audience` says `exchange: false`: then tokens reach services as they are.
    #[arg(long, env, value_parser = base_url, requires = "client_secret_file")]
    pub token_url: Option<Url>,

    /// File with the secret of the client `gateway`; read again at each use, so that it can be rotated.
    #[arg(long, env)]
    pub client_secret_file: Option<SecretFile>,

    /// Seconds until an exchanged token is asked for again: sign-out, locks and lost roles take effect within
    /// this time.
    #[arg(long, env, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=60))]
    pub token_check_seconds: u16,

    /// Networks of proxies in front, such as 10.0.0.0/8,fd00::/8, whose X-Forwarded-For is believed.
    #[arg(long, env, default_value_t)]
    pub trusted_proxies: Networks,

    /// File with the certificate and those of its issuers (PEM), to serve the API over TLS. A renewed one is
    /// taken into use within 10 seconds; a wrong one is refused and the last good one stays.
    #[arg(long, env, requires = "tls_key_file")]
    pub tls_certificate_file: Option<PathBuf>,

    /// File with the certificate's private key (PEM).
    #[arg(long, env, requires = "tls_certificate_file")]
    pub tls_key_file: Option<PathBuf>,

    /// Threads that serve requests, each with connections of its own; 0: one for each core.
    #[arg(long, env, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=256))]
    pub serving_threads: u16,

    /// The longest head of a request (line and headers), in bytes; a longer one is a 431.
    #[arg(long, env, default_value_t = 64 * 1024, value_parser = clap::value_parser!(u32).range(8192..=1_048_576))]
    pub max_head_bytes: u32,

    /// Connections of clients at the same time; more are closed at once.
    #[arg(long, env, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,

    /// Requests in work at the same time. From three quarters of it on, the least important are turned away
    /// with a 503.
    #[arg(long, env, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(4..))]
    pub max_active_requests: u32,

    /// Bytes of answers that are kept for routes with a `cache`; 0: none. As much again may be in memory while
    /// slow clients still read what is no longer kept.
    #[arg(long, env, default_value_t = 16 * 1024 * 1024)]
    pub cache_bytes: u64,

    /// The longest answer that is kept, in bytes.
    #[arg(long, env, default_value_t = 1024 * 1024)]
    pub cache_answer_bytes: u64,

    /// Share of requests in the access log, from 0 to 1. Failures and slow requests are always in it.
    #[arg(long, env, default_value = "0.01", value_parser = ratio)]
    pub access_log_ratio: f64,

    /// Share of requests that are traced, from 0 to 1, when OTLP_ENDPOINT is set. Services follow the gateway.
    #[arg(long, env, default_value = "1", value_parser = ratio)]
    pub trace_ratio: f64,
}

/// A routes file is checked while the settings are parsed, so that a wrong one is refused like any setting.
fn checked(path: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(non_empty(path)?);
    Table::load(&path).map(|_| path).map_err(|error| error.to_string())
}

fn ratio(text: &str) -> Result<f64, String> {
    let wrong = || "must be a number from 0 to 1".to_owned();
    let ratio: f64 = text.parse().map_err(|_| wrong())?;
    if (0.0..=1.0).contains(&ratio) { Ok(ratio) } else { Err(wrong()) }
}
