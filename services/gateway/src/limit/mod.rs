//! The phase *limit*: how much one caller may do, and how much everybody together.

mod arrivals;
mod gcra;
mod load;
mod pending;
mod shared;
mod wrong;

use std::borrow::Cow;
use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use platform_components::{Limit, LimitBy};
use platform_http::Problem;
use platform_http::problem;

use self::gcra::Decision;
pub(crate) use self::gcra::Limits;
pub(crate) use self::load::{Load, Permit};
pub(crate) use self::shared::share;
pub(crate) use self::wrong::{Address, WRONG_TOKENS};
use crate::routes::Compiled;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// One class of the routes file, ready to be used.
#[derive(Debug)]
pub(crate) struct Class {
    name: String,
    limit: Limit,
    /// The value of `RateLimit-Policy`: the same for everybody.
    policy: HeaderValue,
}

impl Class {
    pub(crate) fn new(name: &str, limit: Limit) -> Self {
        let Limit { requests, per_seconds, .. } = limit;
        let policy = value(name, (";q=", u64::from(requests)), (";w=", u64::from(per_seconds)));
        Self { name: name.to_owned(), limit, policy }
    }
}

/// Whom a request counts for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who<'a> {
    /// The token's `sub`; none for visitors.
    pub(crate) subject: Option<&'a str>,
    /// The token's client.
    pub(crate) client: Option<&'a str>,
    pub(crate) address: IpAddr,
}

/// What the answer says about the limit.
#[derive(Debug)]
pub(crate) struct Told {
    policy: HeaderValue,
    state: HeaderValue,
}

impl Told {
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert(POLICY, self.policy);
        headers.insert(STATE, self.state);
    }
}

/// Counts a request in its route's class; nothing to tell when it has none.
///
/// # Errors
/// A 429 with `Retry-After`.
pub(crate) fn count(limits: &Limits, route: &Compiled, who: Who<'_>) -> Result<Option<Told>, Problem> {
    route.limit().map(|class| take(limits, class, who)).transpose()
}

/// Counts a request in a class.
///
/// # Errors
/// A 429 with `Retry-After`.
pub(crate) fn take(limits: &Limits, class: &Class, who: Who<'_>) -> Result<Told, Problem> {
    let Class { name, limit, .. } = class;
    let decision = limits.take(name, limit, &who.key(limit.by));
    if decision.allowed { Ok(told(class, &decision)) } else { Err(too_many(class, &decision)) }
}

/// A 429 that says when to come again.
fn too_many(class: &Class, decision: &Decision) -> Problem {
    let Class { name, limit, .. } = class;
    metrics::counter!("gateway_limited_total", "class" => name.clone()).increment(1);
    let told = told(class, decision);
    let seconds = decision.retry_after.as_secs_f64().ceil().clamp(1.0, 3600.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped above")]
    problem::TOO_MANY_REQUESTS
        .detail(format!("at most {} requests in {} seconds", limit.requests, limit.per_seconds))
        .retry_after(seconds as u32)
        .header(POLICY, told.policy)
        .header(STATE, told.state)
}

/// `RateLimit-Policy` and `RateLimit` as the IETF's draft has them (draft-ietf-httpapi-ratelimit-headers).
fn told(class: &Class, decision: &Decision) -> Told {
    let reset = decision.reset.as_secs() + u64::from(decision.reset.subsec_nanos() > 0);
    Told {
        policy: class.policy.clone(),
        state: value(&class.name, (";r=", decision.remaining), (";t=", reset)),
    }
}

/// `"class";q=1;w=2`: on every answer, so without the machinery of `format!`.
fn value(class: &str, first: (&str, u64), second: (&str, u64)) -> HeaderValue {
    let mut text = String::with_capacity(class.len() + 48);
    text.extend(["\"", class, "\""]);
    for (name, number) in [first, second] {
        text.push_str(name);
        text.push_str(itoa::Buffer::new().format(number));
    }
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

impl<'a> Who<'a> {
    /// What the limit counts, as text: kinds never mix, so that a user can't be spent by an address.
    fn key(&self, by: LimitBy) -> Key<'a> {
        let address = || Key::Address(network(self.address));
        match by {
            LimitBy::Subject => self.subject.map_or_else(address, |it| Key::Subject(it.into())),
            LimitBy::Client => self.client.map_or_else(address, |it| Key::Client(it.into())),
            LimitBy::Address => address(),
        }
    }
}

/// A class and whom it is kept for.
type LimitKey = (String, Key<'static>);

/// Whom a limit is kept for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key<'a> {
    Subject(Cow<'a, str>),
    Client(Cow<'a, str>),
    Address(IpAddr),
}

impl Key<'_> {
    fn into_owned(self) -> Key<'static> {
        match self {
            Self::Subject(subject) => Key::Subject(subject.into_owned().into()),
            Self::Client(client) => Key::Client(client.into_owned().into()),
            Self::Address(address) => Key::Address(address),
        }
    }
}

/// One household has a whole /64 of IPv6 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_follows_from_the_class_and_the_caller() {
        let address: IpAddr = "2001:db8::1:2:3:4".parse().unwrap();
        let user = Who { subject: Some("u"), client: Some("c"), address };
        assert_eq!(user.key(LimitBy::Subject), Key::Subject("u".into()));
        assert_eq!(user.key(LimitBy::Client), Key::Client("c".into()));
        let visitor = Who { subject: None, client: None, address };
        let network = Key::Address("2001:db8::".parse().unwrap());
        assert_eq!(visitor.key(LimitBy::Subject), network);
        assert_eq!(user.key(LimitBy::Address), network);
    }
}
