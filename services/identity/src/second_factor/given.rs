//! What somebody types where a second factor is asked for.

use super::otp::Code;
use super::recovery;
use crate::accounts::Unacceptable;
use crate::capability::Hash;

/// A code of either kind: one field takes both.
#[derive(Clone)]
pub(crate) enum Given {
    /// Of the authenticator.
    Code(Code),
    /// The hash of a recovery code.
    Recovery(Hash),
}

impl Given {
    /// Nothing was typed.
    const MISSING: Unacceptable = Unacceptable { detail: "must not be empty", key: "error-code-missing" };
    /// It is not the right one, or none at all: the same answer.
    pub(crate) const WRONG: Unacceptable =
        Unacceptable { detail: "is not a code that is accepted now", key: "error-code-wrong" };

    /// The code in a text.
    pub(crate) fn parse(text: &str) -> Result<Self, Unacceptable> {
        if text.trim().is_empty() {
            return Err(Self::MISSING);
        }
        let code = Code::parse(text).map(Self::Code);
        code.or_else(|| recovery::hash(text).map(Self::Recovery)).ok_or(Self::WRONG)
    }
}
