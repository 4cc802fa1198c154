//! The Prometheus recorder behind the `metrics` facade.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::TelemetryError;

/// Upper bounds, in seconds, of every `…_seconds` histogram: from a cached read to the longest timeout.
pub const REQUEST_SECONDS_BUCKETS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Renders all metrics of the process in Prometheus' text format.
#[derive(Clone)]
pub struct MetricsHandle {
    recorder: PrometheusHandle,
    process: std::sync::Arc<metrics_process::Collector>,
}

impl MetricsHandle {
    /// The text for `/metrics`, with the process's own figures read now.
    #[must_use]
    pub fn render(&self) -> String {
        self.process.collect();
        self.recorder.run_upkeep();
        self.recorder.render()
    }

    /// Sums up the samples that histograms hold, so that they take no memory until the next scrape.
    pub fn upkeep(&self) {
        self.recorder.run_upkeep();
    }

    /// A handle that is not installed as the process's recorder, for tests that run several servers.
    #[must_use]
    pub fn detached() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder().handle();
        Self { recorder, process: std::sync::Arc::default() }
    }
}

pub(crate) fn install() -> Result<MetricsHandle, TelemetryError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), REQUEST_SECONDS_BUCKETS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| TelemetryError::AlreadyRunning(error.to_string()))?;
    let process = metrics_process::Collector::default();
    process.describe();
    Ok(MetricsHandle { recorder, process: std::sync::Arc::new(process) })
}
