//! What can be done with accounts. Every change is a compare-and-set of one row, with everything that belongs
//! to it in the same transaction.

use std::sync::Arc;

use platform_messaging::messages::{RoleGranted, UserDeleted, UserRegistered};
use platform_messaging::{CloudEvent, EventError, Message, RelayWaker};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::domain::{Account, Email, Roles, Unacceptable};
use super::password::{HashError, Hasher, Password};
use super::store::{AccountStore, Effects, EndSessions, Position, StoreError};
use crate::capability::Hash;
use crate::language::Language;
use crate::mail::{Kind, Mail, MailStore, MailWaker, Purpose};
use crate::throttle::{Throttle, Verdict};

/// How often a change is tried again when somebody else was faster.
const ATTEMPTS: u8 = 5;

/// Why something could not be done with an account.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    /// There is no such account (any more).
    #[error("there is no such account")]
    Gone,
    /// Another account has this address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// The account was changed since the caller read it.
    #[error("it was changed in the meantime")]
    Changed,
    /// The address has to be verified first.
    #[error("the e-mail address is not verified")]
    NotVerified,
    /// The old password is wrong.
    #[error("the password is wrong")]
    WrongPassword,
    /// The link was used, is too old, or never was one.
    #[error("the link is spent")]
    LinkSpent,
    /// The new password can't be chosen.
    #[error(transparent)]
    Password(#[from] Unacceptable),
    /// Nobody may sign up.
    #[error("nobody may sign up here")]
    Closed,
    /// Too many requests of this kind.
    #[error("too many requests")]
    TooMany { retry_after_seconds: u32 },
    #[error("too busy")]
    Busy,
    #[error(transparent)]
    Hash(HashError),
    #[error(transparent)]
    Event(#[from] EventError),
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::EmailTaken => Self::EmailTaken,
            StoreError::LinkSpent => Self::LinkSpent,
            error => Self::Store(error),
        }
    }
}

impl From<HashError> for AccountError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Busy,
            error => Self::Hash(error),
        }
    }
}

/// Somebody who wants an account. The values were checked.
#[derive(Debug)]
pub(crate) struct NewAccount {
    pub(crate) email: Email,
    pub(crate) password: Password,
    pub(crate) name: String,
    pub(crate) city: String,
    pub(crate) language: Language,
    /// Where the request comes from.
    pub(crate) address: String,
}

/// What came of signing up.
#[derive(Debug)]
pub(crate) enum SignedUp {
    /// There is an account, and whoever asked may be signed in.
    Account(Box<Account>),
    /// A mail says what to do next. Whether there was an account already is not told to whoever asks.
    Mailed,
}

/// What came of making the first administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstAdmin {
    /// The account was made.
    Made,
    /// There is or was an administrator already.
    Known,
    /// The address belongs to somebody who is none.
    AddressTaken,
}

