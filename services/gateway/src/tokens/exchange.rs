//! The phase *exchange*: a caller's token for one of the target service (FLOWS §1).
//!
//! An answer is kept by the SHA-256 of the subject token, the audience and the scopes, and by nothing less.
//! Identity is asked once however many wait, and again after a minute, so that sign-out, locks and lost roles
//! take effect; while it is away, what it gave serves until its expiry.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, header};
use platform_auth::INSUFFICIENT_SCOPE;
use platform_components::Name;
use platform_http::{Problem, problem};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;

use super::provider::ProviderError;
use super::slot::{Refused, Slot, Step};
use super::{Caller, Provider};
use crate::bounded::Bounded;

const SHARDS: usize = 16;
/// Exchanges that are remembered, in each shard.
const REMEMBERED: usize = 1024;
/// A token that ends within this time may end on its way.
const MARGIN: Duration = Duration::from_secs(5);

/// SHA-256 of what a client sent in `Authorization`.
pub(crate) type Digest = [u8; 32];

/// What a token is wanted for. Scopes are sorted and separated by spaces; none: all that are allowed.
pub(super) type Target = (Name, String);

/// Exchanges of all threads.
pub(crate) struct Exchange(Arc<Inner>);

type Shard = Bounded<(Digest, Target), Arc<Slot>>;

struct Inner {
    provider: Provider,
    /// How long an answer is good.
    interval: Duration,
    shards: Vec<Mutex<Shard>>,
    handle: Handle,
}

pub(crate) fn digest(value: &[u8]) -> Digest {
    Sha256::digest(value).into()
}

impl Exchange {
    /// Asks `provider` on the runtime of `handle`; answers are good for `interval`.
    pub(crate) fn new(provider: Provider, interval: Duration, handle: Handle) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(Bounded::new(REMEMBERED))).collect();
        Self(Arc::new(Inner { provider, interval, shards, handle }))
    }

    /// The bearer token of the service for this caller. `headers` hold the caller's own.
    pub(super) async fn token(
        &self,
        caller: &Caller,
        audience: Name,
        scopes: &[String],
        headers: &HeaderMap,
    ) -> Result<HeaderValue, Problem> {
        let slot = self.slot(caller, audience, scopes);
        match slot.look(Instant::now(), self.0.interval) {
            Step::Use(bearer) => return Ok(bearer),
            Step::Refuse(refused) => return Err(refusal(refused)),
            Step::Away => return Err(away()),
            Step::UseAndRenew(bearer) => {
                self.spawn(slot, headers, audience, scopes);
                return Ok(bearer);
            }
            Step::Ask => {}
        }
        // On the common runtime: a client that goes away doesn't end what others wait for too.
        let asked = self.spawn(slot.clone(), headers, audience, scopes);
        if asked.await.is_err() {
            return Err(Problem::from(problem::INTERNAL));
        }
        match slot.look(Instant::now(), self.0.interval) {
            Step::Use(bearer) | Step::UseAndRenew(bearer) => Ok(bearer),
            Step::Refuse(refused) => Err(refusal(refused)),
            Step::Away | Step::Ask => Err(away()),
        }
    }

    fn slot(&self, caller: &Caller, audience: Name, scopes: &[String]) -> Arc<Slot> {
        let is = |target: &Target| target.0 == audience && is_joined(&target.1, scopes);
        if let Some((_, slot)) = caller.slots.borrow().iter().find(|(target, _)| is(target)) {
            return slot.clone();
        }
        let target = (audience, scopes.join(" "));
        let key = (caller.digest, target.clone());
        let shard = usize::from(caller.digest[0]) % SHARDS;
        let slot = match self.0.shards.get(shard) {
            Some(shard) => {
                let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
                shard.get(&key).unwrap_or_else(|| {
                    let slot = Arc::<Slot>::default();
                    shard.put(key, slot.clone());
                    slot
                })
            }
            None => Arc::default(),
        };
        caller.slots.borrow_mut().push((target, slot.clone()));
        slot
    }

    fn spawn(
        &self,
        slot: Arc<Slot>,
        headers: &HeaderMap,
        audience: Name,
        scopes: &[String],
    ) -> tokio::task::JoinHandle<()> {
        let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.split_once(' ')).map_or("", |(_, token)| token.trim());
        let (token, scopes) = (token.to_owned(), scopes.join(" "));
        let inner = self.0.clone();
        self.0.handle.spawn(async move { inner.ask(&slot, &token, audience, &scopes).await })
    }
}

impl Inner {
    /// Asks identity, unless somebody else has done so while this one waited.
    async fn ask(&self, slot: &Slot, token: &str, audience: Name, scopes: &str) {
        let _asking = slot.asking.lock().await;
        if !matches!(slot.look(Instant::now(), self.interval), Step::Ask | Step::UseAndRenew(_)) {
            return;
        }
        let begun = Instant::now();
        let outcome = match self.provider.exchange(token, audience, scopes).await {
            Ok(exchanged) => {
                let life = Duration::from_secs(exchanged.expires_in.into()).saturating_sub(MARGIN);
                match HeaderValue::try_from(format!("Bearer {}", exchanged.access_token)) {
                    Ok(mut bearer) => {
                        bearer.set_sensitive(true);
                        slot.granted(bearer, begun + life);
                        "granted"
                    }
                    Err(_) => {
                        slot.away();
                        "away"
                    }
                }
            }
            Err(ProviderError::Refused(refused)) => {
                slot.refused(refused);
                "refused"
            }
            Err(ProviderError::Away(reason)) => {
                tracing::warn!(%audience, reason, "a token can't be exchanged");
                slot.away();
                "away"
            }
        };
        metrics::counter!("gateway_exchanges_total", "outcome" => outcome).increment(1);
        metrics::histogram!("gateway_exchange_duration_seconds").record(begun.elapsed().as_secs_f64());
    }
}

/// Whether `joined` is `scopes` with spaces between them.
fn is_joined(joined: &str, scopes: &[String]) -> bool {
    match scopes {
        [] => joined.is_empty(),
        scopes => joined.split(' ').eq(scopes.iter().map(String::as_str)),
    }
}

fn refusal(refused: Refused) -> Problem {
    let reason = if refused == Refused::Token { "revoked" } else { "scope" };
    metrics::counter!("gateway_tokens_refused_total", "reason" => reason).increment(1);
    match refused {
        Refused::Token => {
            let challenge = r#"Bearer error="invalid_token", error_description="the token was revoked""#;
            problem::UNAUTHENTICATED
                .detail("the token is no longer valid: sign in again")
                .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
        }
        Refused::Target => INSUFFICIENT_SCOPE.detail("the token has no scope of this service").header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(r#"Bearer error="insufficient_scope""#),
        ),
    }
}

fn away() -> Problem {
    problem::UNAVAILABLE.detail("tokens can't be exchanged right now, try again").retry_after(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_compared_whole() {
        let scopes = ["a".to_owned(), "b".to_owned()];
        assert!(is_joined("a b", &scopes) && is_joined("", &[]));
        assert!(!is_joined("a", &scopes) && !is_joined("ab", &scopes) && !is_joined("a b", &[]));
    }
}
