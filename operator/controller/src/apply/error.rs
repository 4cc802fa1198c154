//! Why a child could not be brought to what is wanted, and what kind of failure the status tells.

use crate::build::Opens;
use crate::children::ChildKey;

/// Why a child could not be applied. Never contains a Secret's data.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// An object of that name belongs to somebody else; it was not touched.
    #[error("{child} exists and does not belong to this platform ({whose}); delete or rename it")]
    NameConflict {
        /// The object.
        child: ChildKey,
        /// Whose it is.
        whose: String,
    },
    /// A password is in use and the Secret that holds it is gone.
    #[error("{}", lost(secret, opens))]
    CredentialsLost {
        /// The Secret.
        secret: String,
        /// What it opens.
        opens: Opens,
    },
    /// The operator may not do it.
    #[error("{child}: the operator is not allowed to: {message}")]
    Forbidden {
        /// The object.
        child: ChildKey,
        /// What the server said.
        message: String,
    },
    /// The server refused the object.
    #[error("{child} was refused: {message}")]
    Refused {
        /// The object.
        child: ChildKey,
        /// What the server said.
        message: String,
    },
    /// It changed under our hands again and again.
    #[error("{child} keeps changing while it is applied")]
    Busy {
        /// The object.
        child: ChildKey,
    },
    /// *build* wants something that this operator can't apply.
    #[error("an object of kind {0} can't be applied")]
    Unknown(String),
    /// The server couldn't be asked or failed.
    #[error("{child}: {source}")]
    Api {
        /// The object.
        child: ChildKey,
        /// What went wrong.
        source: Box<kube::Error>,
    },
}

impl ApplyError {
    /// Sorts what the server answered.
    pub(super) fn from_kube(child: &ChildKey, error: kube::Error) -> Self {
        let child = child.clone();
        match error {
            kube::Error::Api(status) if status.code == 403 => {
                Self::Forbidden { child, message: status.message.clone() }
            }
            kube::Error::Api(status) if matches!(status.code, 400 | 413 | 415 | 422) => {
                Self::Refused { child, message: status.message.clone() }
            }
            source => Self::Api { child, source: Box::new(source) },
        }
    }

    /// The reason of the condition Reconciled, and the label of the metric.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NameConflict { .. } => "NameConflict",
            Self::CredentialsLost { .. } => "CredentialsLost",
            Self::Forbidden { .. } => "Forbidden",
            Self::Refused { .. } | Self::Busy { .. } | Self::Unknown(_) | Self::Api { .. } => "ApplyFailed",
        }
    }

    /// Whether trying again soon may help; the others wait for a person and a change.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Api { .. })
    }
}

fn lost(secret: &str, opens: &Opens) -> String {
    match opens {
        Opens::Volume(claim) => format!(
            "the volume {claim} is there, but the Secret {secret} that opens it is gone; restore the Secret, or \
             delete the volume and this platform's Jobs to start anew without the data"
        ),
        Opens::Account(job) => format!(
            "the Secret {secret} is gone, and a server knows the password in it; restore the Secret, or delete \
             the Job {job} so that the server is told a new one"
        ),
    }
}

/// Whether the server said that something else was there first.
pub(super) fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}
