//! The phase *forward*: a request goes to its upstream and the answer comes back, both streamed.
//!
//! An attempt that failed is made again, elsewhere if there is an elsewhere, when that can do no harm:
//! nothing had arrived, or the method may be repeated and the body is still whole.

mod body;
mod head;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, request};
use hyper::body::Incoming;
use tokio::time::Instant;

pub(crate) use self::body::{Fault, Resumable, Source};
use self::head::Kept;
use crate::core::Core;
use crate::routes::Compiled;
use crate::upstream::{Connection, Endpoint, Lease, Upstream};

/// Pauses before an upstream without another address is tried again: one that is being replaced is back by
/// then.
const PAUSES: &[Duration] =
    &[Duration::from_millis(50), Duration::from_millis(250), Duration::from_millis(500)];

/// An answer's head, and what has to live until its body ends.
pub(crate) struct Answered {
    pub(crate) response: Response<Incoming>,
    pub(crate) connection: Connection,
    pub(crate) lease: Lease,
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
    /// The connection was closed before the request was sent; nothing arrived.
    #[error("the connection was closed: {0}")]
    Unsent(#[source] hyper::Error),
    /// The request may have arrived.
    #[error("the connection broke: {0}")]
    Broken(#[source] hyper::Error),
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
            Self::Unresolved | Self::Connect(_) | Self::Unsent(_) => true,
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
    source: &Source,
) -> Result<Answered, Failure> {
    if !upstream.breaker.lets_through() {
        return Err(Failure::Open);
    }
    let attempts = pin!(attempts(core, route, upstream, parts, source));
    match core.patience.within(Instant::now(), route.timeout(), attempts).await {
        Ok(Err(failure)) if !matches!(failure, Failure::Body(_)) => {
            upstream.gave_up();
            Err(failure)
        }
        Ok(outcome) => outcome,
        // A client that is still sending is slow itself; the upstream can't be blamed.
        Err(_) if source.is_begun() && source.is_open() => Err(Failure::Body(Fault::TooSlow)),
        Err(_) => {
            upstream.gave_up();
            Err(Failure::Late)
        }
    }
}

async fn attempts(
    core: &Core,
    route: &Compiled,
    upstream: &Upstream,
    parts: request::Parts,
    source: &Source,
) -> Result<Answered, Failure> {
    let kept = Kept::of(&parts);
    let mut first = Some(parts);
    let mut failed: Option<Arc<Endpoint>> = None;
    let mut retries = 0;
    // A connection that was closed while idle says nothing about the upstream, and costs nothing.
    let mut stale = 0;
    loop {
        let Some(endpoint) = upstream.pick(failed.as_deref()) else {
            if retries == 0 {
                retries = 1;
                drop(tokio::time::timeout(Duration::from_secs(1), Box::pin(upstream.resolved())).await);
                continue;
            }
            return Err(Failure::Unresolved);
        };
        let mut used = false;
        let parts = first.take().unwrap_or_else(|| kept.again());
        let request = Request::from_parts(parts, source.body());
        let failure = match attempt(core, &endpoint, request, &mut used).await {
            Ok(answered) => {
                upstream.succeeded(&endpoint);
                return Ok(answered);
            }
            Err(failure) => failure,
        };
        if let Some(fault) = source.fault() {
            return Err(Failure::Body(fault));
        }
        let repeatable = failure.is_repeatable(&kept.method) && !source.is_begun();
        if used && repeatable && stale < 3 && matches!(failure, Failure::Unsent(_) | Failure::Broken(_)) {
            stale += 1;
            continue;
        }
        upstream.failed(&endpoint);
        if !repeatable || retries >= route.retries() || !upstream.budget.withdraw() {
            return Err(failure);
        }
        tracing::debug!(upstream = %upstream.name, error = %failure, "trying again");
        metrics::counter!("gateway_retries_total", "upstream" => upstream.name.as_str()).increment(1);
        if !upstream.has_other(&endpoint) {
            let pause = PAUSES.get(retries as usize).or(PAUSES.last()).copied().unwrap_or_default();
            Box::pin(tokio::time::sleep(core.jittered(pause))).await;
        }
        failed = Some(endpoint);
        retries += 1;
    }
}

async fn attempt(
    core: &Core,
    endpoint: &Arc<Endpoint>,
    request: Request<Resumable>,
    used: &mut bool,
) -> Result<Answered, Failure> {
    let lease = endpoint.lease();
    let mut connection = core.pool.connect(endpoint.address).await.map_err(Failure::Connect)?;
    *used = connection.used;
    match connection.sender.try_send_request(request).await {
        Ok(response) => Ok(Answered { response, connection, lease }),
        Err(mut error) => {
            let unsent = error.take_message().is_some();
            let error = error.into_error();
            Err(if unsent { Failure::Unsent(error) } else { Failure::Broken(error) })
        }
    }
}
