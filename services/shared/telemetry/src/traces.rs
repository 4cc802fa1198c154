//! The tracer provider, where spans are exported.

use std::time::Duration;

use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;

use crate::TelemetryError;

/// A collector that does not answer must not hold spans, and so memory, for long.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn provider(name: &'static str, endpoint: &str) -> Result<SdkTracerProvider, TelemetryError> {
    crate::propagation::collected_from_now_on();
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let resource = Resource::builder().with_service_name(name).build();
    let builder = SdkTracerProvider::builder().with_resource(resource);
    let endpoint = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    // The batch processor exports from a thread of its own, so its client is a blocking one; that client
    // starts a runtime, which must not happen on a thread of ours.
    let exporter = std::thread::spawn(move || {
        opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_endpoint(endpoint)
            .with_timeout(EXPORT_TIMEOUT)
            .build()
    })
    .join()
    .map_err(|_| TelemetryError::Exporter("the exporter can't start".to_owned()))?
    .map_err(|error| TelemetryError::Exporter(error.to_string()))?;
    Ok(builder.with_batch_exporter(exporter).build())
}
