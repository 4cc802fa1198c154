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
                let mut traceparent = String::with_capacity(TRACEPARENT.len());
                traceparent.push_str("00-");
                for separator in ["", "-", "-"] {
                    push_hex(&mut traceparent, core.random() | 1);
                    traceparent.push_str(separator);
                }
                traceparent.push_str("00");
                (traceparent.get(3..35).unwrap_or_default().to_owned(), traceparent)
            }
        };
        Self { request: value(request), trace: value(&trace), traceparent: value(&traceparent) }
    }
}

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// Sixteen hexadecimal digits.
fn push_hex(text: &mut String, number: u64) {
    for shift in (0..16).rev() {
        let digit = u32::try_from((number >> (shift * 4)) & 0xf).unwrap_or_default();
        text.push(char::from_digit(digit, 16).unwrap_or('0'));
    }
}

fn propagation_id(span: &Span) -> Option<String> {
    if span.is_none() { None } else { propagation::trace_id(span) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_all_their_digits() {
        let mut text = String::new();
        push_hex(&mut text, 0x00ab_cdef_0123_4567);
        assert_eq!(text, "00abcdef01234567");
    }
}
