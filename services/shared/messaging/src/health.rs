//! What a relay, consumer or connection says about itself to `/readyz`.

use std::sync::{Arc, Mutex, PoisonError};

/// The last known state of something that reconnects by itself. Cheap to clone and to ask.
#[derive(Clone, Debug)]
pub struct Health(Arc<Mutex<Result<(), String>>>);

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Err("not connected yet".to_owned()))))
    }
}

impl Health {
    /// Whether it works; else why not, in words for an operator.
    ///
    /// # Errors
    /// When the last attempt failed, or there was none yet.
    pub fn check(&self) -> Result<(), String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// True when this changed the state from broken to working.
    pub(crate) fn works(&self) -> bool {
        self.set(Ok(())).is_err()
    }

    /// True when this changed the state from working (or not tried yet) to broken.
    pub(crate) fn fails(&self, reason: impl Into<String>) -> bool {
        let before = self.set(Err(reason.into()));
        before.is_ok() || before == Health::default().check()
    }

    fn set(&self, state: Result<(), String>) -> Result<(), String> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_of_state_is_news() {
        let health = Health::default();
        assert_eq!(health.check().unwrap_err(), "not connected yet");
        assert!(health.fails("refused"));
        assert!(!health.fails("refused again"));
        assert!(health.works());
        assert!(!health.works());
        assert!(health.fails("gone"));
        assert_eq!(health.check().unwrap_err(), "gone");
    }
}
