//! What somebody is on the platform: an instructor, an administrator, locked out, gone.

use platform_messaging::messages::UserDeleted;
use uuid::Uuid;

use super::{ATTEMPTS, AccountError, Accounts, event};
use crate::accounts::domain::{Account, Roles};
use crate::accounts::store::{Effects, EndSessions};
use crate::second_factor::Change;

impl Accounts {
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
            effects.takes_an_administrator = account.is_administrator();
            effects.second_factor = Some(Change::Remove);
            effects.events.push(event(id, version, &UserDeleted { user_id: id })?);
            if self.store.erase(id, version, &effects).await? {
                self.wake();
                return Ok(());
            }
        }
        Err(AccountError::Busy)
    }
}
