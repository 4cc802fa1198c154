//! What turning a second factor on and off does to the account: it counts for signing in, other sessions end, and its
//! owner is told. That they may is checked by [`crate::second_factor`].

use uuid::Uuid;

use super::{AccountError, Accounts};
use crate::accounts::store::EndSessions;
use crate::mail::{Kind, Mail};
use crate::second_factor::Change;

impl Accounts {
    /// What was set up counts from now on. Of several at the same moment one succeeds.
    pub(crate) async fn turn_second_factor_on(
        &self,
        id: Uuid,
        change: Change,
        session: Option<Uuid>,
    ) -> Result<(), AccountError> {
        self.change(id, None, |account, effects| {
            if account.second_factor_at.is_some() {
                return Err(AccountError::SecondFactorOn);
            }
            account.second_factor_at = Some(effects.at);
            effects.second_factor = Some(change.clone());
            effects.end_sessions = session.map_or(EndSessions::All, EndSessions::AllBut);
            effects.mails.push(Mail::to(account, Kind::SecondFactorOn, effects.at));
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// It counts no more. Harmless when there is none.
    pub(crate) async fn turn_second_factor_off(
        &self,
        id: Uuid,
        session: Option<Uuid>,
    ) -> Result<(), AccountError> {
        self.change(id, None, |account, effects| {
            if account.second_factor_at.take().is_some() {
                effects.second_factor = Some(Change::Remove);
                effects.end_sessions = session.map_or(EndSessions::All, EndSessions::AllBut);
                effects.mails.push(Mail::to(account, Kind::SecondFactorOff, effects.at));
            }
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Other recovery codes, for an account that has a second factor.
    pub(crate) async fn renew_recovery_codes(&self, id: Uuid, change: Change) -> Result<(), AccountError> {
        self.change(id, None, |account, effects| {
            if account.second_factor_at.is_none() {
                return Err(AccountError::SecondFactorOff);
            }
            effects.second_factor = Some(change.clone());
            Ok(())
        })
        .await?;
        Ok(())
    }
}
