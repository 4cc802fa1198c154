//! What is written to people, and the links in it. No I/O.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::Account;
use crate::language::Language;

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A link that proves that the address is theirs.
    VerifyEmail,
    /// The same for a new address.
    ChangeEmail,
    /// A link to set a new password.
    ResetPassword,
    /// Somebody wanted to sign up with, or change to, an address that has an account.
    AddressTaken,
    /// To the old address: it is theirs no more.
    EmailChanged,
    /// The password is another one now.
    PasswordChanged,
    /// Signing in takes a second factor now.
    SecondFactorOn,
    /// It takes none any more.
    SecondFactorOff,
    /// A recovery code was taken for the second factor.
    RecoveryCodeUsed,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::VerifyEmail,
        Self::ChangeEmail,
        Self::ResetPassword,
        Self::AddressTaken,
        Self::EmailChanged,
        Self::PasswordChanged,
        Self::SecondFactorOn,
        Self::SecondFactorOff,
        Self::RecoveryCodeUsed,
    ];

    /// As the database has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ChangeEmail => "change_email",
            Self::ResetPassword => "reset_password",
            Self::AddressTaken => "address_taken",
            Self::EmailChanged => "email_changed",
            Self::PasswordChanged => "password_changed",
            Self::SecondFactorOn => "second_factor_on",
            Self::SecondFactorOff => "second_factor_off",
            Self::RecoveryCodeUsed => "recovery_code_used",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// What the link in it is for, when it has one that works once.
    pub(crate) fn purpose(self) -> Option<Purpose> {
        match self {
            Self::VerifyEmail => Some(Purpose::VerifyEmail),
            Self::ChangeEmail => Some(Purpose::ChangeEmail),
            Self::ResetPassword => Some(Purpose::ResetPassword),
            Self::AddressTaken
            | Self::EmailChanged
            | Self::PasswordChanged
            | Self::SecondFactorOn
            | Self::SecondFactorOff
            | Self::RecoveryCodeUsed => None,
        }
    }
}

/// What a mailed link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    VerifyEmail,
    ChangeEmail,
    ResetPassword,
}

impl Purpose {
    /// As the database has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ChangeEmail => "change_email",
            Self::ResetPassword => "reset_password",
        }
    }

    /// The page that the link leads to.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::VerifyEmail => "/verify",
            Self::ChangeEmail => "/change-email",
            Self::ResetPassword => "/reset",
        }
    }
}

/// A mail that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    pub(crate) id: Uuid,
    pub(crate) account_id: Uuid,
    pub(crate) kind: Kind,
    /// To whom.
    pub(crate) email: String,
    pub(crate) language: Language,
    pub(crate) created_at: OffsetDateTime,
    /// How often it was tried.
    pub(crate) attempts: i32,
}

impl Mail {
    /// To the account's own address.
    pub(crate) fn to(account: &Account, kind: Kind, at: OffsetDateTime) -> Self {
        Self::to_address(account, account.email.clone(), kind, at)
    }

    /// To another address, about the account.
    pub(crate) fn to_address(account: &Account, email: String, kind: Kind, at: OffsetDateTime) -> Self {
        Self {
            id: Uuid::now_v7(),
            account_id: account.id,
            kind,
            email,
            language: account.language(),
            created_at: at,
            attempts: 0,
        }
    }
}

/// A link that was mailed and still works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) account_id: Uuid,
    /// The address that is verified or changed to.
    pub(crate) email: String,
}
