//! The phase *authorize*: whether a caller may use a route at all. What of it, the upstream decides.

use std::rc::Rc;

use http::{HeaderValue, Method, header};
use platform_auth::{INSUFFICIENT_SCOPE, Rejection};
use platform_http::Problem;

use super::Caller;
use crate::routes::Compiled;

/// Compares what is known about the caller with what the route wants.
///
/// # Errors
/// A 401 without a (good) token where one is needed, 403 when it is not enough.
pub(super) fn check(
    route: &Compiled,
    method: &Method,
    caller: Result<Rc<Caller>, Rejection>,
) -> Result<Option<Rc<Caller>>, Problem> {
    let caller = match caller {
        Ok(caller) => caller,
        // A wrong token is refused on open routes too: whoever sends one believes to be somebody.
        Err(Rejection::Missing) if route.is_public(method) => return Ok(None),
        Err(rejection) => {
            metrics::counter!("gateway_tokens_refused_total", "reason" => reason(rejection)).increment(1);
            return Err(Problem::from(rejection));
        }
    };
    // Components call each other inside; only the shop's server comes in here on its own behalf.
    if caller.is_service() && !caller.is_web() {
        metrics::counter!("gateway_tokens_refused_total", "reason" => "service").increment(1);
        return Err(Problem::from(Rejection::NotAUser));
    }
    let scopes = route.scopes();
    if !scopes.is_empty() && !scopes.iter().any(|scope| caller.verified.claims().scope.contains(scope)) {
        metrics::counter!("gateway_tokens_refused_total", "reason" => "scope").increment(1);
        return Err(insufficient(scopes));
    }
    Ok(Some(caller))
}

fn reason(rejection: Rejection) -> &'static str {
    match rejection {
        Rejection::Missing => "missing",
        Rejection::Invalid(_) => "invalid",
        Rejection::NoKeys => "no-keys",
        _ => "scope",
    }
}

/// A 403 that names what would be enough (RFC 6750 §3.1).
fn insufficient(scopes: &[String]) -> Problem {
    let scopes = scopes.join(" ");
    let challenge = HeaderValue::try_from(format!(r#"Bearer error="insufficient_scope", scope="{scopes}""#));
    let problem = INSUFFICIENT_SCOPE.detail(format!("this needs a token with one of the scopes {scopes}"));
    match challenge {
        Ok(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
        Err(_) => problem,
    }
}
