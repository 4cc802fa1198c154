//! Whether an access token that was signed by us is still good: neither revoked nor outlived by its session, its
//! user or its client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use platform_auth::{Subject, Verified};
use time::OffsetDateTime;
use uuid::Uuid;

use super::store::{GrantStore, Named, StoreError, TokenState};
use crate::clients::Clients;
use crate::oauth::Hash;
use crate::tokens::TokenId;

/// How old an answer of [`TokenStates::recent`] may be.
const RECENT: Duration = Duration::from_secs(2);
/// Most answers that are kept: a quarter of a megabyte.
const MOST: usize = 4096;

/// What is known of a token, and since when.
struct Seen {
    state: TokenState,
    family: Option<Uuid>,
    at: Instant,
}

/// Whether tokens are still good. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct TokenStates(Arc<Inner>);

struct Inner {
    clients: Clients,
    store: Arc<dyn GrantStore>,
    seen: Mutex<HashMap<Hash, Seen>>,
}

impl TokenStates {
    pub(crate) fn new(clients: Clients, store: Arc<dyn GrantStore>) -> Self {
        Self(Arc::new(Inner { clients, store, seen: Mutex::default() }))
    }

    /// As the database has it now.
    pub(crate) async fn now(&self, token: &Verified, now: OffsetDateTime) -> Result<TokenState, StoreError> {
        let id = TokenId::of(&token.claims().jti);
        self.look(token, &id, id.hash(), now).await
    }

    /// As it was at most two seconds ago; what this replica ended itself is ended at once.
    pub(crate) async fn recent(
        &self,
        token: &Verified,
        now: OffsetDateTime,
    ) -> Result<TokenState, StoreError> {
        let id = TokenId::of(&token.claims().jti);
        let hash = id.hash();
        if !self.has_client(token) {
            return Ok(TokenState::Ended);
        }
        let known = self.seen().get(&hash).filter(|seen| seen.at.elapsed() < RECENT).map(|seen| seen.state);
        if let Some(state) = known {
            return Ok(state);
        }
        let at = Instant::now();
        let state = self.look(token, &id, hash, now).await?;
        let mut seen = self.seen();
        if seen.len() >= MOST {
            seen.retain(|_, seen| seen.at.elapsed() < RECENT);
            if seen.len() >= MOST {
                seen.clear();
            }
        }
        seen.insert(hash, Seen { state, family: id.family, at });
        Ok(state)
    }

    /// Takes note that a token was revoked here.
    pub(crate) fn forget(&self, jti: &Hash) {
        self.seen().remove(jti);
    }

    /// Takes note that a family was revoked here.
    pub(crate) fn forget_family(&self, family: Uuid) {
        self.seen().retain(|_, seen| seen.family != Some(family));
    }

    async fn look(
        &self,
        token: &Verified,
        id: &TokenId,
        jti: Hash,
        now: OffsetDateTime,
    ) -> Result<TokenState, StoreError> {
        if !self.has_client(token) {
            return Ok(TokenState::Ended);
        }
        let account = match token.subject() {
            Subject::User(account) => Some(account),
            Subject::Service => None,
        };
        let named = Named { jti, family: id.family, account, session: token.claims().sid };
        self.0.store.token_state(&named, now).await
    }

    fn has_client(&self, token: &Verified) -> bool {
        self.0.clients.client(&token.claims().client_id).is_some()
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<Hash, Seen>> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
