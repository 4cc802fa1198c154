//! Signing in and out of browsers.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};
use platform_http::problem::Chain;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::domain::{Methods, Session, user_agent};
use super::store::{By, SessionStore};
use crate::accounts::{Account, AccountStore, StoreError};
use crate::capability;
use crate::cookies::{Cookie, Jar};

/// How exact `last_seen_at` is: not every request is worth a write.
const SEEN_EVERY: Duration = Duration::minutes(5);

/// Sessions, as pages and tokens need them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sessions {
    store: Arc<dyn SessionStore>,
    accounts: Arc<dyn AccountStore>,
    jar: Jar,
    lifetime: Duration,
}

impl Sessions {
    pub(crate) fn new(
        store: Arc<dyn SessionStore>,
        accounts: Arc<dyn AccountStore>,
        jar: Jar,
        lifetime: Duration,
    ) -> Self {
        Self { store, accounts, jar, lifetime }
    }

    /// How long a session lasts at most.
    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Whose browser sent this: a session that has neither ended nor expired, of an account that is neither
    /// locked nor deleted.
    pub(crate) async fn current(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<(Session, Account)>, StoreError> {
        let hash = self.jar.read(headers, Cookie::Session).and_then(capability::hash);
        let Some(hash) = hash else { return Ok(None) };
        let now = platform_service::now();
        let found = self.valid(By::Cookie(hash), now).await?;
        if let Some((session, _)) = &found
            && now - session.last_seen_at > SEEN_EVERY
            && let Err(error) = self.store.seen(session.id, now).await
        {
            // Nobody is turned away because of a note that could not be made.
            tracing::warn!(error = %Chain(&error), "can't note that a session was seen");
        }
        Ok(found)
    }

    /// The session with this id (`sid`), by the same rules.
    pub(crate) async fn find(&self, id: Uuid) -> Result<Option<(Session, Account)>, StoreError> {
        self.valid(By::Id(id), platform_service::now()).await
    }

    async fn valid(&self, by: By, now: OffsetDateTime) -> Result<Option<(Session, Account)>, StoreError> {
        let Some(session) = self.store.find(by, now).await? else { return Ok(None) };
        let account = self.accounts.find(session.account_id).await?;
        Ok(account.filter(|account| account.locked_at.is_none()).map(|account| (session, account)))
    }

    /// Signs somebody in who has just proved who they are, in the browser that sent this. Its cookie is new in
    /// any case, so that a planted one is worth nothing; the session stays the same when the same person was
    /// signed in already, and another person's ends. Answers the session and its `Set-Cookie`; nothing when the
    /// account got another password or a second factor, or was locked since it was checked, which would have ended the
    /// session.
    pub(crate) async fn sign_in(
        &self,
        headers: &HeaderMap,
        account: &Account,
        methods: Methods,
    ) -> Result<Option<(Session, HeaderValue)>, StoreError> {
        let now = platform_service::now();
        let failed = |error: capability::NoRandomness| StoreError::Database(Box::new(error));
        let value = capability::generate().map_err(failed)?;
        let hash = capability::sha256(value.as_bytes());
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        let mut session = Session {
            id: Uuid::new_v4(),
            account_id: account.id,
            auth_time: now,
            methods,
            created_at: now,
            last_seen_at: now,
            expires_at: now + self.lifetime,
            user_agent: user_agent(agent),
        };
        let mut renewed = false;
        if let Some((before, _)) = self.current(headers).await? {
            if before.account_id == account.id {
                session = Session { id: before.id, created_at: before.created_at, ..session };
                renewed = self.store.renew(&session, &hash).await?;
            } else {
                self.store.end(before.id, now).await?;
            }
        }
        if !renewed {
            session.id = Uuid::new_v4();
            if !self.store.insert(&session, &hash, account).await? {
                return Ok(None);
            }
        }
        let cookie = self.jar.set(Cookie::Session, &value, Some(self.lifetime));
        let cookie = cookie.ok_or(StoreError::Corrupt("a cookie's value"))?;
        Ok(Some((session, cookie)))
    }

    /// The account's sessions, the last one seen first.
    pub(crate) async fn of_account(&self, account: Uuid) -> Result<Vec<Session>, StoreError> {
        self.store.of_account(account, platform_service::now()).await
    }

    /// Ends a session and the refresh tokens that it gave. Harmless when it has ended.
    pub(crate) async fn end(&self, id: Uuid) -> Result<(), StoreError> {
        self.store.end(id, platform_service::now()).await
    }

    /// Ends every session of an account but one, and the refresh tokens that were not given in that one.
    pub(crate) async fn end_all(&self, account: Uuid, but: Option<Uuid>) -> Result<(), StoreError> {
        self.store.end_all(account, but, platform_service::now()).await
    }

    /// `Set-Cookie` that takes a browser's session away.
    pub(crate) fn signed_out_cookie(&self) -> Option<HeaderValue> {
        self.jar.remove(Cookie::Session)
    }

    /// Deletes what has been over for a month.
    pub(crate) async fn sweep(&self) -> Result<(), StoreError> {
        self.store.sweep(platform_service::now() - Duration::days(30)).await
    }
}
