//! What is known about one exchange: one subject token, for one service. It is never another subject's or
//! another client's, since both are in the token whose digest leads here.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;

/// A refusal is not asked about again for this long: whoever has a dead token may send it often.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// While identity does not answer, it is asked this often.
const AWAY_FOR: Duration = Duration::from_secs(1);

/// One exchange.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    state: Mutex<State>,
    /// Whoever holds this is the one who asks.
    pub(super) asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    granted: Option<Granted>,
    refused: Option<(Refused, Instant)>,
    away: Option<Instant>,
}

#[derive(Debug, Clone)]
struct Granted {
    bearer: HeaderValue,
    expires: Instant,
    checked: Instant,
}

/// Why there is no token for the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The subject token is no longer good: signed out, locked, deleted.
    Token,
    /// It is good, and not for this service.
    Target,
}

/// What to do now.
#[derive(Debug)]
pub(super) enum Step {
    /// Use this.
    Use(HeaderValue),
    /// Use this, and let somebody ask again meanwhile.
    UseAndRenew(HeaderValue),
    Refuse(Refused),
    /// Identity has just not answered, and nothing is left that would do.
    Away,
    Ask,
}

impl Slot {
    /// What is known, when an answer is good for `interval`.
    pub(super) fn look(&self, now: Instant, interval: Duration) -> Step {
        let state = self.state();
        if let Some((refused, at)) = state.refused
            && now.duration_since(at) < REFUSED_FOR
        {
            return Step::Refuse(refused);
        }
        let away = state.away.is_some_and(|at| now.duration_since(at) < AWAY_FOR);
        let Some(granted) = state.granted.as_ref().filter(|it| now < it.expires) else {
            return if away { Step::Away } else { Step::Ask };
        };
        let age = now.duration_since(granted.checked);
        let bearer = granted.bearer.clone();
        if age < interval.mul_f32(0.75) || away {
            Step::Use(bearer)
        } else if age < interval || state.away.is_some() {
            Step::UseAndRenew(bearer)
        } else {
            Step::Ask
        }
    }

    /// Identity gave a token that lives until `expires`.
    pub(super) fn granted(&self, bearer: HeaderValue, expires: Instant) {
        let granted = Granted { bearer, expires, checked: Instant::now() };
        *self.state() = State { granted: Some(granted), refused: None, away: None };
    }

    /// Identity refused: what it gave before is worth nothing any more.
    pub(super) fn refused(&self, refused: Refused) {
        *self.state() = State { granted: None, refused: Some((refused, Instant::now())), away: None };
    }

    /// Identity did not answer: what it gave before serves on.
    pub(super) fn away(&self) {
        self.state().away = Some(Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn granted() -> (Slot, Instant) {
        let slot = Slot::default();
        let now = Instant::now();
        slot.granted(HeaderValue::from_static("Bearer x"), now + 5 * MINUTE);
        (slot, now)
    }

    #[test]
    fn an_answer_is_used_then_renewed_then_asked_for_again() {
        let (slot, now) = granted();
        let second = Duration::from_secs(1);
        assert!(matches!(slot.look(now + 40 * second, MINUTE), Step::Use(_)));
        assert!(matches!(slot.look(now + 50 * second, MINUTE), Step::UseAndRenew(_)));
        assert!(matches!(slot.look(now + 61 * second, MINUTE), Step::Ask));
    }

    #[test]
    fn while_identity_is_away_it_serves_until_its_expiry() {
        let (slot, _) = granted();
        slot.away();
        let now = Instant::now();
        assert!(matches!(slot.look(now, Duration::ZERO), Step::Use(_)));
        assert!(matches!(slot.look(now + 2 * MINUTE, MINUTE), Step::UseAndRenew(_)));
        assert!(matches!(slot.look(now + 5 * MINUTE, MINUTE), Step::Ask));
        let slot = Slot::default();
        slot.away();
        assert!(matches!(slot.look(Instant::now(), MINUTE), Step::Away));
    }

    #[test]
    fn a_refusal_ends_what_was_granted() {
        let (slot, _) = granted();
        slot.refused(Refused::Token);
        assert!(matches!(slot.look(Instant::now(), MINUTE), Step::Refuse(Refused::Token)));
        assert!(matches!(slot.look(Instant::now() + REFUSED_FOR, MINUTE), Step::Ask));
    }
}
