//! What can be done with accounts. Every change is a compare-and-set of one row, with everything that belongs
//! to it in the same transaction.

mod addresses;
mod error;
mod passwords;
mod second_factor;
mod signing_up;
mod standing;

use std::sync::Arc;

use platform_messaging::messages::RoleGranted;
use platform_messaging::{CloudEvent, EventError, Message, RelayWaker};
use time::OffsetDateTime;
use uuid::Uuid;

use super::domain::{Account, Email, Unacceptable};
use super::password::{Hasher, Password, Words};
use super::store::{AccountStore, Effects, EndSessions, Position, StoreError};
use crate::mail::{Kind, Mail, MailStore, MailWaker};
use crate::second_factor::RequiredFor;
use crate::throttle::{Throttle, Verdict};

pub(crate) use error::AccountError;
pub(crate) use signing_up::{FirstAdmin, NewAccount, SignedUp};

/// How often a change is tried again when somebody else was faster.
const ATTEMPTS: u8 = 5;

/// Rules that the platform's operator chooses.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) sign_up_open: bool,
    /// Mails reach people, so an address's owner can be told things that nobody else may know.
    pub(crate) mail_reaches_people: bool,
    pub(crate) verified_email_required: bool,
    /// Whose sign-in takes a second factor in any case.
    pub(crate) second_factor: RequiredFor,
    /// The platform's own words, which no password is made of.
    pub(crate) words: Words,
}

/// Accounts. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Accounts {
    store: Arc<dyn AccountStore>,
    links: Arc<dyn MailStore>,
    hasher: Hasher,
    throttle: Throttle,
    rules: Rules,
    relay: RelayWaker,
    sender: MailWaker,
}

impl Accounts {
    pub(crate) fn new(
        store: Arc<dyn AccountStore>,
        links: Arc<dyn MailStore>,
        hasher: Hasher,
        throttle: Throttle,
        rules: Rules,
        (relay, sender): (RelayWaker, MailWaker),
    ) -> Self {
        Self { store, links, hasher, throttle, rules, relay, sender }
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// A password that somebody with this name and address chooses.
    pub(crate) fn chosen(
        &self,
        text: &str,
        name: &str,
        email: Option<&Email>,
    ) -> Result<Password, Unacceptable> {
        Password::chosen(text, email, &self.rules.words.and_of(name, email))
    }

    pub(super) fn store(&self) -> &dyn AccountStore {
        &*self.store
    }

    /// The account with this id, unless it is deleted.
    pub(crate) async fn find(&self, id: Uuid) -> Result<Option<Account>, StoreError> {
        self.store.find(id).await
    }

    /// The account with this address in the form that is compared.
    pub(crate) async fn find_by_email(&self, email_key: &str) -> Result<Option<Account>, StoreError> {
        self.store.find_by_email(email_key).await
    }

    /// At most `count` accounts whose address or name contains `search`, newest first.
    pub(crate) async fn list(
        &self,
        search: Option<&str>,
        after: Option<Position>,
        count: u16,
    ) -> Result<Vec<Account>, StoreError> {
        let search = search.map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty());
        self.store.list(search.as_deref(), after, count).await
    }

    /// Changes name, city or language. `version` is the one that the caller read.
    pub(crate) async fn change_profile(
        &self,
        id: Uuid,
        version: Option<i64>,
        change: impl Fn(&mut Account) + Send + Sync,
    ) -> Result<Account, AccountError> {
        self.change(id, version, |account, _| {
            change(account);
            Ok(())
        })
        .await
    }

    /// Reads, changes and stores; tells of roles that were gained. A change that changes nothing and has no
    /// effects stores nothing. Without `version` it is tried again when somebody else was faster.
    async fn change(
        &self,
        id: Uuid,
        version: Option<i64>,
        change: impl Fn(&mut Account, &mut Effects) -> Result<(), AccountError> + Send + Sync,
    ) -> Result<Account, AccountError> {
        for _ in 0..ATTEMPTS {
            let before = self.store.find(id).await?.ok_or(AccountError::Gone)?;
            if version.is_some_and(|version| version != before.version) {
                return Err(AccountError::Changed);
            }
            let mut effects = Effects::none(platform_service::now());
            let mut account = before.clone();
            change(&mut account, &mut effects)?;
            let nothing =
                effects.mails.is_empty() && effects.spends.is_none() && effects.second_factor.is_none();
            if account == before && nothing && effects.end_sessions == EndSessions::None {
                return Ok(before);
            }
            account.version += 1;
            if !account.is_described_like(&before) {
                account.updated_at = effects.at;
            }
            effects.takes_an_administrator = before.is_administrator() && !account.is_administrator();
            for role in account.roles.gained(before.roles) {
                effects.events.push(granted(&account, role)?);
            }
            if self.store.update(&account, &effects).await? {
                self.wake();
                return Ok(account);
            }
            if version.is_some() {
                return Err(AccountError::Changed);
            }
        }
        Err(AccountError::Busy)
    }

    /// Mails something to an account's own address, not more often than is bearable.
    async fn mail(&self, account: &Account, kind: Kind, now: OffsetDateTime) -> Result<(), AccountError> {
        if self.throttle.request("mail", &account.id.to_string(), now).await? == Verdict::Go {
            self.store.enqueue(&[Mail::to(account, kind, now)]).await?;
            self.sender.wake();
        }
        Ok(())
    }

    fn may(&self, verdict: Verdict) -> Result<(), AccountError> {
        match verdict {
            Verdict::Go => Ok(()),
            wait @ Verdict::Wait { .. } => Err(AccountError::too_many(wait)),
        }
    }

    /// To be called after each commit elsewhere that lets a mail wait.
    pub(crate) fn wake_sender(&self) {
        self.sender.wake();
    }

    fn wake(&self) {
        self.relay.wake();
        self.sender.wake();
    }
}

fn event<M: Message>(id: Uuid, version: i64, data: &M) -> Result<CloudEvent, EventError> {
    CloudEvent::new("identity", id.to_string(), version, data)
}

fn granted(account: &Account, role: &str) -> Result<CloudEvent, EventError> {
    event(account.id, account.version, &RoleGranted { user_id: account.id, role: role.to_owned() })
}
