//! The questions.

use std::net::{SocketAddr, ToSocketAddrs as _};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::connection::Connection;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// A token for the client itself (RFC 6749 §4.4).
    ClientCredentials,
    /// Whether a token is active (RFC 7662), the same token each time.
    Introspection,
    /// The next tokens of a chain (RFC 6749 §6), one chain a connection.
    Refresh,
    /// Tokens for name and password (RFC 6749 §4.3), one user a connection.
    SignIn,
    /// Nobody: how many passwords a core can hash.
    Hash,
}

/// Whom to ask, and as whom.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Target {
    /// The token endpoint.
    #[arg(long, default_value = "http://127.0.0.1")]
    token_url: Url,
    /// The introspection endpoint.
    #[arg(long)]
    introspection_url: Option<Url>,
    /// A confidential client.
    #[arg(long, default_value = "")]
    client_id: String,
    /// Its secret, from the environment so that it shows in no list of processes.
    #[arg(long, env = "LOAD_CLIENT_SECRET", hide_env_values = true, default_value = "")]
    client_secret: String,
    /// The scopes of tokens for the client itself.
    #[arg(long, default_value = "")]
    client_scope: String,
    /// The scopes of a user's tokens.
    #[arg(long, default_value = "openid")]
    user_scope: String,
    /// A user; `{}` becomes the connection's number, from 0.
    #[arg(long, default_value = "")]
    username: String,
    /// The user's password.
    #[arg(long, env = "LOAD_PASSWORD", hide_env_values = true, default_value = "")]
    password: String,
}

impl Target {
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        let host = self.token_url.host_str().context("the token endpoint has no host")?;
        let port = self.token_url.port_or_known_default().context("the token endpoint has no port")?;
        (host, port).to_socket_addrs()?.next().with_context(|| format!("{host} has no address"))
    }

    /// HTTP Basic with both parts form-encoded (RFC 6749 §2.3.1).
    fn basic(&self) -> String {
        let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encode(&self.client_id), encode(&self.client_secret));
        format!("Basic {}", STANDARD.encode(pair))
    }

    fn client_credentials(&self) -> String {
        form(&[("grant_type", "client_credentials"), ("scope", &self.client_scope)])
    }

    fn sign_in(&self, connection: u16) -> String {
        form(&[
            ("grant_type", "password"),
            ("username", &self.username.replace("{}", &connection.to_string())),
            ("password", &self.password),
            ("scope", &self.user_scope),
        ])
    }
}

fn form(pairs: &[(&str, &str)]) -> String {
    let given = pairs.iter().filter(|(_, value)| !value.is_empty());
    Serializer::new(String::new()).extend_pairs(given).finish()
}

/// One connection and what it asks.
pub(crate) struct Worker {
    kind: Kind,
    connection: Connection,
    url: Url,
    authorization: String,
    body: String,
}

impl Worker {
    /// Gets what the questions need: a token to ask about, or the begin of a chain.
    pub(crate) async fn prepare(
        kind: Kind,
        target: &Target,
        mut connection: Connection,
        number: u16,
    ) -> anyhow::Result<Self> {
        let authorization = target.basic();
        let mut url = target.token_url.clone();
        let body = match kind {
            Kind::ClientCredentials => target.client_credentials(),
            Kind::SignIn => target.sign_in(number),
            Kind::Hash => bail!("hashing asks nobody"),
            Kind::Introspection => {
                let tokens =
                    first(&mut connection, &url, &authorization, target.client_credentials()).await?;
                url = target.introspection_url.clone().context("--introspection-url is needed")?;
                form(&[("token", text(&tokens, "access_token")?)])
            }
            Kind::Refresh => {
                refresh(&first(&mut connection, &url, &authorization, target.sign_in(number)).await?)?
            }
        };
        Ok(Self { kind, connection, url, authorization, body })
    }

    /// Asks once; tells whether the answer was what it should be.
    pub(crate) async fn ask(&mut self) -> anyhow::Result<bool> {
        let (status, answer) =
            self.connection.post(&self.url, Some(&self.authorization), self.body.clone()).await?;
        if !status.is_success() {
            return Ok(false);
        }
        match self.kind {
            Kind::Introspection => Ok(answer.windows(13).any(|part| part == br#""active":true"#)),
            Kind::Refresh => {
                self.body = refresh(&serde_json::from_slice(&answer)?)?;
                Ok(true)
            }
            Kind::ClientCredentials | Kind::SignIn | Kind::Hash => Ok(true),
        }
    }
}

async fn first(
    connection: &mut Connection,
    url: &Url,
    authorization: &str,
    body: String,
) -> anyhow::Result<Value> {
    let (status, answer) = connection.post(url, Some(authorization), body).await?;
    if !status.is_success() {
        bail!("the provider answered {status}: {}", String::from_utf8_lossy(&answer));
    }
    Ok(serde_json::from_slice(&answer)?)
}

fn refresh(tokens: &Value) -> anyhow::Result<String> {
    Ok(form(&[("grant_type", "refresh_token"), ("refresh_token", text(tokens, "refresh_token")?)]))
}

fn text<'a>(tokens: &'a Value, key: &str) -> anyhow::Result<&'a str> {
    tokens[key].as_str().with_context(|| format!("the provider gave no {key}"))
}
