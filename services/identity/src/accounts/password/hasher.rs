//! Argon2id, as many at a time as memory and cores allow. The others wait, in a queue with an end and not for ever.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use argon2::Params;
use platform_service::StartError;
use tokio::sync::Semaphore;

use super::Password;
use super::argon::{Argon, HashError, Verified, failed};
use crate::capability;
use crate::settings::PasswordSettings;

/// How many may wait for each one that is hashed; beyond, waiting would take longer than anybody waits.
const QUEUE_FOR_EACH: usize = 16;
/// How long one waits.
const PATIENCE: Duration = Duration::from_secs(5);
/// Hashes passwords. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Hasher(Arc<Inner>);

struct Inner {
    argon: Argon,
    queue: Semaphore,
    at_a_time: Arc<Semaphore>,
    /// How many wait for their turn or have it.
    here: AtomicUsize,
    /// What the password of an account that does not exist is compared with, so that it costs the same.
    decoy: OnceLock<String>,
}

impl Hasher {
    pub(crate) fn new(settings: &PasswordSettings) -> Result<Self, StartError> {
        let (memory, iterations, lanes) =
            (settings.argon2_memory_kib, settings.argon2_iterations, settings.argon2_parallelism);
        let params = Params::new(memory, iterations, lanes, None)
            .map_err(|error| anyhow::anyhow!("ARGON2_MEMORY_KIB: {error}"))?;
        let fit = usize::try_from(settings.password_memory_mib * 1024 / memory.max(1))?.max(1);
        // More than there are cores would only take turns, each with its memory.
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let at_a_time = fit.min(cores);
        Ok(Self(Arc::new(Inner {
            argon: Argon::new(params),
            queue: Semaphore::new(at_a_time * (QUEUE_FOR_EACH + 1)),
            at_a_time: Arc::new(Semaphore::new(at_a_time)),
            here: AtomicUsize::new(0),
            decoy: OnceLock::new(),
        })))
    }

    /// The hash of a new password, in PHC form.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, HashError> {
        self.run(move |inner| inner.argon.hash(&password)).await
    }

    /// Compares a password with a hash, or with that of an account that does not exist.
    pub(crate) async fn verify(
        &self,
        password: Password,
        hash: Option<String>,
    ) -> Result<Verified, HashError> {
        self.run(move |inner| match hash {
            Some(hash) => inner.argon.verify(&password, &hash),
            None => {
                let decoy = match inner.decoy.get() {
                    Some(decoy) => decoy,
                    None => {
                        let random = capability::generate().map_err(failed)?;
                        let decoy = inner.argon.hash(&Password::typed(&random))?;
                        inner.decoy.get_or_init(|| decoy)
                    }
                };
                inner.argon.verify(&password, decoy)?;
                Ok(Verified { matches: false, rehashed: None })
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let _place = self.0.queue.try_acquire().map_err(|_| HashError::Busy)?;
        let here = Here::new(&self.0);
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.0.at_a_time).acquire_owned());
        let turn = turn.await.map_err(|_| HashError::Busy)?.map_err(failed)?;
        // The turn goes along: a request that is given up does not free memory that is still in use.
        let work = move || {
            let outcome = work(&here.0);
            drop((here, turn));
            outcome
        };
        tokio::task::spawn_blocking(work).await.map_err(failed)?
    }
}

/// One of those who are here. The last one to leave gives all memory back.
struct Here(Arc<Inner>);

impl Here {
    fn new(inner: &Arc<Inner>) -> Self {
        inner.here.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(inner))
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        let others = self.0.here.fetch_sub(1, Ordering::SeqCst) - 1;
        self.0.argon.keep_memory_for(others);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(memory_kib: u32) -> Hasher {
        Hasher::new(&PasswordSettings {
            argon2_memory_kib: memory_kib,
            argon2_iterations: 1,
            argon2_parallelism: 1,
            password_memory_mib: 1,
        })
        .unwrap()
    }

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only() {
        let hasher = hasher(64);
        let hash = hasher.hash(Password::typed("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        let same = Verified { matches: true, rehashed: None };
        assert_eq!(hasher.verify(Password::typed("correct horse"), Some(hash.clone())).await.unwrap(), same);
        let other = Verified { matches: false, rehashed: None };
        assert_eq!(hasher.verify(Password::typed("correct house"), Some(hash)).await.unwrap(), other);
        assert_eq!(hasher.verify(Password::typed("correct horse"), None).await.unwrap(), other);
    }

    #[tokio::test]
    async fn a_password_counts_exactly_as_it_was_typed() {
        let hasher = hasher(64);
        let longest = "a".repeat(128);
        let longer = format!("{longest}a");
        for (kept, other) in [
            ("Correct horse 1", "correct horse 1"),
            ("Correct horse 1", "Correct horse 1 "),
            ("Correct horse 1", " Correct horse 1"),
            ("Correct horse 1", "Correct horse"),
            (longest.as_str(), &longest[..72]),
            (longest.as_str(), &longest[..127]),
            (longest.as_str(), longer.as_str()),
        ] {
            let hash = hasher.hash(Password::typed(kept)).await.unwrap();
            assert!(
                hasher.verify(Password::typed(kept), Some(hash.clone())).await.unwrap().matches,
                "{kept:?}"
            );
            assert!(!hasher.verify(Password::typed(other), Some(hash)).await.unwrap().matches, "{other:?}");
        }
    }

    #[tokio::test]
    async fn weaker_parameters_are_replaced_when_the_password_is_known() {
        let weak = hasher(64).hash(Password::typed("correct horse")).await.unwrap();
        let strong = hasher(128);
        let verified = strong.verify(Password::typed("correct horse"), Some(weak.clone())).await.unwrap();
        assert!(verified.rehashed.unwrap().contains("m=128,"));
        assert_eq!(strong.verify(Password::typed("wrong"), Some(weak)).await.unwrap().rehashed, None);
    }

    #[tokio::test]
    async fn memory_is_kept_for_those_who_wait_and_given_back_by_the_last() {
        let hasher = hasher(256);
        let at_a_time = hasher.0.at_a_time.available_permits();
        let all = (0..12).map(|_| {
            let hasher = hasher.clone();
            tokio::spawn(async move { hasher.hash(Password::typed("correct horse")).await.unwrap() })
        });
        for one in all.collect::<Vec<_>>() {
            one.await.unwrap();
            assert!(hasher.0.argon.kept() <= at_a_time);
        }
        assert_eq!(hasher.0.here.load(Ordering::SeqCst), 0);
        assert_eq!(hasher.0.argon.kept(), 0);
    }

    #[tokio::test]
    async fn what_is_beyond_the_queue_is_turned_away_at_once() {
        // One at a time, as 1 MiB is all there is.
        let hasher = hasher(1024);
        let all = (0..40).map(|_| {
            let hasher = hasher.clone();
            tokio::spawn(async move { hasher.hash(Password::typed("correct horse")).await })
        });
        let (mut hashed, mut busy) = (0, 0);
        for one in all.collect::<Vec<_>>() {
            match one.await.unwrap() {
                Ok(_) => hashed += 1,
                Err(HashError::Busy) => busy += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(hashed >= 17 && busy > 0, "{hashed} hashed, {busy} turned away");
    }
}
