//! Why something could not be done with an account.

use platform_messaging::EventError;

use crate::accounts::domain::Unacceptable;
use crate::accounts::password::HashError;
use crate::accounts::store::StoreError;
use crate::throttle::Verdict;

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
    /// The code of a second factor is missing or wrong.
    #[error(transparent)]
    Code(Unacceptable),
    /// There is a second factor already.
    #[error("there is a second factor already")]
    SecondFactorOn,
    /// There is no second factor.
    #[error("there is no second factor")]
    SecondFactorOff,
    /// What was to be confirmed was not begun, too long ago, or begun anew.
    #[error("no second factor is being set up")]
    SetUpOver,
    /// Nobody would be an administrator any more.
    #[error("it is the last administrator")]
    LastAdministrator,
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

impl AccountError {
    /// For whoever has to wait.
    pub(crate) fn too_many(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Wait { seconds } => Self::TooMany { retry_after_seconds: seconds },
            Verdict::Go => Self::Busy,
        }
    }
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::EmailTaken => Self::EmailTaken,
            StoreError::LinkSpent => Self::LinkSpent,
            StoreError::LastAdministrator => Self::LastAdministrator,
            StoreError::SetUpOver => Self::SetUpOver,
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
