//! What surrounds every request: trace, metrics, panics, overload, time and size. One layer, since each costs a
//! request a few allocations.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use http::{HeaderValue, Method, StatusCode, Version, header};
use platform_telemetry::propagation;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::field::{Empty, display};
use tracing::{Instrument as _, Span};

use super::ServerSettings;
use super::series::AllSeries;
use crate::keep::Keep;
use crate::problem::{self, Problem};

/// Where an answer says in which trace its request was handled.
const TRACE_ID_HEADER: &str = "x-trace-id";

/// What all requests share.
struct Surroundings {
    permits: Semaphore,
    limit: Duration,
    body_limit: usize,
    draining: CancellationToken,
    series: AllSeries,
}

/// Surrounds a component's routes with what every request gets. From the outside in: a span that continues
/// the caller's trace, RED metrics by route, 503 for overload, for a late answer, 500 for a panic, and the
/// limit on bodies. Unknown paths and methods answer problems too. What does not say how it is kept must not be. Once `draining` is cancelled, each answer
/// closes its connection, so that clients have left before the listener does.
pub fn with_layers(router: Router, settings: &ServerSettings, draining: &CancellationToken) -> Router {
    let surroundings = Surroundings {
        permits: Semaphore::new(usize::try_from(settings.max_concurrent_requests).unwrap_or(usize::MAX)),
        limit: settings.request_timeout_seconds,
        body_limit: settings.max_body_bytes,
        draining: draining.clone(),
        series: AllSeries::default(),
    };
    router
        .fallback(|| async { Problem::from(problem::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { Problem::from(problem::METHOD_NOT_ALLOWED) })
        .layer(middleware::from_fn_with_state(Arc::new(surroundings), surround))
}

async fn surround(
    State(surroundings): State<Arc<Surroundings>>,
    mut request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let method = known_method(request.method());
    let version = request.version();
    // The route's template, never the path: a label per id would be a series per id.
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("unmatched", MatchedPath::as_str);
    let (span, trace_id) = span(method, route, &request);
    DefaultBodyLimit::max(surroundings.body_limit).apply(&mut request);

    let mut response = answer(&surroundings, request, next).instrument(span.clone()).await;

    let status = response.status();
    let elapsed = begun.elapsed();
    if propagation::is_collected() {
        span.record("http.response.status_code", status.as_u16());
    }
    let headers = response.headers_mut();
    if let Some(value) = trace_id.and_then(|id| HeaderValue::try_from(id).ok()) {
        headers.insert(TRACE_ID_HEADER, value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(Keep::Nothing.value());
    // HTTP/2 says it with a frame of its own when the server stops.
    if surroundings.draining.is_cancelled() && version < Version::HTTP_2 {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    span.in_scope(|| log(status, elapsed));
    surroundings.series.record(method, route, status, elapsed);
    response
}

/// The span of a request, and the id of its trace.
fn span(method: &'static str, route: &str, request: &Request) -> (Span, Option<String>) {
    let incoming = propagation::Incoming::of_headers(request.headers());
    let trace_id = incoming.as_ref().map(propagation::Incoming::trace_id);
    let span = tracing::info_span!(
        "http request",
        otel.name = Empty,
        otel.kind = Empty,
        trace_id = trace_id.as_deref(),
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
    );
    if let Some(incoming) = incoming {
        incoming.attach(&span);
        return (span, trace_id);
    }
    span.record("otel.name", display(format_args!("{method} {route}"))).record("otel.kind", "server");
    propagation::continue_from_headers(&span, request.headers());
    let trace_id = propagation::trace_id(&span);
    if let Some(trace_id) = &trace_id {
        span.record("trace_id", trace_id);
    }
    (span, trace_id)
}

async fn answer(surroundings: &Surroundings, request: Request, next: Next) -> Response {
    let Ok(_permit) = surroundings.permits.try_acquire() else {
        return problem::UNAVAILABLE.detail("too busy right now, try again").retry_after(1).into_response();
    };
    let limit = surroundings.limit;
    match tokio::time::timeout(limit, AssertUnwindSafe(next.run(request)).catch_unwind()).await {
        Ok(Ok(response)) => response,
        Ok(Err(cause)) => panicked(&*cause),
        Err(_) => {
            tracing::warn!(seconds = limit.as_secs_f64(), "request given up: no answer in time");
            problem::UNAVAILABLE.detail("no answer in time, try again").retry_after(1).into_response()
        }
    }
}

fn panicked(cause: &(dyn Any + Send)) -> Response {
    let cause = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("unknown");
    tracing::error!(cause, "request handler panicked");
    Problem::from(problem::INTERNAL).into_response()
}

fn log(status: StatusCode, elapsed: Duration) {
    let milliseconds = || (elapsed.as_secs_f64() * 1e6).round() / 1e3;
    if status.is_server_error() {
        tracing::warn!(status = status.as_u16(), milliseconds = milliseconds(), "answered");
    } else {
        tracing::debug!(status = status.as_u16(), milliseconds = milliseconds(), "answered");
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
