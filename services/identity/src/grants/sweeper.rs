//! Ends what clients hold that are no more, and deletes what is over. Every replica does it, in small steps that
//! don't wait for each other.

use std::sync::Arc;
use std::time::Duration;

use platform_http::problem::Chain;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::store::{GrantStore, StoreError};
use crate::clients::Clients;

/// What has an `expires_at`, and the key of its rows.
pub(super) const TABLES: [(&str, &str); 4] = [
    ("authorization_codes", "code_hash"),
    ("refresh_families", "id"),
    ("used_assertions", "jti_hash"),
    ("revoked_tokens", "jti_hash"),
];

/// How often it looks.
const PERIOD: Duration = Duration::from_secs(30);
/// Rows of one kind in one statement: locks are short.
const BATCH: u32 = 500;
/// Steps in one look: a backlog must not occupy the database.
const MOST_STEPS: usize = 50;
/// What expired is kept for a while: a code that comes a second time still ends what it gave, and clocks differ.
const KEPT: time::Duration = time::Duration::hours(1);
/// A client that this replica does not know (yet) may be known to another one that read the new file first.
const NEW_FAMILY: time::Duration = time::Duration::minutes(10);

/// Sweeps grants.
pub(crate) struct Sweeper {
    clients: Clients,
    store: Arc<dyn GrantStore>,
}

impl Sweeper {
    pub(crate) fn new(clients: Clients, store: Arc<dyn GrantStore>) -> Self {
        Self { clients, store }
    }

    /// Sweeps until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.sweep(platform_service::now()).await {
                tracing::warn!(error = %Chain(&error), "can't sweep grants, later");
            }
        }
    }

    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        for _ in 0..MOST_STEPS {
            if self.revoke(now).await? < u64::from(BATCH) {
                break;
            }
        }
        for _ in 0..MOST_STEPS {
            if self.store.sweep(now - KEPT, BATCH).await? < u64::from(BATCH) {
                break;
            }
        }
        Ok(())
    }

    /// Revokes what removed clients hold. A file that can't be read removes nobody.
    async fn revoke(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        if !self.clients.is_current() {
            return Ok(0);
        }
        let clients: Vec<String> = self.clients.registry().client_ids().map(str::to_owned).collect();
        let revoked =
            self.store.revoke_families_without_client(&clients, now - NEW_FAMILY, now, BATCH).await?;
        if revoked > 0 {
            tracing::info!(revoked, "revoked what removed clients held");
        }
        Ok(revoked)
    }
}
