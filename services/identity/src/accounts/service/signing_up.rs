//! How accounts come to be: by signing up, and the first administrator's.

use platform_messaging::messages::UserRegistered;
use platform_messaging::{CloudEvent, EventError};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::{AccountError, Accounts, event, granted};
use crate::accounts::domain::{Account, Email, Roles};
use crate::accounts::password::Password;
use crate::accounts::store::{Effects, StoreError};
use crate::language::Language;
use crate::mail::{Kind, Mail};

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

impl Accounts {
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
            name: new.name,
            city: new.city,
            language: new.language.code().to_owned(),
            ..fresh(&new.email, password_hash, now)
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
    /// account must not come back with the initial password. One row with the role always stays.
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
            // Whoever runs the platform said so.
            email_verified_at: Some(now),
            name: "Admin".to_owned(),
            roles: Roles { instructor: false, admin: true },
            ..fresh(email, self.hasher.hash(password).await?, now)
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
}

/// An account with nothing but an address and a password.
fn fresh(email: &Email, password_hash: String, now: OffsetDateTime) -> Account {
    Account {
        id: Uuid::now_v7(),
        email: email.as_str().to_owned(),
        email_verified_at: None,
        name: String::new(),
        city: String::new(),
        language: Language::Turkish.code().to_owned(),
        password_hash,
        roles: Roles::default(),
        second_factor_at: None,
        locked_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

fn registered(account: &Account) -> Result<CloudEvent, EventError> {
    let occurred_at = account.created_at.format(&Rfc3339).unwrap_or_default();
    event(account.id, account.version, &UserRegistered { user_id: account.id, occurred_at })
}
