//! Whether an access token that was signed by us is still good: neither revoked nor outlived by its session, its
//! user or its client.
//!
//! It is always asked of the database, so that what ended on one replica has ended on all of them. Nothing is kept;
//! but who asks while another look is under way is asked for together with the others that do, and so a look costs
//! each of them little just when there are many.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use platform_auth::{Subject, Verified};
use time::OffsetDateTime;
use tokio::sync::oneshot;

use super::store::{GrantStore, Named, StoreError, TokenState};
use crate::clients::Clients;
use crate::tokens::TokenId;

/// A look that takes longer hangs: nobody else waits for it.
const PATIENCE: Duration = Duration::from_millis(250);
/// Most tokens in one look.
const MOST: usize = 100;

/// Whether tokens are still good. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct TokenStates(Arc<Inner>);

struct Inner {
    clients: Clients,
    store: Arc<dyn GrantStore>,
    waiting: Mutex<Waiting>,
}

/// Who waits for the next look.
#[derive(Default)]
struct Waiting {
    asked: Vec<Asked>,
    /// Since when there is a look under way.
    looking: Option<Instant>,
}

struct Asked {
    token: Named,
    now: OffsetDateTime,
    answer: oneshot::Sender<Result<TokenState, Arc<StoreError>>>,
}

impl TokenStates {
    pub(crate) fn new(clients: Clients, store: Arc<dyn GrantStore>) -> Self {
        Self(Arc::new(Inner { clients, store, waiting: Mutex::default() }))
    }

    /// As the database has it now.
    pub(crate) async fn now(&self, token: &Verified, now: OffsetDateTime) -> Result<TokenState, StoreError> {
        if self.0.clients.client(&token.claims().client_id).is_none() {
            return Ok(TokenState::Ended);
        }
        let id = TokenId::of(&token.claims().jti);
        let account = match token.subject() {
            Subject::User(account) => Some(account),
            Subject::Service => None,
        };
        let named = Named { jti: id.hash(), family: id.family, account, session: token.claims().sid };
        self.ask(named, now).await
    }

    async fn ask(&self, token: Named, now: OffsetDateTime) -> Result<TokenState, StoreError> {
        let (answer, answered) = oneshot::channel();
        let free = {
            let mut waiting = self.waiting();
            waiting.asked.push(Asked { token, now, answer });
            let free = waiting.looking.is_none_or(|since| since.elapsed() > PATIENCE);
            if free {
                waiting.looking = Some(Instant::now());
            }
            free
        };
        if free {
            // A task of its own: whoever asked first may leave, and the others still wait.
            tokio::spawn(self.clone().look());
        }
        match answered.await {
            Ok(answer) => answer.map_err(StoreError::Shared),
            Err(_) => Err(StoreError::GivenUp),
        }
    }

    /// Looks until nobody waits. What is asked during a look is seen by the next one, so no answer is older than
    /// its question.
    async fn look(self) {
        while let Some(asked) = self.next() {
            let Some(now) = asked.last().map(|last| last.now) else { continue };
            let tokens: Vec<Named> = asked.iter().map(|one| one.token).collect();
            let states = self.0.store.token_states(&tokens, now).await.map_err(Arc::new);
            for (index, one) in asked.into_iter().enumerate() {
                let state = match &states {
                    Ok(states) => states.get(index).copied().ok_or_else(|| Arc::new(StoreError::Corrupt)),
                    Err(error) => Err(Arc::clone(error)),
                };
                // Whoever left needs no answer.
                drop(one.answer.send(state));
            }
        }
    }

    fn next(&self) -> Option<Vec<Asked>> {
        let mut waiting = self.waiting();
        let many = waiting.asked.len().min(MOST);
        waiting.looking = (many > 0).then(Instant::now);
        (many > 0).then(|| waiting.asked.drain(..many).collect())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
