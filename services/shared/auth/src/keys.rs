//! The keys that are trusted now: one handle that somebody fills and every check looks at.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use platform_http::server::{CheckError, Dependency, Need};
use tokio::sync::{Notify, watch};

use crate::KeySet;

/// The last good set serves this long while the provider is away.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// An unknown key's id causes no more than one look at the provider in this time.
const REFETCH_PAUSE: Duration = Duration::from_secs(60);
/// A request with an unknown key's id waits this long for that look.
const REFETCH_PATIENCE: Duration = Duration::from_secs(2);

/// The keys that are trusted now. Cheap to clone; all clones are one. Empty until somebody fills it: a
/// [`KeyFetcher`](crate::KeyFetcher), or the provider itself with [`Keys::replace`], at least once a day.
#[derive(Clone, Debug, Default)]
pub struct Keys(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: RwLock<State>,
    refetch: Mutex<Refetch>,
    /// Wakes the fetcher before its time.
    wanted: Notify,
    /// Changes whenever the fetcher has looked.
    looked: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    loaded: Option<(KeySet, Instant)>,
    /// Why the last look gave nothing.
    failure: Option<String>,
}

#[derive(Debug, Default)]
struct Refetch {
    /// Whether there is somebody who could look.
    possible: bool,
    running: bool,
    begun: Option<Instant>,
}

impl Keys {
    /// Trusts these keys from now on, and no others. Tokens of a key that is gone are refused at once.
    pub fn replace(&self, set: KeySet) {
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        *state = State { loaded: Some((set, Instant::now())), failure: None };
    }

    /// The keys, when there are any that are not too old.
    pub(crate) fn current(&self) -> Option<KeySet> {
        self.current_at(Instant::now())
    }

    fn current_at(&self, now: Instant) -> Option<KeySet> {
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        let (set, since) = state.loaded.as_ref()?;
        (now.duration_since(*since) < KEPT).then(|| set.clone())
    }

    /// The dependency `identity-keys`: soft, since what is known serves on.
    #[must_use]
    pub fn dependency(&self) -> Dependency {
        let keys = self.clone();
        Dependency::new("identity-keys", Need::Soft, move || {
            let keys = keys.clone();
            async move { keys.health_at(Instant::now()) }
        })
    }

    fn health_at(&self, now: Instant) -> Result<(), CheckError> {
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        match (&state.loaded, &state.failure) {
            (None, None) => Err(CheckError::new("not loaded yet")),
            (None, Some(failure)) => Err(CheckError::new(failure)),
            (Some(_), None) => Ok(()),
            (Some((_, since)), Some(failure)) => {
                let minutes = now.duration_since(*since).as_secs() / 60;
                Err(CheckError::new(format!("{failure}; the keys in use are {minutes} min old")))
            }
        }
    }

    /// Waits for a look at the provider because of a key's id that is not known, unless there was such a look
    /// within the last minute. The limit is for everybody together: whoever invents ids causes no traffic.
    pub(crate) async fn refetch(&self) {
        let mut looked = self.0.looked.subscribe();
        {
            let mut refetch = self.refetch_state();
            let due = refetch.begun.is_none_or(|begun| begun.elapsed() >= REFETCH_PAUSE);
            if refetch.possible && due {
                refetch.running = true;
                refetch.begun = Some(Instant::now());
                self.0.wanted.notify_one();
            } else if !refetch.running {
                return;
            }
        }
        // In time or not: the caller looks again at what is there.
        let _ = tokio::time::timeout(REFETCH_PATIENCE, looked.changed()).await;
    }

    /// For the fetcher: from now on there is somebody who looks.
    pub(crate) fn fetched_from_now_on(&self) {
        self.refetch_state().possible = true;
    }

    /// For the fetcher: until somebody wants a look.
    pub(crate) async fn wanted(&self) {
        self.0.wanted.notified().await;
    }

    /// For the fetcher: what a look gave.
    pub(crate) fn looked(&self, outcome: Result<KeySet, String>) {
        match outcome {
            Ok(set) => self.replace(set),
            Err(failure) => {
                self.0.state.write().unwrap_or_else(PoisonError::into_inner).failure = Some(failure);
            }
        }
        self.refetch_state().running = false;
        self.0.looked.send_replace(());
    }

    fn refetch_state(&self) -> MutexGuard<'_, Refetch> {
        self.0.refetch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWKS: &[u8] = br#"{"keys":[{"kty":"EC","crv":"P-256","kid":"a",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

    #[test]
    fn the_last_good_set_serves_for_a_day() {
        let (keys, begun) = (Keys::default(), Instant::now());
        assert!(keys.current().is_none() && keys.health_at(begun).is_err());
        keys.looked(Ok(KeySet::parse(JWKS).unwrap()));
        assert!(keys.health_at(begun).is_ok());

        keys.looked(Err("identity is unreachable".to_owned()));
        let almost = begun + KEPT - Duration::from_secs(1);
        assert!(keys.current_at(almost).is_some());
        let told = keys.health_at(begun + KEPT).unwrap_err().to_string();
        assert!(told.starts_with("identity is unreachable; the keys in use are 14"), "{told}");
        let over = Instant::now() + KEPT;
        assert!(keys.current_at(over).is_none());

        keys.looked(Ok(KeySet::parse(JWKS).unwrap()));
        assert!(keys.current_at(over - Duration::from_secs(1)).is_some() && keys.health_at(begun).is_ok());
    }

    #[tokio::test]
    async fn nobody_waits_for_a_look_that_nobody_takes() {
        let (keys, begun) = (Keys::default(), Instant::now());
        keys.refetch().await;
        assert!(begun.elapsed() < REFETCH_PATIENCE);
    }
}
