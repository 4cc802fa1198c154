//! Passwords: which ones may be chosen, and how they are kept.

mod argon;
mod hasher;
mod rules;
mod words;

pub(crate) use argon::HashError;
pub(crate) use hasher::Hasher;
pub(crate) use rules::Password;
pub(crate) use words::Words;
