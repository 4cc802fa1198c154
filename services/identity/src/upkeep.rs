//! What is done once at start and then every hour: the first administrator, and forgetting what is over.

use std::sync::Arc;
use std::time::Duration;

use platform_http::problem::Chain;
use tokio_util::sync::CancellationToken;

use crate::accounts::{Accounts, FirstAdminFile, StoreError};
use crate::mail::MailStore;
use crate::second_factor::SecondFactors;
use crate::sessions::Sessions;
use crate::throttle::Throttle;

const SWEEP: Duration = Duration::from_secs(3600);
/// How soon the first administrator is tried again while the database is away.
const RETRY: Duration = Duration::from_secs(1);

/// Keeps things tidy.
pub(crate) struct Upkeep {
    accounts: Accounts,
    sessions: Sessions,
    throttle: Throttle,
    second_factors: SecondFactors,
    mails: Arc<dyn MailStore>,
    first_admin: Option<FirstAdminFile>,
}

impl Upkeep {
    pub(crate) fn new(
        accounts: Accounts,
        sessions: Sessions,
        (throttle, second_factors): (Throttle, SecondFactors),
        mails: Arc<dyn MailStore>,
        first_admin: Option<FirstAdminFile>,
    ) -> Self {
        Self { accounts, sessions, throttle, second_factors, mails, first_admin }
    }

    /// Works until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut told = false;
        loop {
            let pause = match self.round().await {
                Ok(()) => SWEEP,
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::info!(
                            error = format!("{error:#}"),
                            "upkeep is tried again until it succeeds"
                        );
                    }
                    RETRY
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn round(&mut self) -> Result<(), platform_service::StartError> {
        if let Some(first) = &self.first_admin {
            first.make(&self.accounts).await?;
            self.first_admin = None;
        }
        if let Err(error) = self.sweep().await {
            tracing::warn!(error = %Chain(&error), "can't delete what is over; trying again in an hour");
        }
        Ok(())
    }

    async fn sweep(&self) -> Result<(), StoreError> {
        let now = platform_service::now();
        self.sessions.sweep().await?;
        self.throttle.sweep(now).await?;
        self.second_factors.sweep().await?;
        self.mails.sweep(now).await
    }
}
