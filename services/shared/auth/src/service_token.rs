//! Tokens with which a component calls another one: by client credentials (RFC 6749 §4.4), kept, renewed
//! before they end, and dropped when the other one refuses them.
//!
//! However many need one at a time, there is one request for it, and all of them get what comes of it; also a
//! failure, so that a provider that hangs costs each of them one wait and no more.

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
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

/// A token is renewed once this share of its life is over, while the old one still serves.
const RENEWED_AT: f64 = 0.8;
/// A token that ends within this time may end on its way.
const MARGIN: Duration = Duration::from_secs(5);
/// After a failure nobody asks again for as long as it took to fail, but at least and at most this long: a provider
/// that hangs is left alone, and one that only restarts is asked again soon.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

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

/// Why there is no token. Everybody who waited for the same request has the same one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenError {
    /// The secret can't be read.
    #[error(transparent)]
    Secret(Arc<SecretFileError>),
    /// The provider is away or refuses.
    #[error(transparent)]
    Provider(Arc<ClientError>),
    /// The request ended without an answer, with the runtime that it ran in.
    #[error("the request for a token was given up")]
    GivenUp,
}

impl From<SecretFileError> for TokenError {
    fn from(error: SecretFileError) -> Self {
        Self::Secret(Arc::new(error))
    }
}

impl From<ClientError> for TokenError {
    fn from(error: ClientError) -> Self {
        Self::Provider(Arc::new(error))
    }
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
    scopes: Mutex<HashMap<&'static str, Slot>>,
}

/// What is known of one scope's token.
#[derive(Default)]
struct Slot {
    held: Option<Held>,
    /// The request under way; what came of it goes to everybody who waits.
    asking: Option<watch::Receiver<Option<Outcome>>>,
    /// What the last request failed with, and until when nobody asks again.
    failed: Option<(TokenError, Instant)>,
}

type Outcome = Result<Arc<str>, TokenError>;

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
    pub async fn token(&self, scope: &'static str) -> Outcome {
        let mut asking = {
            let mut scopes = lock(&self.0.scopes);
            let slot = scopes.entry(scope).or_default();
            let now = Instant::now();
            // Of one with a very short life the margin is most; it serves until it is due.
            let serves = |held: &Held| now < held.renew_at || now + MARGIN < held.ends_at;
            let usable = slot.held.clone().filter(serves);
            let failed =
                slot.failed.as_ref().filter(|(_, until)| now < *until).map(|(error, _)| error.clone());
            match (usable, failed) {
                (Some(held), failed) => {
                    // Due, and not urgent: it is renewed, and meanwhile all go on with what there is.
                    if now >= held.renew_at && failed.is_none() {
                        drop(self.asking(scope, slot));
                    }
                    return Ok(held.token);
                }
                (None, Some(error)) => return Err(error),
                (None, None) => self.asking(scope, slot),
            }
        };
        let outcome = asking.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or(Err(TokenError::GivenUp))
    }

    /// The request under way, or a new one. It is a task of its own: whoever began it may leave.
    fn asking(&self, scope: &'static str, slot: &mut Slot) -> watch::Receiver<Option<Outcome>> {
        // One whose runtime has ended never answers.
        let running = slot.asking.as_ref().filter(|asking| asking.has_changed().is_ok());
        if let Some(asking) = running {
            return asking.clone();
        }
        let (answer, asking) = watch::channel(None);
        slot.asking = Some(asking.clone());
        let tokens = self.clone();
        tokio::spawn(async move {
            let begun = Instant::now();
            let asked = tokens.ask(scope).await;
            answer.send_replace(Some(tokens.learn(scope, begun, asked)));
        });
        asking
    }

    /// Takes note of what came of a request.
    fn learn(&self, scope: &'static str, begun: Instant, asked: Result<Held, TokenError>) -> Outcome {
        let mut scopes = lock(&self.0.scopes);
        let slot = scopes.entry(scope).or_default();
        slot.asking = None;
        match asked {
            Ok(held) => {
                slot.failed = None;
                Ok(slot.held.insert(held).token.clone())
            }
            Err(error) => {
                if slot.held.is_some() {
                    tracing::warn!(scope, %error, "a service token can't be renewed yet");
                }
                let pause = begun.elapsed().clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
                slot.failed = Some((error.clone(), Instant::now() + pause));
                Err(error)
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
        if let Some(slot) = lock(&self.0.scopes).get_mut(scope) {
            slot.held.take_if(|held| Arc::ptr_eq(&held.token, refused));
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

    async fn ask(&self, scope: &'static str) -> Result<Held, TokenError> {
        let Inner { client_id, secret, provider, .. } = &*self.0;
        let (user, password) = (form_encoded(client_id), form_encoded(&secret.read()?));
        let request = provider
            .request(Method::POST, "")
            .basic_auth(user, Some(password))
            .form(&[("grant_type", "client_credentials"), ("scope", scope)]);
        let now = Instant::now();
        let answer: Answer = provider.json(request).await?;
        let life = Duration::from_secs(answer.expires_in.into());
        let token = Arc::from(answer.access_token);
        Ok(Held { token, renew_at: now + life.mul_f64(RENEWED_AT), ends_at: now + life })
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
