//! Keeps the keys fresh: from the provider's JWKS, or from a file.

use std::path::PathBuf;
use std::time::Duration;

use http::Method;
use platform_http::client::{ClientError, PeerClient};
use platform_http::problem::Chain;
use tokio_util::sync::CancellationToken;

use crate::{JwksUri, KeySet, Keys};

/// How often the keys are looked at: a removed key is refused within this time.
const INTERVAL: Duration = Duration::from_secs(60);
/// How soon after a look that gave nothing; it doubles up to the last.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);
/// Far more than sixteen keys need.
pub(crate) const LARGEST_JWKS_BYTES: usize = 64 * 1024;

/// Why a look at the keys gave nothing.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Http(#[from] ClientError),
    #[error("can't read the JWKS file")]
    File(#[from] std::io::Error),
    #[error("the JWKS is larger than {LARGEST_JWKS_BYTES} bytes")]
    TooLarge,
    #[error("the JWKS broke off")]
    BrokeOff,
    #[error(transparent)]
    Unusable(#[from] crate::KeySetError),
}

/// Fills [`Keys`] in the background.
#[derive(Debug)]
pub struct KeyFetcher {
    keys: Keys,
    source: Source,
    interval: Duration,
    /// What was left out of the last set, so that it is told once.
    told: Vec<String>,
}

#[derive(Debug)]
enum Source {
    File(PathBuf),
    Http(PeerClient),
}

impl KeyFetcher {
    /// One that fills `keys` from `uri`.
    ///
    /// # Errors
    /// When no HTTP client can be set up, which has to do with the system.
    pub fn new(keys: Keys, uri: &JwksUri) -> Result<Self, ClientError> {
        let source = match uri {
            JwksUri::File(path) => Source::File(path.clone()),
            JwksUri::Http(url) => Source::Http(PeerClient::new("identity", url.clone())?),
        };
        keys.fetched_from_now_on();
        let mut fetcher = Self { keys, source, interval: INTERVAL, told: Vec::new() };
        // A file is there from the start: nobody need wait for it.
        if let Source::File(path) = &fetcher.source
            && let Ok(document) = std::fs::read(path)
            && let Ok(set) = fetcher.read(&document)
        {
            fetcher.keys.replace(set);
        }
        Ok(fetcher)
    }

    /// The same with another interval than the 60 s of the platform, for tests.
    #[must_use]
    pub fn every(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// Looks at once, then every minute and when somebody meets an unknown key, until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut retry = FIRST_RETRY;
        loop {
            let fetched = tokio::select! {
                fetched = self.fetch() => fetched,
                () = stop.cancelled() => return,
            };
            let pause = if fetched.is_ok() { self.interval } else { retry.min(self.interval) };
            retry = if fetched.is_ok() { FIRST_RETRY } else { (retry * 2).min(LAST_RETRY) };
            // Readiness logs, once, that the keys can't be had.
            self.keys.looked(fetched.map_err(|error| Chain(&error).to_string()));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.keys.wanted() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn fetch(&mut self) -> Result<KeySet, FetchError> {
        let document = match &self.source {
            Source::File(path) => {
                if tokio::fs::metadata(path).await?.len() > LARGEST_JWKS_BYTES as u64 {
                    return Err(FetchError::TooLarge);
                }
                tokio::fs::read(path).await?
            }
            Source::Http(identity) => {
                let mut answer = identity.send(identity.request(Method::GET, "")).await?;
                let mut document = Vec::new();
                while let Some(chunk) = answer.chunk().await.map_err(|_| FetchError::BrokeOff)? {
                    if document.len() + chunk.len() > LARGEST_JWKS_BYTES {
                        return Err(FetchError::TooLarge);
                    }
                    document.extend_from_slice(&chunk);
                }
                document
            }
        };
        self.read(&document)
    }

    fn read(&mut self, document: &[u8]) -> Result<KeySet, FetchError> {
        let set = KeySet::parse(document)?;
        if set.ignored() != self.told {
            self.told = set.ignored().to_vec();
            if !self.told.is_empty() {
                tracing::error!(ignored = self.told.join("; "), "the JWKS has keys that can't be used");
            }
        }
        Ok(set)
    }
}
