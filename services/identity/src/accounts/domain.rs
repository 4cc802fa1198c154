//! What an account is. No I/O.

use time::OffsetDateTime;
use uuid::Uuid;

/// What somebody may be beside a student, which everybody is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Roles {
    pub(crate) instructor: bool,
    pub(crate) admin: bool,
}

/// An account that is not deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// `sub` in tokens.
    pub(crate) id: Uuid,
    /// As its owner wrote it.
    pub(crate) email: String,
    pub(crate) email_verified_at: Option<OffsetDateTime>,
    pub(crate) name: String,
    pub(crate) city: String,
    /// The language of mails: `tr` or `en`.
    pub(crate) language: String,
    /// Argon2id in PHC form.
    pub(crate) password_hash: String,
    pub(crate) roles: Roles,
    /// Since when an administrator lets nobody in.
    pub(crate) locked_at: Option<OffsetDateTime>,
    pub(crate) created_at: OffsetDateTime,
    /// Each change adds one.
    pub(crate) version: i64,
}
