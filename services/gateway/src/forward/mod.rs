//! The phase *forward*: a request goes to its upstream and the answer comes back, both streamed.
//!
//! An attempt that failed is made again, elsewhere if there is an elsewhere, when that can do no harm:
//! nothing had arrived, or the method may be repeated and the body is still whole.

mod body;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Response, StatusCode, request};
use tokio::time::Instant;

pub(crate) use self::body::{BodyError, Fault, Resumable, Source};
use crate::core::Core;
use crate::guard::Vouched;
use crate::patience::Late;
use crate::routes::Compiled;
use crate::upstream::{Body, Broken, Endpoint, Head, Lease, Upstream, exchange};

/// Pauses before an upstream without another address is tried again: one that is being replaced is back by
/// then.
const PAUSES: &[Duration] =
    &[Duration::from_millis(50), Duration::from_millis(250), Duration::from_millis(500)];

/// An answer's head, and what has to live until its body ends.
pub(crate) struct Answered {
    pub(crate) response: Response<Body>,
    pub(crate) lease: Lease,
}

impl Answered {
    /// Whether the address could not do its work. Another one may.
    fn falters(&self) -> bool {
        matches!(
            self.response.status(),
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
        )
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the circuit is open")]
    Open,
    #[error("its name does not resolve")]
    Unresolved,
    #[error("can't connect: {0}")]
    Connect(#[source] std::io::Error),
    #[error("the connection: {0}")]
    Broken(#[source] Broken),
    #[error("no answer in time")]
    Late,
    /// The client's body could not be passed on.
    #[error("the client's body: {0:?}")]
    Body(Fault),
}

impl Failure {
    /// Whether the same request may be sent again.
    fn is_repeatable(&self, method: &Method) -> bool {
        match self {
            Self::Unresolved | Self::Connect(_) | Self::Broken(Broken::Unsent(_)) => true,
            // The request may have arrived.
            Self::Broken(_) => method.is_idempotent(),
            Self::Open | Self::Late | Self::Body(_) => false,
        }
    }
}

/// Sends a request until there is an answer, the route's time is over or trying again makes no sense.
///
/// # Errors
/// See [`Failure`].
pub(crate) async fn send(
    core: &Core,
    route: &Compiled,
    upstream: &Upstream,
    parts: request::Parts,
    vouched: &Vouched,
    source: &Source,
) -> Result<Answered, Failure> {
    if !upstream.breaker.lets_through() {
        return Err(Failure::Open);
    }
    let head = Head::of(&parts, &upstream.target.authority, vouched, source.size());
    drop(parts);
    let mut tried = None;
    let outcome = {
        // Pinned where it is made: its state is large, and each move of it is a copy.
        let attempts = pin!(attempts(core, route, upstream, &head, source, &mut tried));
        in_time(core, route, source, attempts).await
    };
    match outcome {
        Ok(Err(failure)) if !matches!(failure, Failure::Body(_)) => {
            upstream.gave_up(tried.as_deref());
            Err(failure)
        }
        Ok(outcome) => outcome,
        // The upstream can't be blamed.
        Err(Late) if source.waits() => Err(Failure::Body(Fault::TooSlow)),
        Err(Late) => {
            if let Some(endpoint) = &tried {
                upstream.failed(endpoint);
            }
            upstream.gave_up(tried.as_deref());
            Err(Failure::Late)
        }
    }
}

/// Lets `attempts` take until the route's time for an answer's begin is over. It begins anew with each piece of the
/// request's body, and does not pass while the client is waited for, of which the body itself has limits.
async fn in_time<T>(
    core: &Core,
    route: &Compiled,
    source: &Source,
    mut attempts: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Late> {
    let begun = Instant::now();
    let end = route.total_timeout().map(|total| begun + total);
    let (mut from, mut limit) = (begun, route.total_timeout().unwrap_or(Duration::MAX).min(route.timeout()));
    loop {
        if let Ok(outcome) = core.patience.within(from, limit, attempts.as_mut()).await {
            return Ok(outcome);
        }
        let now = Instant::now();
        let moved = if source.waits() { Some(now) } else { source.moved() };
        let until = moved.map(|moved| moved + route.timeout());
        let until = until.map(|until| end.map_or(until, |end| until.min(end))).filter(|until| *until > now);
        let Some(until) = until else { return Err(Late) };
        (from, limit) = (now, until - now);
    }
}

async fn attempts(
    core: &Core,
    route: &Compiled,
    upstream: &Upstream,
    head: &Head,
    source: &Source,
    tried: &mut Option<Arc<Endpoint>>,
) -> Result<Answered, Failure> {
    let mut retries = 0;
    // A connection that was closed while idle says nothing about the upstream, and costs nothing.
    let mut stale = 0;
    let mut failed: Option<Arc<Endpoint>> = None;
    loop {
        let Some(endpoint) = upstream.pick(core.random(), failed.as_deref()) else {
            if retries == 0 {
                retries = 1;
                drop(tokio::time::timeout(Duration::from_secs(1), Box::pin(upstream.resolved())).await);
                continue;
            }
            return Err(Failure::Unresolved);
        };
        let endpoint = &*tried.insert(endpoint);
        let mut used = false;
        let outcome = attempt(core, upstream, endpoint, head, source.body(), &mut used).await;
        if outcome.as_ref().is_ok_and(|answered| !answered.falters() || !upstream.has_other(endpoint)) {
            upstream.succeeded(endpoint);
            return outcome;
        }
        if let Some(fault) = source.fault() {
            return Err(Failure::Body(fault));
        }
        let repeatable = !source.is_begun()
            && match &outcome {
                Ok(_) => head.method.is_idempotent(),
                Err(failure) => failure.is_repeatable(&head.method),
            };
        if used && repeatable && stale < 3 && matches!(outcome, Err(Failure::Broken(_))) {
            stale += 1;
            continue;
        }
        upstream.failed(endpoint);
        if !repeatable || retries >= route.retries() || !upstream.budget.withdraw() {
            return outcome;
        }
        let failure = outcome.as_ref().err().map(tracing::field::display);
        tracing::debug!(upstream = %upstream.name, failure, "trying again");
        metrics::counter!("gateway_retries_total", "upstream" => upstream.name.as_str()).increment(1);
        if let Ok(mut answered) = outcome {
            // When all of it is here, its connection is good for another request.
            drop(answered.response.body_mut().take_whole());
        }
        if !upstream.has_other(endpoint) {
            let pause = PAUSES.get(retries as usize).or(PAUSES.last()).copied().unwrap_or_default();
            Box::pin(tokio::time::sleep(core.jittered(pause))).await;
        }
        failed = tried.take();
        retries += 1;
    }
}

async fn attempt(
    core: &Core,
    upstream: &Upstream,
    endpoint: &Arc<Endpoint>,
    head: &Head,
    body: Resumable,
    used: &mut bool,
) -> Result<Answered, Failure> {
    let lease = endpoint.lease();
    let connection = core.pool.connect(endpoint.address, upstream.target.connect_timeout).await;
    let connection = connection.map_err(Failure::Connect)?;
    *used = connection.used;
    let response = exchange(connection, head, body).await.map_err(Failure::Broken)?;
    Ok(Answered { response, lease })
}
