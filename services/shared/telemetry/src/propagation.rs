//! W3C trace context (`traceparent`) in HTTP headers and in message properties.

use std::collections::HashMap;

use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Makes the trace of incoming `headers` the parent of `span`. Headers without one leave a new trace.
pub fn continue_from_headers(span: &Span, headers: &http::HeaderMap) {
    let context = opentelemetry::global::get_text_map_propagator(|it| it.extract(&HeaderExtractor(headers)));
    // Fails only where no subscriber is installed (unit tests): then there is no trace to continue.
    drop(span.set_parent(context));
}

/// Writes the trace of the current span into outgoing `headers`.
pub fn inject_into_headers(headers: &mut http::HeaderMap) {
    let context = Span::current().context();
    opentelemetry::global::get_text_map_propagator(|it| {
        it.inject_context(&context, &mut HeaderInjector(headers));
    });
}

/// The `traceparent` of the current span, when it is part of a trace.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    let mut carrier = HashMap::new();
    let context = Span::current().context();
    opentelemetry::global::get_text_map_propagator(|it| it.inject_context(&context, &mut carrier));
    carrier.remove("traceparent")
}

/// Makes the trace of a message's `traceparent` the parent of `span`.
pub fn continue_from_traceparent(span: &Span, traceparent: &str) {
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let context = opentelemetry::global::get_text_map_propagator(|it| it.extract(&carrier));
    drop(span.set_parent(context));
}

/// The id of the trace that `span` belongs to, 32 hexadecimal digits; `None` outside a trace.
#[must_use]
pub fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let span_context = context.span().span_context().clone();
    span_context.is_valid().then(|| span_context.trace_id().to_string())
}
