//! Logs, traces and metrics of every component.
//!
//! [`init`] is called once by a binary's `main`, before anything is logged. Logs are JSON lines in the
//! cluster and readable text on a terminal; each line inside a request carries its trace id. Spans go to an
//! OTLP collector when one is configured; trace context travels either way. This crate never sees payloads:
//! what is logged is decided by the caller, and personal data, tokens and card numbers never are.

mod context;
mod logs;
mod metrics;
pub mod propagation;
mod traces;

pub use crate::metrics::{MetricsHandle, REQUEST_SECONDS_BUCKETS};

use platform_config::non_empty;

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Text,
}

/// Settings of logs and traces.
#[derive(Clone, Debug, clap::Args)]
pub struct TelemetrySettings {
    /// What is logged: a level (error, warn, info, debug, trace) or directives such as `info,sqlx=warn`.
    #[arg(long, env, default_value = "info", value_parser = logs::directives)]
    pub log_level: String,

    /// The form of log lines.
    #[arg(long, env, default_value = "json")]
    pub log_format: LogFormat,

    /// Base address of an OTLP/HTTP collector for traces, such as http://otel-collector:4318. Absent: spans
    /// are not exported, trace context is still passed on.
    #[arg(long, env, value_parser = non_empty)]
    pub otlp_endpoint: Option<String>,
}

/// Why telemetry can't start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The exporter refused its configuration.
    #[error("OTLP_ENDPOINT: {0}")]
    Exporter(String),
    /// Telemetry was started twice in one process.
    #[error("telemetry is already running: {0}")]
    AlreadyRunning(String),
}

/// Running telemetry. Dropping it flushes the spans that are still queued.
#[must_use = "dropping it ends telemetry"]
pub struct Telemetry {
    /// Where spans are collected.
    traces: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
    /// Renders the metrics for `/metrics`.
    pub metrics: MetricsHandle,
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        // Nobody is left to tell when this fails: the process is about to end.
        drop(self.traces.as_ref().map(opentelemetry_sdk::trace::SdkTracerProvider::shutdown));
    }
}

/// Starts logs, traces and metrics for the component `name`, once a process.
///
/// # Errors
/// When the OTLP endpoint can't be used, or when telemetry runs already.
pub fn init(name: &'static str, settings: &TelemetrySettings) -> Result<Telemetry, TelemetryError> {
    let endpoint = settings.otlp_endpoint.as_deref();
    let traces = endpoint.map(|endpoint| traces::provider(name, endpoint)).transpose()?;
    logs::install(name, settings, traces.as_ref())?;
    let metrics = metrics::install()?;
    Ok(Telemetry { traces, metrics })
}
