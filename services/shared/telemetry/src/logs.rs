//! The subscriber that writes log lines and feeds spans to OpenTelemetry.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::{LogFormat, TelemetryError, TelemetrySettings};

/// Checks filter directives while the configuration is parsed, so that a wrong one names its key.
pub(crate) fn directives(text: &str) -> Result<String, String> {
    let text = platform_config::non_empty(text)?;
    EnvFilter::try_new(&text).map_err(|error| error.to_string())?;
    Ok(text)
}

pub(crate) fn install(
    name: &'static str,
    settings: &TelemetrySettings,
    traces: &SdkTracerProvider,
) -> Result<(), TelemetryError> {
    let filter = EnvFilter::new(&settings.log_level);
    let lines = match settings.log_format {
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(std::io::stderr)
            .boxed(),
        LogFormat::Text => fmt::layer().with_target(false).with_writer(std::io::stderr).boxed(),
    };
    let spans = tracing_opentelemetry::layer().with_tracer(traces.tracer(name));
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .with(spans)
        .try_init()
        .map_err(|error| TelemetryError::AlreadyRunning(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::directives;

    #[test]
    fn wrong_directives_are_refused_while_parsing() {
        assert!(directives("info,sqlx=warn").is_ok());
        assert!(directives("").is_err());
        assert!(directives("order=shouting").is_err());
    }
}