/// Rules that the platform's operator chooses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) sign_up_open: bool,
    /// Mails reach people, so an address's owner can be told things that nobody else may know.
    pub(crate) mail_reaches_people: bool,
    pub(crate) verified_email_required: bool,
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

    pub(crate) fn rules(&self) -> Rules {
        self.rules
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

    /// Makes an account. Where mails reach people, a taken address is told to its owner and to nobody else.
    pub(crate) async fn sign_up(&self, new: NewAccount) -> Result<SignedUp, AccountError> {
        if !self.rules.sign_up_open {
            return Err(AccountError::Closed);
        }
        let now = platform_service::now();
        self.may(self.throttle.request("sign-up", &new.address, now).await?)?;
        // In any case, so that a taken address takes as long.
        let password_hash = self.hasher.hash(new.password).await?;
        let account = Account {
            id: Uuid::now_v7(),
            email: new.email.as_str().to_owned(),
            email_verified_at: None,
            name: new.name,
            city: new.city,
            language: new.language.code().to_owned(),
            password_hash,
            roles: Roles::default(),
            locked_at: None,
            created_at: now,
            version: 1,
        };
        let mut effects = Effects::none(now);
        effects.events.push(registered(&account)?);
        effects.mails.push(Mail::to(&account, Kind::VerifyEmail, now));
        match self.store.insert(&account, &effects).await {
            Ok(()) => self.wake(),
            Err(StoreError::EmailTaken) if self.rules.mail_reaches_people => {
                if let Some(owner) = self.store.find_by_email(new.email.key()).await? {
                    self.mail(&owner, Kind::AddressTaken, now).await?;
                }
            }
            Err(error) => return Err(error.into()),
        }
        if self.rules.mail_reaches_people {
            return Ok(SignedUp::Mailed);
        }
        Ok(SignedUp::Account(Box::new(account)))
    }

    /// Makes the first administrator, unless there is or was one: whoever changed their address or deleted their
    /// account must not come back with the initial password. Nobody can take the role from themselves, so that
    /// one row with it always stays.
    pub(crate) async fn first_admin(
        &self,
        email: &Email,
        password: Password,
    ) -> Result<FirstAdmin, AccountError> {
        if self.store.has_administrator().await? {
            return Ok(FirstAdmin::Known);
        }
        if self.store.find_by_email(email.key()).await?.is_some() {
            return Ok(self.taken_or_known().await?);
        }
        let now = platform_service::now();
        let account = Account {
            id: Uuid::now_v7(),
            email: email.as_str().to_owned(),
            // Whoever runs the platform said so.
            email_verified_at: Some(now),
            name: "Admin".to_owned(),
            city: String::new(),
            language: Language::Turkish.code().to_owned(),
            password_hash: self.hasher.hash(password).await?,
            roles: Roles { instructor: false, admin: true },
            locked_at: None,
            created_at: now,
            version: 1,
        };
        let mut effects = Effects::none(now);
        effects.events.push(registered(&account)?);
        effects.events.push(granted(&account, "admin")?);
        match self.store.insert(&account, &effects).await {
            Ok(()) => {
                self.wake();
                Ok(FirstAdmin::Made)
            }
            Err(StoreError::EmailTaken) => Ok(self.taken_or_known().await?),
            Err(error) => Err(error.into()),
        }
    }

    /// Whose the first administrator's address is: another replica may have been faster.
    async fn taken_or_known(&self) -> Result<FirstAdmin, StoreError> {
        let known = self.store.has_administrator().await?;
        Ok(if known { FirstAdmin::Known } else { FirstAdmin::AddressTaken })
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

    /// Passes when somebody who is signed in gives their password once more. Counted like signing in: this
    /// must not be a way to guess around the throttle.
    pub(crate) async fn check_own_password(
        &self,
        account: &Account,
        password: Password,
    ) -> Result<(), AccountError> {
        let now = platform_service::now();
        let counted = self.throttle.own(account.id, now).await?.map_err(too_many)?;
        if !self.hasher.verify(password, Some(account.password_hash.clone())).await?.matches {
            return Err(AccountError::WrongPassword);
        }
        Ok(self.throttle.forgive(&counted).await?)
    }

    /// Sets a new password for somebody who knows the old one. Every other session ends; its owner is told.
    pub(crate) async fn change_password(
        &self,
        account: &Account,
        old: Password,
        new: Password,
        session: Option<Uuid>,
    ) -> Result<(), AccountError> {
        self.check_own_password(account, old).await?;
        let hash = self.hasher.hash(new).await?;
        self.change(account.id, None, |account, effects| {
            account.password_hash.clone_from(&hash);
            effects.end_sessions = session.map_or(EndSessions::All, EndSessions::AllBut);
            effects.mails.push(Mail::to(account, Kind::PasswordChanged, effects.at));
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Mails a link to set a new password, when there is such an account. The answer is the same either way.
    pub(crate) async fn forgotten(&self, email: &Email, address: &str) -> Result<(), AccountError> {
        let now = platform_service::now();
        self.may(self.throttle.request("forgotten", address, now).await?)?;
        if let Some(account) = self.store.find_by_email(email.key()).await?
            && account.locked_at.is_none()
        {
            self.mail(&account, Kind::ResetPassword, now).await?;
        }
        Ok(())
    }

    /// Whether a link still works.
    pub(crate) async fn link_works(&self, link: &Hash, purpose: Purpose) -> Result<bool, AccountError> {
        Ok(self.links.link(link, purpose, platform_service::now()).await?.is_some())
    }

    /// Sets a new password by a mailed link. Every session ends, and what else was mailed for it is withdrawn; the
    /// address is theirs, since the link was. One that went to an address before this one is spent.
    pub(crate) async fn reset_password(&self, link: Hash, new: &str) -> Result<(), AccountError> {
        let found = self.links.link(&link, Purpose::ResetPassword, platform_service::now()).await?;
        let found = found.ok_or(AccountError::LinkSpent)?;
        let account = self.store.find(found.account_id).await?.ok_or(AccountError::LinkSpent)?;
        let new = Password::chosen(new, Email::parse(&account.email).ok().as_ref())?;
        let hash = self.hasher.hash(new).await?;
        self.change(account.id, None, |account, effects| {
            if account.email != found.email || account.locked_at.is_some() {
                return Err(AccountError::LinkSpent);
            }
            account.password_hash.clone_from(&hash);
            account.email_verified_at.get_or_insert(effects.at);
            effects.spends = Some(link);
            effects.end_sessions = EndSessions::All;
            effects.mails.push(Mail::to(account, Kind::PasswordChanged, effects.at));
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Mails the link that verifies the account's address.
    pub(crate) async fn verify_again(&self, account: &Account) -> Result<(), AccountError> {
        if account.email_verified_at.is_some() {
            return Ok(());
        }
        self.mail(account, Kind::VerifyEmail, platform_service::now()).await
    }

    /// The address is verified by a mailed link.
    pub(crate) async fn verify_email(&self, link: Hash) -> Result<(), AccountError> {
        let found = self.links.link(&link, Purpose::VerifyEmail, platform_service::now()).await?;
        let found = found.ok_or(AccountError::LinkSpent)?;
        self.change(found.account_id, None, |account, effects| {
            if account.email != found.email {
                return Err(AccountError::LinkSpent);
            }
            account.email_verified_at.get_or_insert(effects.at);
            effects.spends = Some(link);
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Mails a link to a new address; the change happens when it is followed. A taken address gets no link.
    pub(crate) async fn ask_email_change(&self, account: &Account, new: &Email) -> Result<(), AccountError> {
        let now = platform_service::now();
        self.may(self.throttle.request("change-email", &account.id.to_string(), now).await?)?;
        if let Some(owner) = self.store.find_by_email(new.key()).await?
            && owner.id != account.id
        {
            return self.mail(&owner, Kind::AddressTaken, now).await;
        }
        let mail = Mail::to_address(account, new.as_str().to_owned(), Kind::ChangeEmail, now);
        self.store.enqueue(&[mail]).await?;
        self.sender.wake();
        Ok(())
    }

    /// The new address is theirs, by a mailed link. The old address is told, and links that went there work no more.
    pub(crate) async fn confirm_email_change(&self, link: Hash) -> Result<(), AccountError> {
        let found = self.links.link(&link, Purpose::ChangeEmail, platform_service::now()).await?;
        let found = found.ok_or(AccountError::LinkSpent)?;
        self.change(found.account_id, None, |account, effects| {
            if account.locked_at.is_some() {
                return Err(AccountError::LinkSpent);
            }
            effects.mails.push(Mail::to(account, Kind::EmailChanged, effects.at));
            account.email.clone_from(&found.email);
            account.email_verified_at = Some(effects.at);
            effects.spends = Some(link);
            effects.withdraws_links = true;
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Makes an instructor of whoever wants to teach.
    pub(crate) async fn start_teaching(&self, id: Uuid) -> Result<Account, AccountError> {
        let verified_required = self.rules.verified_email_required;
        self.change(id, None, |account, _| {
            if verified_required && account.email_verified_at.is_none() {
                return Err(AccountError::NotVerified);
            }
            account.roles.instructor = true;
            Ok(())
        })
        .await
    }

    /// Sets roles, for an administrator.
    pub(crate) async fn set_roles(&self, id: Uuid, roles: Roles) -> Result<Account, AccountError> {
        self.change(id, None, |account, _| {
            account.roles = roles;
            Ok(())
        })
        .await
    }

    /// Locks or unlocks, for an administrator. Locking ends every session.
    pub(crate) async fn set_locked(&self, id: Uuid, locked: bool) -> Result<Account, AccountError> {
        self.change(id, None, |account, effects| {
            if locked {
                account.locked_at.get_or_insert(effects.at);
                effects.end_sessions = EndSessions::All;
            } else {
                account.locked_at = None;
            }
            Ok(())
        })
        .await
    }

    /// Deletes an account: what is personal goes, its sessions end, and an event asks the others to forget.
    pub(crate) async fn delete(&self, id: Uuid) -> Result<(), AccountError> {
        for _ in 0..ATTEMPTS {
            let account = self.store.find(id).await?.ok_or(AccountError::Gone)?;
            let version = account.version + 1;
            let mut effects = Effects::none(platform_service::now());
            effects.end_sessions = EndSessions::All;
            effects.events.push(event(id, version, &UserDeleted { user_id: id })?);
            if self.store.erase(id, version, &effects).await? {
                self.wake();
                return Ok(());
            }
        }
        Err(AccountError::Busy)
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
            let nothing = effects.mails.is_empty() && effects.spends.is_none();
            if account == before && nothing && effects.end_sessions == EndSessions::None {
                return Ok(before);
            }
            account.version += 1;
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
            wait @ Verdict::Wait { .. } => Err(too_many(wait)),
        }
    }

    fn wake(&self) {
        self.relay.wake();
        self.sender.wake();
    }
}

fn too_many(verdict: Verdict) -> AccountError {
    match verdict {
        Verdict::Wait { seconds } => AccountError::TooMany { retry_after_seconds: seconds },
        Verdict::Go => AccountError::Busy,
    }
}

fn event<M: Message>(id: Uuid, version: i64, data: &M) -> Result<CloudEvent, EventError> {
    CloudEvent::new("identity", id.to_string(), version, data)
}

fn registered(account: &Account) -> Result<CloudEvent, EventError> {
    let occurred_at = account.created_at.format(&Rfc3339).unwrap_or_default();
    event(account.id, account.version, &UserRegistered { user_id: account.id, occurred_at })
}

fn granted(account: &Account, role: &str) -> Result<CloudEvent, EventError> {
    event(account.id, account.version, &RoleGranted { user_id: account.id, role: role.to_owned() })
}
