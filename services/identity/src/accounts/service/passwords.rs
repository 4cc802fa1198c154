//! Giving, changing and resetting a password.

use uuid::Uuid;

use super::{AccountError, Accounts};
use crate::accounts::domain::{Account, Email};
use crate::accounts::password::Password;
use crate::accounts::store::{Effects, EndSessions};
use crate::capability::Hash;
use crate::mail::{Kind, Mail, Purpose};

impl Accounts {
    /// Passes when somebody who is signed in gives their password once more. Counted like signing in: this
    /// must not be a way to guess around the throttle.
    pub(crate) async fn check_own_password(
        &self,
        account: &Account,
        password: Password,
    ) -> Result<(), AccountError> {
        let now = platform_service::now();
        let counted = self.throttle.own(account.id, now).await?.map_err(AccountError::too_many)?;
        if !self.hasher.verify(password, Some(account.password_hash.clone())).await?.matches {
            return Err(AccountError::WrongPassword);
        }
        Ok(self.throttle.forgive(&counted).await?)
    }

    /// Sets a new password for somebody who knows the old one. Every other session ends, no browser is known any more,
    /// and the account's owner is told. Answers the account as it is now.
    pub(crate) async fn change_password(
        &self,
        account: &Account,
        old: Password,
        new: Password,
        session: Option<Uuid>,
    ) -> Result<Account, AccountError> {
        self.check_own_password(account, old).await?;
        let hash = self.hasher.hash(new).await?;
        self.change(account.id, None, |account, effects| {
            effects.end_sessions = session.map_or(EndSessions::All, EndSessions::AllBut);
            replace(account, effects, &hash);
            Ok(())
        })
        .await
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

    /// Sets a new password by a mailed link. Every session ends, no browser is known any more, and what else was mailed
    /// for it is withdrawn; the address is theirs, since the link was. One that went to an address before this one is
    /// spent. Answers the account as it is now.
    pub(crate) async fn reset_password(&self, link: Hash, new: &str) -> Result<Account, AccountError> {
        let found = self.links.link(&link, Purpose::ResetPassword, platform_service::now()).await?;
        let found = found.ok_or(AccountError::LinkSpent)?;
        let account = self.store.find(found.account_id).await?.ok_or(AccountError::LinkSpent)?;
        let new = self.chosen(new, &account.name, Email::parse(&account.email).ok().as_ref())?;
        let hash = self.hasher.hash(new).await?;
        self.change(account.id, None, |account, effects| {
            if account.email != found.email || account.locked_at.is_some() {
                return Err(AccountError::LinkSpent);
            }
            account.email_verified_at.get_or_insert(effects.at);
            effects.spends = Some(link);
            effects.end_sessions = EndSessions::All;
            replace(account, effects, &hash);
            Ok(())
        })
        .await
    }
}

/// What comes with every new password. Browsers are forgotten since who had the one before may have made any number of
/// them known, and each has tries of its own.
fn replace(account: &mut Account, effects: &mut Effects, hash: &str) {
    hash.clone_into(&mut account.password_hash);
    effects.forgets_devices = true;
    effects.mails.push(Mail::to(account, Kind::PasswordChanged, effects.at));
}
