//! What can be done with a second factor. Whatever is guessed at is counted first.

use std::sync::Arc;

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::given::Given;
use super::otp::Secret;
use super::recovery::RecoveryCode;
use super::store::{Change, Kept, SecondFactorStore};
use crate::accounts::{Account, AccountError, Accounts, StoreError};
use crate::keys::KeyringFile;
use crate::mail::{Kind, Mail};
use crate::sessions::Methods;
use crate::throttle::Throttle;

/// How long a secret that was shown waits for its first code.
const SET_UP: Duration = Duration::minutes(10);

/// Second factors. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SecondFactors {
    pub(super) store: Arc<dyn SecondFactorStore>,
    pub(super) throttle: Throttle,
    accounts: Accounts,
    keyring: KeyringFile,
}

impl SecondFactors {
    pub(crate) fn new(
        store: Arc<dyn SecondFactorStore>,
        accounts: Accounts,
        throttle: Throttle,
        keyring: KeyringFile,
    ) -> Self {
        Self { store, throttle, accounts, keyring }
    }

    /// How many recovery codes somebody has left.
    pub(crate) async fn codes_left(&self, account: Uuid) -> Result<u32, AccountError> {
        Ok(self.store.codes_left(account).await?)
    }

    /// Makes a secret for somebody's authenticator, in place of one that waits. It counts for nothing until
    /// [`confirm`](Self::confirm).
    pub(crate) async fn begin(&self, account: &Account) -> Result<Secret, AccountError> {
        let secret = Secret::generate().map_err(sealing)?;
        let keyring = self.keyring.read().map_err(sealing)?;
        let sealed = keyring.seal(&name(account.id), secret.bytes()).map_err(sealing)?;
        if self.store.begin(account.id, &sealed, platform_service::now()).await? {
            Ok(secret)
        } else {
            Err(AccountError::SecondFactorOn)
        }
    }

    /// Turns it on for somebody whose authenticator shows the right code; every session but `session` ends. Answers
    /// the recovery codes, which nobody sees again.
    pub(crate) async fn confirm(
        &self,
        account: &Account,
        text: &str,
        session: Option<Uuid>,
    ) -> Result<Vec<RecoveryCode>, AccountError> {
        let now = platform_service::now();
        let given = Given::parse(text).map_err(AccountError::Code)?;
        let Given::Code(code) = given else { return Err(AccountError::Code(Given::WRONG)) };
        if account.second_factor_at.is_some() {
            return Err(AccountError::SecondFactorOn);
        }
        let kept = self.store.find(account.id).await?;
        let waits = |kept: &Kept| kept.confirmed_at.is_none() && now - kept.created_at < SET_UP;
        let kept = kept.filter(waits).ok_or(AccountError::SetUpOver)?;
        let counted = self.throttle.own_code(account.id, now).await?.map_err(AccountError::too_many)?;
        let step = self.secret(account.id, &kept)?.step_of(&code, now);
        let step = step.ok_or(AccountError::Code(Given::WRONG))?;
        let codes = RecoveryCode::generate().map_err(sealing)?;
        let hashes = codes.iter().map(RecoveryCode::hash).collect();
        let change = Change::Confirm { secret: kept.sealed.bytes, step, codes: hashes };
        self.accounts.turn_second_factor_on(account.id, change, session).await?;
        self.throttle.forgive(&counted).await?;
        tracing::info!(account = %account.id, "a second factor was turned on");
        Ok(codes)
    }

    /// Turns it off for somebody who gives a code; every session but `session` ends.
    pub(crate) async fn turn_off(
        &self,
        account: &Account,
        text: &str,
        session: Option<Uuid>,
    ) -> Result<(), AccountError> {
        self.check_own(account, text).await?;
        self.accounts.turn_second_factor_off(account.id, session).await?;
        tracing::info!(account = %account.id, "a second factor was turned off");
        Ok(())
    }

    /// Turns somebody else's off, for an administrator; every session ends. Harmless when there is none.
    pub(crate) async fn remove(&self, account: Uuid, administrator: Uuid) -> Result<(), AccountError> {
        self.accounts.turn_second_factor_off(account, None).await?;
        tracing::info!(%account, %administrator, "an administrator turned a second factor off");
        Ok(())
    }

    /// New recovery codes for somebody who gives a code; the ones before are worth nothing any more.
    pub(crate) async fn new_codes(
        &self,
        account: &Account,
        text: &str,
    ) -> Result<Vec<RecoveryCode>, AccountError> {
        self.check_own(account, text).await?;
        let codes = RecoveryCode::generate().map_err(sealing)?;
        let change = Change::Renew { codes: codes.iter().map(RecoveryCode::hash).collect() };
        self.accounts.renew_recovery_codes(account.id, change).await?;
        tracing::info!(account = %account.id, "recovery codes were replaced");
        Ok(codes)
    }

    /// Passes when somebody who is signed in gives a code. Counted apart from signing in.
    async fn check_own(&self, account: &Account, text: &str) -> Result<(), AccountError> {
        let now = platform_service::now();
        if account.second_factor_at.is_none() {
            return Err(AccountError::SecondFactorOff);
        }
        let given = Given::parse(text).map_err(AccountError::Code)?;
        let counted = self.throttle.own_code(account.id, now).await?.map_err(AccountError::too_many)?;
        if self.verify(account, &given, now).await?.is_none() {
            return Err(AccountError::Code(Given::WRONG));
        }
        Ok(self.throttle.forgive(&counted).await?)
    }

    /// How somebody has proved who they are by this code, which is spent with it; nothing when it is wrong. Of a
    /// recovery code its owner is told.
    pub(super) async fn verify(
        &self,
        account: &Account,
        given: &Given,
        now: OffsetDateTime,
    ) -> Result<Option<Methods>, AccountError> {
        let accepted = match given {
            Given::Code(code) => {
                let kept = self.store.find(account.id).await?.filter(|kept| kept.confirmed_at.is_some());
                let step = match kept {
                    Some(kept) => self.secret(account.id, &kept)?.step_of(code, now),
                    None => None,
                };
                match step {
                    Some(step) => self.store.accept(account.id, step).await?.then_some(Methods::Code),
                    None => None,
                }
            }
            Given::Recovery(hash) => {
                let mail = Mail::to(account, Kind::RecoveryCodeUsed, now);
                let spent = self.store.spend(account.id, hash, &mail).await?;
                if spent {
                    tracing::info!(account = %account.id, "a recovery code was used");
                    self.accounts.wake_sender();
                }
                spent.then_some(Methods::RecoveryCode)
            }
        };
        Ok(accepted)
    }

    /// Forgets set-ups that nobody finished and steps that nobody took.
    pub(crate) async fn sweep(&self) -> Result<(), StoreError> {
        let now = platform_service::now();
        self.store.sweep(now, now - SET_UP).await
    }

    fn secret(&self, account: Uuid, kept: &Kept) -> Result<Secret, AccountError> {
        let keyring = self.keyring.read().map_err(sealing)?;
        let bytes = keyring.open(&name(account), &kept.sealed).map_err(sealing)?;
        Secret::from_bytes(&bytes).ok_or(AccountError::Store(StoreError::Corrupt("a shared secret")))
    }
}

/// What binds a sealed secret to its account.
fn name(account: Uuid) -> String {
    format!("second-factor:{account}")
}

/// The keyring's trouble is the service's, not the person's.
fn sealing(error: impl std::error::Error + Send + Sync + 'static) -> AccountError {
    AccountError::Store(StoreError::Sealing(Box::new(error)))
}
