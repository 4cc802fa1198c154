//! Keeps the set of keys: makes the first one and each successor in time, notices new and retired ones, says
//! when they can't be used.

use std::sync::Arc;
use std::time::Duration;

use platform_auth::KeySet;
use platform_http::problem::Chain;
use platform_http::server::{CheckError, Dependency, Need};
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::domain::{Jwks, KeyError, StoredKey};
use super::keyring::{Keyring, KeyringError, KeyringFile};
use super::rotation::{Occasion, Policy, Step, plan};
use super::signer::{Keys, SigningKey, VerifyingKey};
use super::store::{KeyStore, StoreError};

/// How old the set may be. All replicas agree within this, and an emergency's key waits for it.
const REFRESH: Duration = Duration::from_secs(20);
/// How soon it is tried again when there is no usable set.
const RETRY: Duration = Duration::from_millis(500);
/// Whoever finds the generation taken plans again; more often than this somebody else is at work.
const ATTEMPTS: usize = 3;

/// Why the keys can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeeperError {
    /// The keyring's file is wrong.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// A key can't be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store has no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing to sign with.
    #[error("every signing key is retired or of the future")]
    NonePublished,
    /// There is nothing to rotate.
    #[error("there is no signing key yet: the service makes the first one when it starts")]
    NoneYet,
    /// Others rotated at the same time, again and again.
    #[error("somebody else is rotating the keys")]
    Contended,
}

/// What is known of the keys.
#[derive(Clone, Default)]
pub(super) struct Known {
    /// The last set that could be read. It is served whatever happened since: tokens out there were signed
    /// with it, and verifying them needs no private half.
    pub(super) jwks: Option<Arc<Jwks>>,
    /// The same, parsed.
    pub(super) verifying: Vec<Arc<VerifyingKey>>,
    /// The published ones with their private halves, by generation.
    pub(super) signing: Vec<Arc<SigningKey>>,
    /// Why there is no key to sign with; `None` before the first look.
    pub(super) state: Option<Result<(), String>>,
}

/// Keeps the set of keys.
pub(crate) struct Keeper {
    store: Arc<dyn KeyStore>,
    keyring: KeyringFile,
    policy: Policy,
    known: watch::Sender<Known>,
    /// The same keys for whoever checks access tokens in this process.
    trusted: platform_auth::Keys,
}

/// A look at the store: what is published, and whether it can sign.
struct Look {
    jwks: Arc<Jwks>,
    verifying: Vec<Arc<VerifyingKey>>,
    signing: Result<Vec<Arc<SigningKey>>, KeeperError>,
}

impl Keeper {
    pub(crate) fn new(store: Arc<dyn KeyStore>, keyring: KeyringFile, policy: Policy) -> Self {
        Self {
            store,
            keyring,
            policy,
            known: watch::Sender::default(),
            trusted: platform_auth::Keys::default(),
        }
    }

    /// The keys, to be read whenever they are needed.
    pub(crate) fn keys(&self) -> Keys {
        Keys::new(self.known.subscribe())
    }

