//! The phase *answer*: what the client gets, from an upstream or from us.

mod body;
mod compress;
mod error;

use http::{HeaderName, HeaderValue, Response};
use platform_telemetry::propagation;
use tokio::time::Instant;
use tracing::Span;

pub(crate) use self::body::{AnswerBody, Streaming};
pub(crate) use self::compress::Wish;
pub(crate) use self::error::{Form, refuse};
use crate::clock::Moment;
use crate::core::Core;
use crate::forward::Answered;
use crate::guard;
use crate::limit::Permit;
use crate::routes::Compiled;

/// Where an answer says in which trace its request was handled.
pub(crate) const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

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
    pub(crate) fn new(core: &Core, span: &Span, now: Moment) -> Self {
        let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
        let request = core.request_id(now).hyphenated().encode_lower(&mut buffer);
        let value =
            |text: &[u8]| HeaderValue::from_bytes(text).unwrap_or_else(|_| HeaderValue::from_static(""));
        let request = value(request.as_bytes());
        let traced = if span.is_none() { None } else { span.in_scope(propagation::current_traceparent) };
        let (trace, traceparent) = match (traced, propagation_id(span)) {
            (Some(traceparent), Some(trace)) => (value(trace.as_bytes()), value(traceparent.as_bytes())),
            _ => {
                let traceparent = traceparent(|| core.random());
                (value(traceparent.get(3..35).unwrap_or_default()), value(&traceparent))
            }
        };
        Self { request, trace, traceparent }
    }
}

const TRACEPARENT: &[u8; 55] = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// The ids of a request that is not traced (W3C Trace Context §3.2).
fn traceparent(random: impl Fn() -> u64) -> [u8; TRACEPARENT.len()] {
    let mut text = *TRACEPARENT;
    for place in [3..19, 19..35, 36..52] {
        if let Some(digits) = text.get_mut(place) {
            // No part may be all zeros. Only another length would fail.
            let _ = hex::encode_to_slice((random() | 1).to_be_bytes(), digits);
        }
    }
    text
}

fn propagation_id(span: &Span) -> Option<String> {
    if span.is_none() { None } else { propagation::trace_id(span) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_not_traced_says_so() {
        let text = traceparent(|| 0x00ab_cdef_0123_4567);
        assert_eq!(&text, b"00-00abcdef0123456700abcdef01234567-00abcdef01234567-00");
    }
}
