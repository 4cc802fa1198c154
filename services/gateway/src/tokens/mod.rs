//! Who calls, and the token that the upstream gets instead of the caller's.
//!
//! [`authenticate`] checks the caller's token once, [`authorize`] compares it with the route, and [`exchange`]
//! changes it for one of the target service (RFC 8693). No token is ever logged or kept here in the clear
//! beyond its own life.

mod authenticate;
mod authorize;
mod exchange;
mod provider;
mod slot;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use tokio::time::Instant;

use http::request::Parts;
use http::{HeaderMap, header};
use platform_auth::{Authenticator, Subject, Verified};
use platform_http::Problem;

use self::authenticate::Refused;
use self::exchange::Digest;
pub(crate) use self::exchange::Exchange;
pub(crate) use self::provider::Provider;
use self::slot::Slot;
use crate::bounded::Bounded;
use crate::clock::Moment;
use crate::limit;
use crate::routes::Compiled;

/// Tokens that one thread remembers.
const REMEMBERED: usize = 2048;

/// What all threads share.
pub(crate) struct Tokens {
    authenticator: Authenticator,
    /// None: no route exchanges tokens.
    exchange: Option<Exchange>,
}

impl Tokens {
    pub(crate) fn new(authenticator: Authenticator, exchange: Option<Exchange>) -> Self {
        Self { authenticator, exchange }
    }
}

/// A caller whose token was checked.
pub(crate) struct Caller {
    verified: Arc<Verified>,
    digest: Digest,
    /// When the shared check, which knows of removed keys, was asked last.
    checked: Instant,
    /// Where this token's exchanges are kept, by audience and scopes.
    slots: RefCell<Vec<(exchange::Target, Arc<Slot>)>>,
}

impl Caller {
    pub(crate) fn subject(&self) -> &str {
        &self.verified.claims().sub
    }

    pub(crate) fn client(&self) -> &str {
        &self.verified.claims().client_id
    }

    /// Whether nobody stands behind the client.
    pub(crate) fn is_service(&self) -> bool {
        self.verified.subject() == Subject::Service
    }

    /// Whether the shop's server calls, for a user or for visitors, who are at many addresses.
    pub(crate) fn is_web(&self) -> bool {
        self.client() == platform_components::Name::Web.as_str()
    }
}

/// The callers that one thread has seen, by what they sent in `Authorization`: what is shared is asked only now
/// and then. To compare all of it is quicker than any digest that would do.
pub(crate) struct Callers {
    known: RefCell<Bounded<Box<[u8]>, Rc<Caller>>>,
    /// What was good once and will never be again. A client may not know yet, and its address is not to blame.
    expired: RefCell<Bounded<Digest, ()>>,
}

impl Default for Callers {
    fn default() -> Self {
        let (known, expired) = (Bounded::new(REMEMBERED), Bounded::new(REMEMBERED));
        Self { known: RefCell::new(known), expired: RefCell::new(expired) }
    }
}

impl Callers {
    /// The phases *authenticate* and *authorize*: the caller, `None` for a visitor on an open route.
    ///
    /// # Errors
    /// A 401, 403 or 503; a 429 where too many wrong tokens came from.
    pub(crate) async fn caller(
        &self,
        tokens: &Tokens,
        parts: &Parts,
        route: &Compiled,
        address: limit::Address<'_>,
        now: Moment,
    ) -> Result<Option<Rc<Caller>>, Problem> {
        let caller = match authenticate::caller(self, tokens, &parts.headers, address, now).await {
            Ok(caller) => Ok(caller),
            Err(Refused::Token(rejection)) => Err(rejection),
            Err(Refused::Unread(problem)) => return Err(*problem),
        };
        authorize::check(route, &parts.method, caller)
    }

    /// Forgets tokens whose life is over.
    pub(crate) fn sweep(&self, now: Moment) {
        self.known.borrow_mut().retain(|caller| !authenticate::is_over(caller, now));
    }
}

/// The phase *exchange*: leaves in `headers` what the upstream may see of the caller's token.
///
/// # Errors
/// A 401 when the token is no longer good, 403 when it is not for this service, 503 when nobody can tell.
pub(crate) async fn exchange(
    tokens: &Tokens,
    headers: &mut HeaderMap,
    route: &Compiled,
    caller: Option<&Caller>,
) -> Result<(), Problem> {
    let (Some(audience), Some(caller)) = (route.audience(), caller) else {
        // Identity takes tokens of the gateway's audience, and clients' own credentials. Nobody else does.
        if route.upstream_name() != platform_components::Name::Identity {
            headers.remove(header::AUTHORIZATION);
        }
        return Ok(());
    };
    let Some(exchange) = tokens.exchange.as_ref().filter(|_| route.exchanges()) else { return Ok(()) };
    let bearer = exchange.token(caller, audience, route.scopes(), headers).await?;
    headers.insert(header::AUTHORIZATION, bearer);
    Ok(())
}