    /// The keys that access tokens are checked with here, always the published ones.
    pub(crate) fn trusted(&self) -> platform_auth::Keys {
        self.trusted.clone()
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

    /// Makes the next key at once, for the command: it signs a day later or, in an emergency, as soon as
    /// verifiers know it, and then the others are trusted no more. Answers from when on it signs.
    pub(crate) async fn rotate(
        &self,
        occasion: Occasion,
        now: OffsetDateTime,
    ) -> Result<OffsetDateTime, KeeperError> {
        for _ in 0..ATTEMPTS {
            let keys = self.store.all().await?;
            let newest = keys.last().ok_or(KeeperError::NoneYet)?;
            let keyring = self.keyring.read()?;
            // A keyring that does not fit makes no key: the running replicas could not open it either.
            newest.open(&keyring)?;
            let steps = plan(&keys, self.policy, occasion, now);
            let made = steps.iter().find_map(|step| match step {
                Step::Make { not_before, .. } => Some(*not_before),
                Step::Retire { .. } => None,
            });
            if self.take(&steps, &keyring, now).await? {
                return Ok(made.unwrap_or(newest.not_before));
            }
        }
        Err(KeeperError::Contended)
    }

    /// Does what was planned; false when another replica made the key first.
    async fn take(
        &self,
        steps: &[Step],
        keyring: &Keyring,
        now: OffsetDateTime,
    ) -> Result<bool, KeeperError> {
        for step in steps {
            match *step {
                Step::Make { generation, not_before } => {
                    let key = StoredKey::make(keyring, generation, now, not_before)?;
                    if !self.store.insert(&key).await? {
                        return Ok(false);
                    }
                    tracing::info!(kid = key.kid, generation, %not_before, "made a signing key");
                }
                Step::Retire { generation, at } => {
                    self.store.retire(generation, at).await?;
                    tracing::info!(generation, %at, "retiring a signing key");
                }
            }
        }
        Ok(true)
    }

    /// Reads the keys, makes the first one when there is none, and tells everybody what came of it. The
    /// error is kept for `/readyz`, which also logs that it changed.
    async fn refresh(&self, now: OffsetDateTime) -> Result<(), KeeperError> {
        let outcome = self.look(now).await;
        if let Ok(look) = &outcome
            && let Ok(set) = KeySet::parse(&serde_json::to_vec(&*look.jwks).unwrap_or_default())
        {
            self.trusted.replace(set);
        }
        self.known.send_modify(|known| match &outcome {
            Ok(look) => {
                known.jwks = Some(Arc::clone(&look.jwks));
                known.verifying.clone_from(&look.verifying);
                match &look.signing {
                    Ok(signing) => {
                        known.signing.clone_from(signing);
                        known.state = Some(Ok(()));
                    }
                    Err(error) => {
                        known.signing.clear();
                        known.state = Some(Err(Chain(error).to_string()));
                    }
                }
            }
            // Once the keys were usable, a database that is away is the database's trouble alone.
            Err(KeeperError::Store(_)) if matches!(known.state, Some(Ok(()))) => {}
            Err(error) => known.state = Some(Err(Chain(error).to_string())),
        });
        outcome.and_then(|look| look.signing).map(drop)
    }

    /// The published set, and whether each key in it opens.
    async fn look(&self, now: OffsetDateTime) -> Result<Look, KeeperError> {
        let mut keys = self.store.all().await?;
        if keys.is_empty() {
            // Only where no key ever was: a keyring that does not fit an existing key never makes a new one.
            let first = StoredKey::first(&self.keyring.read()?, now)?;
            if self.store.insert(&first).await? {
                tracing::info!(kid = first.kid, "made the first signing key");
            }
            keys = self.store.all().await?;
        }
        let mut look = self.view(&keys, now)?;
        if look.signing.is_ok() {
            // Only a replica that can open the keys there are makes the next one.
            let steps = plan(&keys, self.policy, Occasion::Schedule, now);
            if !steps.is_empty() {
                self.take(&steps, &self.keyring.read()?, now).await?;
                look = self.view(&self.store.all().await?, now)?;
            }
        }
        Ok(look)
    }

    fn view(&self, keys: &[StoredKey], now: OffsetDateTime) -> Result<Look, KeeperError> {
        let published: Vec<&StoredKey> = keys.iter().filter(|key| key.is_published_at(now)).collect();
        let jwks = Jwks { keys: published.iter().map(|key| key.jwk()).collect::<Result<_, _>>()? };
        let verifying =
            published.iter().map(|key| VerifyingKey::parse(key).map(Arc::new)).collect::<Result<_, _>>()?;
        let signing = self.open(&published);
        Ok(Look { jwks: Arc::new(jwks), verifying, signing })
    }

    /// The private halves; what was opened before is kept.
    fn open(&self, published: &[&StoredKey]) -> Result<Vec<Arc<SigningKey>>, KeeperError> {
        if published.is_empty() {
            return Err(KeeperError::NonePublished);
        }
        let known = self.known.borrow().signing.clone();
        let opened = |key: &StoredKey| known.iter().find(|it| it.kid == key.kid).map(Arc::clone);
        if let Some(all) = published.iter().map(|key| opened(key)).collect() {
            return Ok(all);
        }
        let keyring = self.keyring.read()?;
        let open = |key: &&StoredKey| match opened(key) {
            Some(known) => Ok(known),
            None => Ok(Arc::new(SigningKey::open(key, &keyring)?)),
        };
        published.iter().map(open).collect()
    }
}
