//! Verifying an e-mail address, and changing it.

use super::{AccountError, Accounts};
use crate::accounts::domain::{Account, Email};
use crate::capability::Hash;
use crate::mail::{Kind, Mail, Purpose};

impl Accounts {
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
}
