//! W3C trace context (`traceparent`) in HTTP headers and in message properties.
//!
//! With a collector OpenTelemetry keeps the context of each span, without one `context` does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderMap;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::context::TraceContext;

/// Whether spans go to a collector.
static COLLECTED: AtomicBool = AtomicBool::new(false);

pub(crate) fn collected_from_now_on() {
    COLLECTED.store(true, Ordering::Relaxed);
}

/// Whether spans go to a collector. Where they don't, what only a collector reads need not be said.
#[must_use]
pub fn is_collected() -> bool {
    COLLECTED.load(Ordering::Relaxed)
}

/// The trace of a request, known before there is a span for it; so its id can be one of the span's first fields,
/// which costs far less than adding it. Only where spans are not collected.
#[derive(Debug)]
pub struct Incoming(TraceContext);

impl Incoming {
    /// The trace of incoming `headers`, or a new one; `None` where spans are collected.
    #[must_use]
    pub fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let context = || TraceContext::of_headers(headers).unwrap_or_else(TraceContext::begin);
        (!is_collected()).then(|| Self(context()))
    }

    /// The trace's id, 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        self.0.id()
    }

    /// Makes `span` part of the trace.
    pub fn attach(self, span: &Span) {
        self.0.attach(span);
    }
}

/// Makes the trace of incoming `headers` the parent of `span`. Headers without one leave a new trace.
pub fn continue_from_headers(span: &Span, headers: &HeaderMap) {
    if !is_collected() {
        if let Some(context) = TraceContext::of_headers(headers) {
            context.attach(span);
        }
        return;
    }
    let context = opentelemetry::global::get_text_map_propagator(|it| it.extract(&HeaderExtractor(headers)));
    // Fails only where no subscriber is installed (unit tests): then there is no trace to continue.
    drop(span.set_parent(context));
}

/// Writes the trace of the current span into outgoing `headers`.
pub fn inject_into_headers(headers: &mut HeaderMap) {
    if !is_collected() {
        if let Some(context) = TraceContext::of_span(&Span::current()) {
            context.inject(headers);
        }
        return;
    }
    let context = Span::current().context();
    opentelemetry::global::get_text_map_propagator(|it| {
        it.inject_context(&context, &mut HeaderInjector(headers));
    });
}

/// The `traceparent` of the current span, when it is part of a trace.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    if !is_collected() {
        return TraceContext::of_span(&Span::current()).map(|context| context.traceparent());
    }
    let mut carrier = HashMap::new();
    let context = Span::current().context();
    opentelemetry::global::get_text_map_propagator(|it| it.inject_context(&context, &mut carrier));
    carrier.remove("traceparent")
}

/// Makes the trace of a message's `traceparent` the parent of `span`.
pub fn continue_from_traceparent(span: &Span, traceparent: &str) {
    if !is_collected() {
        if let Some(context) = TraceContext::parse(traceparent) {
            context.attach(span);
        }
        return;
    }
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let context = opentelemetry::global::get_text_map_propagator(|it| it.extract(&carrier));
    drop(span.set_parent(context));
}

/// The id of the trace that `span` belongs to, 32 hexadecimal digits; `None` outside a trace.
#[must_use]
pub fn trace_id(span: &Span) -> Option<String> {
    if !is_collected() {
        return TraceContext::of_span(span).map(|context| context.id());
    }
    let context = span.context();
    let span_context = context.span().span_context().clone();
    span_context.is_valid().then(|| span_context.trace_id().to_string())
}
