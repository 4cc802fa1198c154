//! The phase *answer*: what the client gets, from an upstream or from us.

mod body;
mod compress;
mod error;
mod refusal;

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use platform_telemetry::propagation;
use tokio::time::Instant;
use tracing::Span;

pub(crate) use self::body::{AnswerBody, Streaming};
pub(crate) use self::compress::Wish;
pub(crate) use self::error::{Form, refuse};
pub(crate) use self::refusal::{refusal, rubbish};
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
    let Answered { response, lease } = answered;
    let (mut parts, mut body) = response.into_parts();
    guard::response(&mut parts.headers, route.upstream_name(), core.shared.told.https);
    // The upstream's version says nothing about the client's connection.
    parts.version = http::Version::HTTP_11;
    if let Some(whole) = body.take_whole() {
        // Most answers: there is nothing to wait for, and so nothing to keep.
        return Response::from_parts(parts, AnswerBody::Whole(Some(whole).filter(|whole| !whole.is_empty())));
    }
    let until = route.total_timeout().map(|total| begun + total);
    let streaming = Streaming::new(body, lease, permit, route.idle_timeout(), until);
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
        let mut text = [0; REQUEST + TRACEPARENT.len()];
        let (request, traceparent) = text.split_at_mut(REQUEST);
        core.request_id(now).hyphenated().encode_lower(request);
        write_traceparent(traceparent, || core.random());
        // One piece of memory for all: they live equally long.
        let text = Bytes::copy_from_slice(&text);
        let value = |bytes| HeaderValue::from_maybe_shared(bytes).unwrap_or(HeaderValue::from_static(""));
        let (request, traceparent) = (text.slice(..REQUEST), text.slice(REQUEST..));
        let trace = traceparent.slice(TRACE);
        let ids = Self { request: value(request), trace: value(trace), traceparent: value(traceparent) };
        if span.is_none() { ids } else { ids.traced(span) }
    }

    fn traced(self, span: &Span) -> Self {
        let traceparent = span.in_scope(propagation::current_traceparent);
        let value = |text: String| HeaderValue::try_from(text).ok();
        match (traceparent.and_then(value), propagation::trace_id(span).and_then(value)) {
            (Some(traceparent), Some(trace)) => Self { trace, traceparent, ..self },
            _ => self,
        }
    }
}

/// The length of a request's own id.
const REQUEST: usize = uuid::fmt::Hyphenated::LENGTH;
const TRACEPARENT: &[u8; 55] = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
/// Where the trace's id is in it.
const TRACE: Range<usize> = 3..35;

/// The ids of a request that is not traced (W3C Trace Context §3.2).
fn write_traceparent(text: &mut [u8], random: impl Fn() -> u64) {
    text.copy_from_slice(TRACEPARENT);
    for place in [3..19, 19..35, 36..52] {
        if let Some(digits) = text.get_mut(place) {
            // No part may be all zeros. Only another length would fail.
            let _ = hex::encode_to_slice((random() | 1).to_be_bytes(), digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_not_traced_says_so() {
        let mut text = [0; TRACEPARENT.len()];
        write_traceparent(&mut text, || 0x00ab_cdef_0123_4567);
        assert_eq!(&text, b"00-00abcdef0123456700abcdef01234567-00abcdef01234567-00");
    }
}
