//! How many wrong tokens may come from one address: each costs a check of its signature, which is the dearest
//! thing that somebody without any right can have done here.

use std::net::IpAddr;

use platform_components::{Limit, LimitBy};
use platform_http::Problem;

use super::gcra::Decision;
use super::{Class, Key, Limits, network, too_many};

/// The class of the routes file in which wrong tokens count, by address whatever it says.
pub(crate) const WRONG_TOKENS: &str = "wrong-tokens";

/// Without such a class. Who shares an address with many others must not be hindered by what few of them do wrong;
/// twenty checks a second are a thousandth of a core.
const DEFAULT: Limit = Limit { requests: 1200, per_seconds: 60, burst: 200, by: LimitBy::Address };

/// Where a token comes from, and what may come from there.
#[derive(Clone, Copy)]
pub(crate) struct Address<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) class: &'a Class,
    pub(crate) address: IpAddr,
}

/// Until when an address has had all that it may.
pub(crate) struct Spent(Decision);

impl Address<'_> {
    /// Whether too many wrong tokens came from there: then nobody looks at one that is not known yet.
    pub(crate) fn is_spent(&self) -> Option<Spent> {
        self.limits.is_spent(&self.class.name, &self.class.limit, &self.key()).map(Spent)
    }

    /// A 429 with `Retry-After`.
    pub(crate) fn refuse(&self, spent: &Spent) -> Problem {
        too_many(self.class, &spent.0)
    }

    /// A wrong token came.
    pub(crate) fn charge(&self) {
        self.limits.take(&self.class.name, &self.class.limit, &self.key());
    }

    fn key(&self) -> Key<'static> {
        Key::Address(network(self.address))
    }
}

impl Class {
    /// The class of wrong tokens, as the routes file has it or not.
    pub(crate) fn of_wrong_tokens(limit: Option<&Limit>) -> Self {
        Self::new(WRONG_TOKENS, limit.copied().unwrap_or(DEFAULT))
    }
}
