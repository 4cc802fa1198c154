//! The phase *answer*: what the client gets, from an upstream or from us.

mod body;
mod compress;
mod error;

use http::{HeaderValue, Response};
use platform_telemetry::propagation;
use tokio::time::Instant;
use tracing::Span;

pub(crate) use self::body::{AnswerBody, Streaming};
pub(crate) use self::compress::Wish;
pub(crate) use self::error::{Form, refuse};
use crate::core::Core;
use crate::forward::Answered;
use crate::guard;
use crate::limit::Permit;
use crate::routes::Compiled;

/// Where an answer says in which trace its request was handled.
pub(crate) const TRACE_ID: &str = "x-trace-id";

/// Makes the client's answer out of an upstream's.
pub(crate) fn pass_on(
    core: &Core,
    route: &Compiled,
    answered: Answered,
    permit: Permit,
    begun: Instant,
) -> Response<AnswerBody> {
    let Answered { response, connection, lease } = answered;
    let (mut parts, body) = response.into_parts();
    guard::response(&mut parts.headers, route.upstream_name(), core.shared.told.https);
    // The upstream's version says nothing about the client's connection.
    parts.version = http::Version::HTTP_11;
    let until = route.total_timeout().map(|total| begun + total);
    let streaming = Streaming::new(body, connection, lease, permit, route.idle_timeout(), until);
    Response::from_parts(parts, AnswerBody::Stream(Box::new(streaming)))
}

/// The ids of a request as headers: its own, and for upstreams its trace's.
pub(crate) struct Ids {
    pub(crate) request: HeaderValue,
    pub(crate) trace: HeaderValue,
    pub(crate) traceparent: HeaderValue,
}

impl Ids {
    /// New ids: whatever a client sends names requests of its own. A request that is traced has those of its
    /// `span`; upstreams are told whether to go on with the trace.
    pub(crate) fn new(core: &Core, span: &Span) -> Self {
        let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
        let request = core.request_id().hyphenated().encode_lower(&mut buffer);
        let value = |text: &str| HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
        let traced = if span.is_none() { None } else { span.in_scope(propagation::current_traceparent) };
        let (trace, traceparent) = match (traced, propagation_id(span)) {
            (Some(traceparent), Some(trace)) => (trace, traceparent),
            _ => {
                let trace = format!("{:016x}{:016x}", core.random(), core.random());
                let traceparent = format!("00-{trace}-{:016x}-00", core.random() | 1);
                (trace, traceparent)
            }
        };
        Self { request: value(request), trace: value(&trace), traceparent: value(&traceparent) }
    }
}

fn propagation_id(span: &Span) -> Option<String> {
    if span.is_none() { None } else { propagation::trace_id(span) }
}
