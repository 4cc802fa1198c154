//! Between the password and the second factor: a browser has a capability for that one step, for a few minutes and a
//! few tries. It lets nobody in, and no session is there before the second factor was given.

use time::Duration;

use super::given::Given;
use super::service::SecondFactors;
use crate::accounts::{Account, AccountError, StoreError};
use crate::capability::{self, Hash};
use crate::sessions::Methods;
use uuid::Uuid;

/// How long a browser may take for it.
pub(crate) const STEP: Duration = Duration::minutes(5);
/// As many wrong codes send back to the password.
const MOST_TRIES: i32 = 5;

impl SecondFactors {
    /// Opens the step for somebody whose password was just checked. Answers the value of its cookie; nothing when the
    /// account changed since. `browser` is what else the browser has to show.
    pub(crate) async fn open_step(
        &self,
        account: &Account,
        browser: &str,
    ) -> Result<Option<String>, AccountError> {
        let value = capability::generate()
            .map_err(|error| AccountError::Store(StoreError::Database(Box::new(error))))?;
        let Some(hash) = hash(&value, browser) else { return Ok(None) };
        let until = platform_service::now() + STEP;
        let opened = self.store.open_step(&hash, account.id, &account.password_hash, until).await?;
        Ok(opened.then_some(value))
    }

    /// Whose second factor this browser is asked for.
    pub(crate) async fn step(&self, value: &str, browser: &str) -> Result<Option<Uuid>, AccountError> {
        let Some(hash) = hash(value, browser) else { return Ok(None) };
        Ok(self.store.step(&hash, MOST_TRIES, platform_service::now()).await?)
    }

    /// Takes the step with a code. `Ok(None)` when it is not open (any more): the password has to be given again.
    ///
    /// Tries are counted for the step, and by the throttle for the account (or the device that is known for it) and
    /// for the address, whoever knows the password.
    pub(crate) async fn take_step(
        &self,
        (value, browser): (&str, &str),
        account: &Account,
        text: &str,
        (address, device): (&str, Option<Hash>),
    ) -> Result<Option<Methods>, AccountError> {
        let now = platform_service::now();
        let given = Given::parse(text).map_err(AccountError::Code)?;
        let Some(hash) = hash(value, browser) else { return Ok(None) };
        let counted =
            self.throttle.code((account.id, account.second_factor_at), address, device, now).await?;
        let counted = counted.map_err(AccountError::too_many)?;
        if !self.store.count_try(&hash, account.id, MOST_TRIES, now).await? {
            self.throttle.take_back(&counted).await?;
            return Ok(None);
        }
        let Some(methods) = self.verify(account, &given, now).await? else {
            return Err(AccountError::Code(Given::WRONG));
        };
        self.throttle.forgive(&counted).await?;
        Ok(self.store.end_step(&hash).await?.then_some(methods))
    }
}

/// What is kept of a cookie and of what binds it to its browser.
fn hash(value: &str, browser: &str) -> Option<Hash> {
    capability::hash(value)?;
    Some(capability::sha256(format!("step:{value}:{browser}").as_bytes()))
}
