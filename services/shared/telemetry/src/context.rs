//! W3C trace context where nobody collects spans: a trace has a name, is passed on and stands in the log, and
//! nothing else is kept of it. OpenTelemetry's own spans would cost a small request as much as the rest of it.

use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Span;
use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan as _;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// Longer ones need not be passed on (Trace Context §3.3.1.1).
const LONGEST_STATE: usize = 512;
/// Somebody records this trace: what OpenTelemetry's default sampler says of one that it begins.
const SAMPLED: u8 = 1;

/// The trace that a request is part of, and the part's own id.
#[derive(Debug, Clone)]
pub(crate) struct TraceContext {
    trace: u128,
    span: u64,
    flags: u8,
    state: Option<HeaderValue>,
}

impl TraceContext {
    /// A new trace.
    pub(crate) fn begin() -> Self {
        Self { trace: rand::random::<u128>().max(1), span: span_id(), flags: SAMPLED, state: None }
    }

    /// The trace that a caller is part of; `None` when it names none, or more than one.
    pub(crate) fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let context = Self::parse(value.to_str().ok()?)?;
        let state = headers.get(TRACESTATE).filter(|state| state.len() <= LONGEST_STATE).cloned();
        Some(Self { state, ..context })
    }

    /// `00-<trace>-<caller's span>-<flags>` (Trace Context §3.2), and what later versions begin with.
    pub(crate) fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, trace, caller, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |part: &str, length: usize| {
            part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if !is_hex(version, 2) || version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        if !is_hex(trace, 32) || !is_hex(caller, 16) || !is_hex(flags, 2) {
            return None;
        }
        let trace = u128::from_str_radix(trace, 16).ok().filter(|trace| *trace != 0)?;
        u64::from_str_radix(caller, 16).ok().filter(|caller| *caller != 0)?;
        let flags = u8::from_str_radix(flags, 16).ok()? & SAMPLED;
        Some(Self { trace, span: span_id(), flags, state: None })
    }

    /// The trace's id as it is written.
    pub(crate) fn id(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// The `traceparent` of what is called from here.
    pub(crate) fn traceparent(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }

    /// Writes it into outgoing headers.
    pub(crate) fn inject(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::try_from(self.traceparent()) {
            headers.insert(TRACEPARENT, value);
        }
        if let Some(state) = &self.state {
            headers.insert(TRACESTATE, state.clone());
        }
    }

    /// Makes `span`, and every span inside it, part of this trace.
    pub(crate) fn attach(self, span: &Span) {
        span.with_subscriber(|(id, subscriber)| {
            let found = subscriber.downcast_ref::<Registry>().and_then(|registry| registry.span(id));
            if let Some(found) = found {
                found.extensions_mut().replace(self);
            }
        });
    }

    /// The trace that `span` is part of. Where there is none one begins, with the outermost span.
    pub(crate) fn of_span(span: &Span) -> Option<Self> {
        let found = span.with_subscriber(|(id, subscriber)| {
            let innermost = subscriber.downcast_ref::<Registry>()?.span(id)?;
            let known = innermost.scope().find_map(|span| span.extensions().get::<Self>().cloned());
            known.or_else(|| {
                let begun = Self::begin();
                let outermost = innermost.scope().last()?;
                outermost.extensions_mut().replace(begun.clone());
                Some(begun)
            })
        });
        found.flatten()
    }
}

fn span_id() -> u64 {
    rand::random::<u64>().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_caller_s_trace_is_taken_over_and_a_wrong_one_is_not() {
        let context = TraceContext::parse(&format!("00-{TRACE}-00f067aa0ba902b7-01")).unwrap();
        assert_eq!(context.id(), TRACE);
        let on = context.traceparent();
        assert!(on.starts_with(&format!("00-{TRACE}-")) && on.ends_with("-01"), "{on}");
        assert!(!on.contains("00f067aa0ba902b7"), "what is called from here has another parent: {on}");
        let unsampled = TraceContext::parse(&format!("00-{TRACE}-00f067aa0ba902b7-00")).unwrap();
        assert!(unsampled.traceparent().ends_with("-00"));
        assert!(TraceContext::parse(&format!("01-{TRACE}-00f067aa0ba902b7-01-later")).is_some());
        for wrong in [
            String::new(),
            "nonsense".to_owned(),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{TRACE}-00f067aa0ba902b7-é1"),
            format!("00-+{}-00f067aa0ba902b7-01", &TRACE[1..]),
        ] {
            assert!(TraceContext::parse(&wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn two_callers_traces_are_none_and_a_state_is_passed_on() {
        let mut headers = HeaderMap::new();
        let parent = HeaderValue::try_from(format!("00-{TRACE}-00f067aa0ba902b7-01")).unwrap();
        headers.insert(TRACEPARENT, parent.clone());
        headers.insert(TRACESTATE, HeaderValue::from_static("vendor=1"));
        let mut outgoing = HeaderMap::new();
        TraceContext::of_headers(&headers).unwrap().inject(&mut outgoing);
        assert_eq!(outgoing[TRACESTATE], "vendor=1");
        headers.insert(TRACESTATE, HeaderValue::try_from("a=".repeat(300)).unwrap());
        let mut outgoing = HeaderMap::new();
        TraceContext::of_headers(&headers).unwrap().inject(&mut outgoing);
        assert!(!outgoing.contains_key(TRACESTATE), "one that is too long is left out");
        headers.append(TRACEPARENT, parent);
        assert!(TraceContext::of_headers(&headers).is_none());
    }

    #[test]
    fn a_span_s_trace_is_that_of_the_spans_around_it() {
        tracing::subscriber::with_default(Registry::default(), || {
            let outer = tracing::info_span!("outer");
            TraceContext::parse(&format!("00-{TRACE}-00f067aa0ba902b7-01")).unwrap().attach(&outer);
            let inner = outer.in_scope(|| tracing::info_span!("inner"));
            assert_eq!(TraceContext::of_span(&inner).unwrap().id(), TRACE);

            let alone = tracing::info_span!("alone");
            let begun = TraceContext::of_span(&alone).unwrap().traceparent();
            assert_eq!(TraceContext::of_span(&alone).unwrap().traceparent(), begun, "it is begun once");
        });
        assert!(TraceContext::of_span(&Span::none()).is_none());
    }
}
