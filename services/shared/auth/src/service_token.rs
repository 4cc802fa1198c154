//! Tokens with which a component calls another one: by client credentials (RFC 6749 §4.4), kept, renewed
//! before they end, and dropped when the other one refuses them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use platform_config::{SecretFile, SecretFileError, base_url};
use platform_http::client::{ClientError, PeerClient};
use platform_http::server::{CheckError, Dependency, Need};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use url::Url;

/// A token is renewed once this share of its life is over, while the old one still serves.
const RENEWED_AT: f64 = 0.8;
/// A token that ends within this time may end on its way.
const MARGIN: Duration = Duration::from_secs(5);

/// How a component proves to the provider which client it is; the client's id is its name.
#[derive(Clone, Debug, clap::Args)]
pub struct ClientSettings {
    /// Where tokens are had, such as http://demo-identity:8080/identity/token.
    #[arg(long, env, value_parser = base_url)]
    pub token_url: Url,

    /// File with the client's secret; read again at each use, so that it can be rotated.
    #[arg(long, env)]
    pub client_secret_file: SecretFile,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The secret can't be read.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// The provider is away or refuses.
    #[error(transparent)]
    Provider(#[from] ClientError),
}

/// Why a call with a token gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There is no token to call with.
    #[error("there is no token to call with")]
    Token(#[from] TokenError),
    /// The peer is away or refuses.
    #[error(transparent)]
    Peer(#[from] ClientError),
}

impl CallError {
    /// The status of the peer's answer, if there was one; what the provider answered is not the peer's.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Token(_) => None,
            Self::Peer(error) => error.status(),
        }
    }
}

/// A client's own tokens by scope. Cheap to clone; clones share their tokens.
#[derive(Clone)]
pub struct ServiceTokens(Arc<Inner>);

struct Inner {
    client_id: &'static str,
    secret: SecretFile,
    provider: PeerClient,
    scopes: Mutex<HashMap<&'static str, Arc<Slot>>>,
}

#[derive(Default)]
struct Slot {
    held: Mutex<Option<Held>>,
    /// Whoever holds this is the one who asks.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Held {
    token: Arc<str>,
    renew_at: Instant,
    ends_at: Instant,
}

/// The part of RFC 6749 §5.1 that is used.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: u32,
}

impl ServiceTokens {
    /// Tokens of the client `client_id`.
    ///
    /// # Errors
    /// When no HTTP client can be set up, which has to do with the system.
    pub fn new(client_id: &'static str, settings: &ClientSettings) -> Result<Self, ClientError> {
        let provider = PeerClient::new("identity", settings.token_url.clone())?;
        let secret = settings.client_secret_file.clone();
        Ok(Self(Arc::new(Inner { client_id, secret, provider, scopes: Mutex::default() })))
    }

    /// A token with `scope`, for `Authorization: Bearer`. However many ask at a time, the provider is asked
    /// once.
    ///
    /// # Errors
    /// When there is none and none can be had.
    pub async fn token(&self, scope: &'static str) -> Result<Arc<str>, TokenError> {
        let slot = Arc::clone(lock(&self.0.scopes).entry(scope).or_default());
        let now = Instant::now();
        let usable = slot.held().filter(|held| now + MARGIN < held.ends_at);
        match usable {
            Some(held) if now < held.renew_at => Ok(held.token),
            // Due, and not urgent: one renews it, the others go on with what there is.
            Some(held) => {
                let Ok(_asking) = slot.asking.try_lock() else { return Ok(held.token) };
                match self.ask(scope, &slot).await {
                    Ok(token) => Ok(token),
                    Err(error) => {
                        tracing::warn!(scope, %error, "a service token can't be renewed yet");
                        Ok(held.token)
                    }
                }
            }
            None => {
                let _asking = slot.asking.lock().await;
                // Another one may have asked while this one waited.
                match slot.held().filter(|held| Instant::now() < held.renew_at) {
                    Some(held) => Ok(held.token),
                    None => self.ask(scope, &slot).await,
                }
            }
        }
    }

    /// Gets `path` from `peer` with a token of `scope` and reads its JSON answer. A token that the peer refuses
    /// (the keys were replaced, say) is dropped, and a new one is tried once.
    ///
    /// # Errors
    /// When there is no token, or no usable answer.
    pub async fn get_json<T: DeserializeOwned>(
        &self,
        scope: &'static str,
        peer: &PeerClient,
        path: &str,
    ) -> Result<T, CallError> {
        let get = |token: &str| peer.json(peer.request(Method::GET, path).bearer_auth(token));
        let token = self.token(scope).await?;
        match get(&token).await {
            Err(error) if error.status() == Some(StatusCode::UNAUTHORIZED) => {
                tracing::warn!(scope, %error, "a service token was refused; trying a new one");
                self.forget(scope, &token);
                let token = self.token(scope).await?;
                Ok(get(&token).await?)
            }
            answer => Ok(answer?),
        }
    }

    /// Drops a token, unless another one has taken its place: of many who are refused at once, one asks.
    fn forget(&self, scope: &'static str, refused: &Arc<str>) {
        if let Some(slot) = lock(&self.0.scopes).get(scope) {
            lock(&slot.held).take_if(|held| Arc::ptr_eq(&held.token, refused));
        }
    }

    /// The dependency `identity-tokens`: soft, since what needs no other component goes on without a token.
    #[must_use]
    pub fn dependency(&self, scope: &'static str) -> Dependency {
        let tokens = self.clone();
        Dependency::new("identity-tokens", Need::Soft, move || {
            let tokens = tokens.clone();
            async move { tokens.token(scope).await.map(drop).map_err(CheckError::new) }
        })
    }

    async fn ask(&self, scope: &'static str, slot: &Slot) -> Result<Arc<str>, TokenError> {
        let Inner { client_id, secret, provider, .. } = &*self.0;
        let (user, password) = (form_encoded(client_id), form_encoded(&secret.read()?));
        let request = provider
            .request(Method::POST, "")
            .basic_auth(user, Some(password))
            .form(&[("grant_type", "client_credentials"), ("scope", scope)]);
        let now = Instant::now();
        let answer: Answer = provider.json(request).await?;
        let (token, life) = (Arc::from(answer.access_token), Duration::from_secs(answer.expires_in.into()));
        let held =
            Held { token: Arc::clone(&token), renew_at: now + life.mul_f64(RENEWED_AT), ends_at: now + life };
        *lock(&slot.held) = Some(held);
        Ok(token)
    }
}

impl Slot {
    fn held(&self) -> Option<Held> {
        lock(&self.held).clone()
    }
}

impl fmt::Debug for ServiceTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceTokens").field("client_id", &self.0.client_id).finish_non_exhaustive()
    }
}

/// Both halves are form-encoded before they become HTTP basic (RFC 6749 §2.3.1).
fn form_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
