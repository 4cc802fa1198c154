//! Counting attempts.

use std::sync::Arc;

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::address::UNKNOWN;
use super::policy::Policy;
use super::store::ThrottleStore;
use crate::accounts::{Account, StoreError};
use crate::capability::{Hash, sha256};
use crate::settings::LimitSettings;

/// How long a browser is remembered that somebody signed in with.
const DEVICE: Duration = Duration::days(365);

/// What may be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    Wait { seconds: u32 },
}

/// The keys of one attempt to sign in, to be forgiven or taken back when it was none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    address: Option<Hash>,
    /// Of the account, or of the device that is known for it.
    own: Hash,
}

/// Counts attempts. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Throttle {
    store: Arc<dyn ThrottleStore>,
    account: Policy,
    address: Policy,
    /// For what makes accounts or mails.
    requests: Policy,
}

impl Throttle {
    pub(crate) fn new(store: Arc<dyn ThrottleStore>, settings: &LimitSettings) -> Self {
        let policy = |free| Policy {
            free,
            first_seconds: settings.sign_in_first_delay_seconds,
            longest_seconds: settings.sign_in_longest_delay_seconds,
            forget: Duration::seconds(i64::from(settings.sign_in_forget_seconds)),
        };
        let requests = Policy {
            first_seconds: 60,
            longest_seconds: 3600,
            forget: Duration::HOUR,
            ..policy(settings.requests_free)
        };
        Self {
            store,
            account: policy(settings.sign_in_free_failures),
            address: policy(settings.sign_in_free_failures_by_address),
            requests,
        }
    }

    /// Counts an attempt to sign in. From a device that is known for the account only that device's failures
    /// count: whoever fails elsewhere can't lock the owner out.
    pub(crate) async fn sign_in(
        &self,
        email_key: &str,
        account: Option<Uuid>,
        address: &str,
        device: Option<Hash>,
        now: OffsetDateTime,
    ) -> Result<Result<Counted, Verdict>, StoreError> {
        let known = self.known(account, device, now).await?;
        let own =
            known.map_or_else(|| key("account", email_key), |device| key("device", &hex::encode(device)));
        self.attempt(own, known.is_some(), address, now).await
    }

    /// Counts an attempt to give a second factor after the right password, by the same rules and apart from it: whoever
    /// gives the password again gets no more tries. No device is known for it but by a second factor, which counts
    /// `since` then: who had just the password before may have made any number of them.
    pub(crate) async fn code(
        &self,
        (account, since): (Uuid, Option<OffsetDateTime>),
        address: &str,
        device: Option<Hash>,
        now: OffsetDateTime,
    ) -> Result<Result<Counted, Verdict>, StoreError> {
        // One that was remembered before ends before this.
        let after = since.map_or(now, |since| since + DEVICE).max(now);
        let known = self.known(since.map(|_| account), device, after).await?;
        let own = known.map_or_else(
            || key("code", &account.to_string()),
            |device| key("code-device", &hex::encode(device)),
        );
        self.attempt(own, known.is_some(), address, now).await
    }

    /// The device, when it is known for the account.
    async fn known(
        &self,
        account: Option<Uuid>,
        device: Option<Hash>,
        now: OffsetDateTime,
    ) -> Result<Option<Hash>, StoreError> {
        match (account, device) {
            (Some(account), Some(device)) if self.store.is_known(&device, account, now).await? => {
                Ok(Some(device))
            }
            _ => Ok(None),
        }
    }

    /// Counts for a key of one's own and, for strangers, for the address.
    async fn attempt(
        &self,
        own: Hash,
        known: bool,
        address: &str,
        now: OffsetDateTime,
    ) -> Result<Result<Counted, Verdict>, StoreError> {
        // The address first: what it is refused for does not count against the account.
        let by_address = (!known && address != UNKNOWN).then(|| key("address", address));
        if let Some(address) = &by_address
            && let Some(until) = self.store.count(address, &self.address, now).await?
        {
            return Ok(Err(wait(until, now)));
        }
        if let Some(until) = self.store.count(&own, &self.account, now).await? {
            return Ok(Err(wait(until, now)));
        }
        Ok(Ok(Counted { address: by_address, own }))
    }

    /// Counts an attempt of somebody who is signed in to give the password once more.
    pub(crate) async fn own(
        &self,
        account: Uuid,
        now: OffsetDateTime,
    ) -> Result<Result<Counted, Verdict>, StoreError> {
        self.own_attempt("own", account, now).await
    }

    /// The same for the code of their second factor.
    pub(crate) async fn own_code(
        &self,
        account: Uuid,
        now: OffsetDateTime,
    ) -> Result<Result<Counted, Verdict>, StoreError> {
        self.own_attempt("own-code", account, now).await
    }

    async fn own_attempt(
        &self,
        kind: &str,
        account: Uuid,
        now: OffsetDateTime,
    ) -> Result<Result<Counted, Verdict>, StoreError> {
        let own = key(kind, &account.to_string());
        let until = self.store.count(&own, &self.account, now).await?;
        Ok(until.map_or(Ok(Counted { address: None, own }), |until| Err(wait(until, now))))
    }

    /// The password was right: the account's failures are forgotten, the address's are not.
    pub(crate) async fn forgive(&self, counted: &Counted) -> Result<(), StoreError> {
        self.store.forget(&counted.own).await?;
        match &counted.address {
            Some(address) => self.store.take_back(address).await,
            None => Ok(()),
        }
    }

    /// The password was not looked at.
    pub(crate) async fn take_back(&self, counted: &Counted) -> Result<(), StoreError> {
        for key in counted.address.iter().chain([&counted.own]) {
            self.store.take_back(key).await?;
        }
        Ok(())
    }

    /// Counts a request that makes accounts or mails, by what it is for and for whom.
    pub(crate) async fn request(
        &self,
        kind: &str,
        whom: &str,
        now: OffsetDateTime,
    ) -> Result<Verdict, StoreError> {
        if whom == UNKNOWN {
            return Ok(Verdict::Go);
        }
        let until = self.store.count(&key(kind, whom), &self.requests, now).await?;
        Ok(until.map_or(Verdict::Go, |until| wait(until, now)))
    }

    /// Remembers a browser for an account, until it has another password; answers for how long at most. Nothing when it
    /// has one already.
    pub(crate) async fn remember(
        &self,
        device: &Hash,
        account: &Account,
        now: OffsetDateTime,
    ) -> Result<Option<Duration>, StoreError> {
        let kept = self.store.remember(device, account.id, &account.password_hash, now + DEVICE).await?;
        Ok(kept.then_some(DEVICE))
    }

    pub(crate) async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        self.store.sweep(now).await
    }
}

fn key(kind: &str, value: &str) -> Hash {
    sha256(format!("{kind}:{value}").as_bytes())
}

fn wait(until: OffsetDateTime, now: OffsetDateTime) -> Verdict {
    let seconds = (until - now).as_seconds_f64().ceil().clamp(1.0, 86_400.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a day")]
    let seconds = seconds as u32;
    Verdict::Wait { seconds }
}
