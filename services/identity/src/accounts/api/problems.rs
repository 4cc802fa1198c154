//! What goes wrong with accounts, as problem documents.

use http::StatusCode;
use platform_http::Problem;
use platform_http::problem::{self, Chain, ProblemType};

use crate::accounts::domain::Unacceptable;
use crate::accounts::service::AccountError;
use crate::accounts::store::StoreError;

pub(super) const EMAIL_TAKEN: ProblemType =
    ProblemType::new("email-taken", StatusCode::CONFLICT, "This e-mail address has an account");
pub(super) const SIGN_UP_CLOSED: ProblemType =
    ProblemType::new("sign-up-closed", StatusCode::FORBIDDEN, "Nobody may sign up here");
pub(super) const EMAIL_NOT_VERIFIED: ProblemType =
    ProblemType::new("email-not-verified", StatusCode::FORBIDDEN, "Verify your e-mail address first");
pub(super) const OWN_ACCOUNT: ProblemType =
    ProblemType::new("own-account", StatusCode::CONFLICT, "Administrators can't lock themselves out");

pub(super) const LAST_ADMINISTRATOR: ProblemType =
    ProblemType::new("last-administrator", StatusCode::CONFLICT, "There must be an administrator");

pub(super) const SECOND_FACTOR_ON: ProblemType =
    ProblemType::new("second-factor-on", StatusCode::CONFLICT, "There is a second factor already");
pub(super) const SECOND_FACTOR_OFF: ProblemType =
    ProblemType::new("second-factor-off", StatusCode::CONFLICT, "There is no second factor");
pub(super) const SET_UP_OVER: ProblemType =
    ProblemType::new("set-up-over", StatusCode::CONFLICT, "No second factor is being set up");

/// A value that a validated body turns out to have after all.
pub(super) fn field(pointer: &'static str) -> impl Fn(Unacceptable) -> Problem {
    move |error| Problem::invalid_field(pointer, error.detail)
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::EmailTaken => EMAIL_TAKEN.detail("use another address"),
            StoreError::LinkSpent => problem::NOT_FOUND.detail("the link is spent"),
            StoreError::LastAdministrator => LAST_ADMINISTRATOR.detail("make another one first"),
            StoreError::SetUpOver => SET_UP_OVER.detail("begin anew"),
            StoreError::Corrupt(_) => Self::internal(&error),
            StoreError::Database(_) | StoreError::Sealing(_) => {
                tracing::warn!(error = %Chain(&error), "the accounts' store gives no answer");
                problem::UNAVAILABLE.detail("accounts can't be read right now, try again").retry_after(1)
            }
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Gone => problem::NOT_FOUND.into(),
            AccountError::EmailTaken => StoreError::EmailTaken.into(),
            AccountError::Changed => problem::PRECONDITION_FAILED.detail("read it again and use its `ETag`"),
            AccountError::NotVerified => {
                EMAIL_NOT_VERIFIED.detail("follow the link in the mail, or have it sent again")
            }
            AccountError::WrongPassword => Self::invalid_field("/current_password", "is not the password"),
            AccountError::LinkSpent => StoreError::LinkSpent.into(),
            AccountError::LastAdministrator => StoreError::LastAdministrator.into(),
            AccountError::Password(error) => field("/new_password")(error),
            AccountError::Code(error) => field("/code")(error),
            AccountError::SecondFactorOn => SECOND_FACTOR_ON.detail("turn it off first"),
            AccountError::SecondFactorOff => SECOND_FACTOR_OFF.detail("set it up first"),
            AccountError::SetUpOver => StoreError::SetUpOver.into(),
            AccountError::Closed => SIGN_UP_CLOSED.detail("ask the platform's administrator for an account"),
            AccountError::TooMany { retry_after_seconds } => {
                problem::TOO_MANY_REQUESTS.detail("try again later").retry_after(retry_after_seconds)
            }
            AccountError::Busy => problem::UNAVAILABLE.detail("too busy right now, try again").retry_after(2),
            AccountError::Hash(_) | AccountError::Event(_) => Self::internal(&error),
            AccountError::Store(error) => error.into(),
        }
    }
}
