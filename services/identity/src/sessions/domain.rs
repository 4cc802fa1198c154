//! What a session is. No I/O.

use time::OffsetDateTime;
use uuid::Uuid;

/// How somebody proved who they are. What stands in the database are the values of the claim `amr` (RFC 8176 §2),
/// which has none for recovery codes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Methods {
    /// By their password.
    #[default]
    Password,
    /// By their password and a code of their authenticator.
    Code,
    /// By their password and a recovery code.
    RecoveryCode,
}

impl Methods {
    const ALL: [Self; 3] = [Self::Password, Self::Code, Self::RecoveryCode];

    /// As the database has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::Code => "pwd otp mfa",
            Self::RecoveryCode => "pwd mfa",
        }
    }

    /// From the database. What this version does not know is claimed to be a password at most.
    pub(crate) fn stored(text: &str) -> Self {
        Self::ALL.into_iter().find(|methods| methods.as_str() == text).unwrap_or_default()
    }

    /// The claim `amr`.
    pub(crate) fn names(self) -> Vec<String> {
        self.as_str().split(' ').map(str::to_owned).collect()
    }
}

/// A browser in which somebody is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// `sid` in tokens.
    pub(crate) id: Uuid,
    pub(crate) account_id: Uuid,
    /// When the password was last given, and what belongs to it (`auth_time`).
    pub(crate) auth_time: OffsetDateTime,
    /// How they signed in then.
    pub(crate) methods: Methods,
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
