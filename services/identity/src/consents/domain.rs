//! What somebody agreed to. No I/O.

use time::OffsetDateTime;

use crate::oauth::Scopes;

/// What somebody agreed to give to a client, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Consent {
    pub(crate) client_id: String,
    pub(crate) scopes: Scopes,
    pub(crate) given_at: OffsetDateTime,
}

/// An application that somebody let into their account, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Application {
    pub(crate) client_id: String,
    /// What it calls itself; its id when nobody knows it any more.
    pub(crate) name: String,
    /// What it may do, as far as that is still a scope of its own.
    pub(crate) scopes: Vec<String>,
    /// When somebody agreed last.
    pub(crate) given_at: OffsetDateTime,
}
