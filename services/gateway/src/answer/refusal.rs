//! What a client is told when its request gets no answer from an upstream. It is logged and counted here, once.

use platform_components::Name;
use platform_http::{Problem, problem};

use crate::forward::{Failure, Fault};
use crate::guard;
use crate::routes::Compiled;
use crate::upstream::{Broken, Upstream};

/// The problem that `failure` is for the client.
pub(crate) fn refusal(route: &Compiled, upstream: &Upstream, failure: &Failure) -> Problem {
    let name = upstream.name;
    let label = match failure {
        Failure::Open => "open",
        Failure::Unresolved => "unresolved",
        Failure::Connect(_) => "connect",
        Failure::Broken(Broken::Rubbish(_)) => "rubbish",
        Failure::Broken(_) => "broken",
        Failure::Late => "late",
        Failure::Body(_) => "client",
    };
    count(name, label);
    match failure {
        Failure::Body(Fault::TooLong) => guard::too_large(route),
        Failure::Body(Fault::TooSlow) => problem::SLOW.detail("send the body without long pauses"),
        Failure::Body(Fault::Broken) => problem::MALFORMED.detail("the body broke off"),
        Failure::Late => {
            tracing::warn!(upstream = %name, seconds = route.timeout().as_secs(), "upstream is late");
            problem::TIMEOUT.detail(format!("{name} did not answer in time"))
        }
        _ => {
            tracing::warn!(upstream = %name, error = %problem::Chain(failure), "upstream is unreachable");
            problem::UNAVAILABLE.detail(format!("{name} is not available right now")).retry_after(1)
        }
    }
}

/// The problem that an answer is which makes no sense.
pub(crate) fn rubbish(upstream: Name) -> Problem {
    count(upstream, "rubbish");
    problem::UNAVAILABLE.detail("the service answered rubbish").retry_after(1)
}

fn count(upstream: Name, reason: &'static str) {
    let labels = [("upstream", upstream.as_str()), ("reason", reason)];
    metrics::counter!("gateway_failures_total", &labels).increment(1);
}
