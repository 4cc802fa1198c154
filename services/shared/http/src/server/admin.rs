//! The admin listener: probes and metrics, apart from the API so that no caller ever reaches them.

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use http::{StatusCode, header};
use platform_telemetry::MetricsHandle;

use super::Readiness;

/// `/livez` (the process runs), `/readyz` (each dependency; 503 when one that is required is away) and
/// `/metrics` (Prometheus text).
pub fn admin_router(readiness: Readiness, metrics: MetricsHandle) -> Router {
    let readyz = move || {
        let report = readiness.report();
        let status = if report.ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        async move { (status, axum::Json(report)).into_response() }
    };
    let metrics = move || {
        let text = metrics.render();
        async move { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text) }
    };
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
}
