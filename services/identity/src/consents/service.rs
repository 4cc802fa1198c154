//! What one agreed to: looked at, added to, taken back.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{Application, Consent};
use super::store::ConsentStore;
use crate::accounts::StoreError;
use crate::clients::Clients;
use crate::oauth::Scopes;

/// Consents, as *authorize*, pages and routes need them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Consents {
    store: Arc<dyn ConsentStore>,
    clients: Clients,
}

impl Consents {
    pub(crate) fn new(store: Arc<dyn ConsentStore>, clients: Clients) -> Self {
        Self { store, clients }
    }

    /// The applications that somebody let into their account, the latest first.
    pub(crate) async fn of_account(&self, account: Uuid) -> Result<Vec<Application>, StoreError> {
        let registry = self.clients.registry();
        let shown = |consent: Consent| {
            let client = registry.client(&consent.client_id);
            let has = |scope: &str| client.is_some_and(|client| client.scopes.contains(scope));
            Application {
                name: client.map_or_else(|| consent.client_id.clone(), |client| client.title.clone()),
                scopes: consent.scopes.iter().filter(|scope| has(scope)).map(str::to_owned).collect(),
                given_at: consent.given_at,
                client_id: consent.client_id,
            }
        };
        Ok(self.store.of_account(account).await?.into_iter().map(shown).collect())
    }

    /// What somebody agreed to give to a client.
    pub(crate) async fn given(&self, account: Uuid, client_id: &str) -> Result<Option<Scopes>, StoreError> {
        self.store.given(account, client_id).await
    }

    /// Notes what somebody agrees to, in place of what was there.
    pub(crate) async fn give(
        &self,
        account: Uuid,
        client_id: &str,
        scopes: &Scopes,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        self.store.give(account, client_id, scopes, now).await
    }

    /// Takes back what somebody agreed to: the application has to ask again, and what it holds ends. Answers whether
    /// there was anything.
    pub(crate) async fn withdraw(&self, account: Uuid, client_id: &str) -> Result<bool, StoreError> {
        self.store.withdraw(account, client_id, platform_service::now()).await
    }
}
