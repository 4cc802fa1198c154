//! Passwords: which ones may be chosen, and how they are kept.

mod hasher;
mod rules;
mod words;

pub(crate) use hasher::{HashError, Hasher};
pub(crate) use rules::Password;
pub(crate) use words::Words;
