//! What surrounds every request: trace, metrics, panics, overload, time and size.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Router};
use http::{HeaderValue, Method, StatusCode};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::ServerSettings;
use crate::problem::{self, Problem};

/// Where an answer says in which trace its request was handled.
const TRACE_ID_HEADER: &str = "x-trace-id";

/// Surrounds a component's routes with what every request gets. From the outside in: a span that continues
/// the caller's trace, RED metrics by route, 500 for a panic, 503 for overload and for a late answer, and the
/// limit on bodies. Unknown paths and methods answer problems too.
pub fn with_layers(router: Router, settings: &ServerSettings) -> Router {
    let permits = usize::try_from(settings.max_concurrent_requests).unwrap_or(usize::MAX);
    let overload = ServiceBuilder::new()
        .layer(axum::error_handling::HandleErrorLayer::new(overloaded))
        .load_shed()
        .layer(tower::limit::GlobalConcurrencyLimitLayer::new(permits));
    router
        .fallback(|| async { Problem::from(problem::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { Problem::from(problem::METHOD_NOT_ALLOWED) })
        .layer(DefaultBodyLimit::max(settings.max_body_bytes))
        .layer(middleware::from_fn_with_state(settings.request_timeout_seconds, give_up_late))
        .layer(overload)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(observe))
}

async fn give_up_late(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!(seconds = limit.as_secs_f64(), "request given up: no answer in time");
            problem::UNAVAILABLE.detail("no answer in time, try again").retry_after(1).into_response()
        }
    }
}

async fn overloaded(_: BoxError) -> Problem {
    problem::UNAVAILABLE.detail("too busy right now, try again").retry_after(1)
}

#[allow(clippy::needless_pass_by_value, reason = "the layer's signature")]
fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let cause = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("unknown");
    tracing::error!(cause, "request handler panicked");
    Problem::from(problem::INTERNAL).into_response()
}

async fn observe(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = known_method(request.method());
    // The route's template, never the path: a label per id would be a series per id.
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!(
        "http request", otel.name = %format_args!("{method} {route}"), otel.kind = "server", trace_id = Empty,
        http.request.method = method, http.route = route, http.response.status_code = Empty,
    );
    platform_telemetry::propagation::continue_from_headers(&span, request.headers());
    let trace_id = platform_telemetry::propagation::trace_id(&span);
    if let Some(trace_id) = &trace_id {
        span.record("trace_id", trace_id);
    }
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if let Some(value) = trace_id.and_then(|id| HeaderValue::try_from(id).ok()) {
        response.headers_mut().insert(TRACE_ID_HEADER, value);
    }
    let seconds = begun.elapsed().as_secs_f64();
    span.in_scope(|| log(status, seconds));
    let labels = [("method", method.to_owned()), ("route", route), ("status", status.as_str().to_owned())];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", &labels).record(seconds);
    response
}

fn log(status: StatusCode, seconds: f64) {
    let milliseconds = (seconds * 1e6).round() / 1e3;
    if status.is_server_error() {
        tracing::warn!(status = status.as_u16(), milliseconds, "answered");
    } else {
        tracing::debug!(status = status.as_u16(), milliseconds, "answered");
    }
}

/// Methods are free text: only known ones become a label.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
