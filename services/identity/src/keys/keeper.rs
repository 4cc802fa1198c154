//! Keeps the set of keys: makes the first one, notices new and retired ones, says when they can't be used.

use std::sync::Arc;
use std::time::Duration;

use platform_http::problem::Chain;
use platform_http::server::{CheckError, Dependency, Need};
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::domain::{Jwks, KeyError, StoredKey};
use super::keyring::{KeyringError, KeyringFile};
use super::store::{KeyStore, StoreError};

/// How old the set may be: a removed key is refused within this.
const REFRESH: Duration = Duration::from_secs(60);
/// How soon it is tried again when there is no usable set.
const RETRY: Duration = Duration::from_millis(500);

/// Why the keys can't be used.
#[derive(Debug, thiserror::Error)]
enum KeeperError {
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("every signing key is retired or of the future")]
    NonePublished,
}

/// What is known of the keys.
#[derive(Debug, Clone, Default)]
struct Known {
    /// The last set that could be read. It is served whatever happened since: tokens out there were signed
    /// with it, and verifying them needs no private half.
    jwks: Option<Arc<Jwks>>,
    /// Why there is no key to sign with; `None` before the first look.
    state: Option<Result<(), String>>,
}

/// Keeps the set of keys.
pub(crate) struct Keeper {
    store: Arc<dyn KeyStore>,
    keyring: KeyringFile,
    known: watch::Sender<Known>,
}

/// The published set, as it is now. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PublishedKeys(watch::Receiver<Known>);

impl PublishedKeys {
    pub(crate) fn current(&self) -> Option<Arc<Jwks>> {
        self.0.borrow().jwks.clone()
    }
}

impl Keeper {
    pub(crate) fn new(store: Arc<dyn KeyStore>, keyring: KeyringFile) -> Self {
        Self { store, keyring, known: watch::Sender::default() }
    }

    /// The published set, to be read whenever it is needed.
    pub(crate) fn published(&self) -> PublishedKeys {
        PublishedKeys(self.known.subscribe())
    }

    /// The dependency `signing-keys`: hard, since without them nothing can be signed.
    pub(crate) fn dependency(&self) -> Dependency {
        let known = self.known.subscribe();
        Dependency::new("signing-keys", Need::Hard, move || {
            let mut known = known.clone();
            async move {
                // Waiting for the first look makes a start ready at once instead of at the next check.
                let known = known.wait_for(|known| known.state.is_some()).await.map_err(CheckError::new)?;
                known.state.clone().unwrap_or(Ok(())).map_err(CheckError)
            }
        })
    }

    /// Looks after the keys until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            let pause = match self.refresh(platform_service::now()).await {
                Ok(()) => REFRESH,
                Err(_) => RETRY,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Reads the keys, makes the first one when there is none, and tells everybody what came of it. The
    /// error is kept for `/readyz`, which also logs that it changed.
    async fn refresh(&self, now: OffsetDateTime) -> Result<(), KeeperError> {
        let outcome = self.look(now).await;
        self.known.send_modify(|known| match &outcome {
            Ok((jwks, usable)) => {
                known.jwks = Some(Arc::clone(jwks));
                known.state = Some(usable.as_ref().copied().map_err(|error| Chain(error).to_string()));
            }
            // Once the keys were usable, a database that is away is the database's trouble alone.
            Err(KeeperError::Store(_)) if matches!(known.state, Some(Ok(()))) => {}
            Err(error) => known.state = Some(Err(Chain(error).to_string())),
        });
        outcome.and_then(|(_, usable)| usable)
    }

    /// The published set, and whether each key in it opens.
    async fn look(&self, now: OffsetDateTime) -> Result<(Arc<Jwks>, Result<(), KeeperError>), KeeperError> {
        let mut keys = self.store.all().await?;
        if keys.is_empty() {
            // Only where no key ever was: a keyring that does not fit an existing key never makes a new one.
            let first = StoredKey::first(&self.keyring.read()?, now)?;
            if self.store.insert(&first).await? {
                tracing::info!(kid = first.kid, "made the first signing key");
            }
            keys = self.store.all().await?;
        }
        let published = || keys.iter().filter(|key| key.is_published_at(now));
        let jwks = Jwks { keys: published().map(StoredKey::jwk).collect::<Result<_, _>>()? };
        let open = || -> Result<(), KeeperError> {
            if jwks.keys.is_empty() {
                return Err(KeeperError::NonePublished);
            }
            let keyring = self.keyring.read()?;
            published().try_for_each(|key| key.open(&keyring).map(drop))?;
            Ok(())
        };
        let usable = open();
        Ok((Arc::new(jwks), usable))
    }
}
