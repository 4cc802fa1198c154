//! What a session is. No I/O.

use time::OffsetDateTime;
use uuid::Uuid;

/// A browser in which somebody is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// `sid` in tokens.
    pub(crate) id: Uuid,
    pub(crate) account_id: Uuid,
    /// When the password was last given (`auth_time`).
    pub(crate) auth_time: OffsetDateTime,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) last_seen_at: OffsetDateTime,
    /// Whatever happens, not longer than this.
    pub(crate) expires_at: OffsetDateTime,
    /// What the browser called itself.
    pub(crate) user_agent: String,
}

/// What of a browser's name for itself is kept.
pub(super) fn user_agent(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).take(200).collect()
}
