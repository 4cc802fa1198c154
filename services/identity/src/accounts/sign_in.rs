//! Checking a password. The answer says nothing about whether there is such an account, and takes as long.

use platform_http::problem::Chain;
use time::OffsetDateTime;

use super::domain::{Account, Email};
use super::password::{HashError, Hasher, Password};
use super::service::Accounts;
use super::store::{Effects, StoreError};
use crate::capability::Hash;
use crate::throttle::{Throttle, Verdict};

/// An attempt to sign in.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// As it was typed.
    pub(crate) email: String,
    pub(crate) password: Password,
    /// Where it comes from ([`crate::throttle::client_address`]).
    pub(crate) address: String,
    /// The hash of the browser's device cookie, when it has one.
    pub(crate) device: Option<Hash>,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    /// No such account, another password, or a locked account: the same answer.
    #[error("the e-mail address or the password is wrong")]
    Refused,
    /// Too many failures; the password was not looked at.
    #[error("too many failures")]
    Blocked { retry_after_seconds: u32 },
    /// Too many passwords are being checked.
    #[error("too busy")]
    Busy,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks passwords. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SignIn {
    accounts: Accounts,
    hasher: Hasher,
    throttle: Throttle,
}

impl SignIn {
    pub(crate) fn new(accounts: Accounts, hasher: Hasher, throttle: Throttle) -> Self {
        Self { accounts, hasher, throttle }
    }

    /// The account whose password this is.
    pub(crate) async fn check(&self, attempt: Attempt) -> Result<Account, SignInError> {
        self.check_at(attempt, platform_service::now()).await
    }

    /// [`check`](Self::check) at a time that tests choose.
    pub(crate) async fn check_at(
        &self,
        attempt: Attempt,
        now: OffsetDateTime,
    ) -> Result<Account, SignInError> {
        let email = Email::parse(&attempt.email).ok();
        // What is no address is counted and compared like one that nobody has.
        let key = email.as_ref().map_or_else(|| attempt.email.to_lowercase(), |email| email.key().to_owned());
        let account = match email {
            Some(_) => self.accounts.find_by_email(&key).await?,
            None => None,
        };
        let id = account.as_ref().map(|account| account.id);
        let counted = self.throttle.sign_in(&key, id, &attempt.address, attempt.device, now).await?;
        let counted = match counted {
            Ok(counted) => counted,
            Err(Verdict::Wait { seconds }) => {
                return Err(SignInError::Blocked { retry_after_seconds: seconds });
            }
            Err(Verdict::Go) => return Err(SignInError::Busy),
        };
        let kept = account.as_ref().map(|account| account.password_hash.clone());
        let verified = match self.hasher.verify(attempt.password, kept).await {
            Ok(verified) => verified,
            Err(error) => {
                self.throttle.take_back(&counted).await?;
                return Err(match error {
                    HashError::Busy => SignInError::Busy,
                    HashError::Failed(_) => StoreError::Database(Box::new(error)).into(),
                });
            }
        };
        let Some(account) = account.filter(|_| verified.matches) else { return Err(SignInError::Refused) };
        self.throttle.forgive(&counted).await?;
        if account.locked_at.is_some() {
            return Err(SignInError::Refused);
        }
        Ok(match verified.rehashed {
            Some(hash) => self.keep_rehashed(account, hash, now).await,
            None => account,
        })
    }

    /// Whether nothing but the password is asked of this account's owner: it neither has a second factor nor must have
    /// one.
    pub(crate) fn takes_a_password_alone(&self, account: &Account) -> bool {
        account.second_factor_at.is_none() && !self.accounts.rules().second_factor.includes(account.roles)
    }

    /// Stores the hash with today's parameters. When somebody else changes the account meanwhile, it is left
    /// for the next sign-in.
    async fn keep_rehashed(&self, account: Account, hash: String, now: OffsetDateTime) -> Account {
        let changed = Account { password_hash: hash, version: account.version + 1, ..account.clone() };
        match self.accounts.store().update(&changed, &Effects::none(now)).await {
            Ok(true) => changed,
            Ok(false) => account,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "can't store a password's stronger hash");
                account
            }
        }
    }
}
