//! The subscriber that writes log lines and feeds spans to OpenTelemetry.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::{LogFormat, TelemetryError, TelemetrySettings};

/// Where lapin writes whole messages: what the broker returned as a warning, frames at level trace. Bodies hold
/// personal data, so these lines are off whatever LOG_LEVEL says; a returned message is told by its publisher.
const NO_BODIES: &str = "lapin::returned_messages=off,lapin::channels=info,lapin::frames=info";

/// Checks filter directives while the configuration is parsed, so that a wrong one names its key.
pub(crate) fn directives(text: &str) -> Result<String, String> {
    let text = platform_config::non_empty(text)?;
    EnvFilter::try_new(&text).map_err(|error| error.to_string())?;
    Ok(text)
}

/// The filter of these directives, but for message bodies.
fn filter(directives: &str) -> EnvFilter {
    // Of two directives for one target the last counts.
    EnvFilter::new(format!("{directives},{NO_BODIES}"))
}

pub(crate) fn install(
    name: &'static str,
    settings: &TelemetrySettings,
    traces: Option<&SdkTracerProvider>,
) -> Result<(), TelemetryError> {
    let filter = filter(&settings.log_level);
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
    let spans = traces.map(|traces| tracing_opentelemetry::layer().with_tracer(traces.tracer(name)));
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .with(spans)
        .try_init()
        .map_err(|error| TelemetryError::AlreadyRunning(error.to_string()))
}

#[cfg(test)]
mod tests {
    use tracing::Level;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::{directives, filter};

    #[test]
    fn no_level_shows_the_bodies_of_messages() {
        for level in ["info", "trace", "lapin=trace", "lapin::returned_messages=trace,lapin::channels=trace"]
        {
            let subscriber = tracing_subscriber::registry().with(filter(level));
            tracing::subscriber::with_default(subscriber, || {
                assert!(!tracing::enabled!(target: "lapin::returned_messages", Level::ERROR), "{level}");
                assert!(!tracing::enabled!(target: "lapin::channels", Level::TRACE), "{level}");
                assert!(!tracing::enabled!(target: "lapin::frames", Level::TRACE), "{level}");
            });
        }
        let subscriber = tracing_subscriber::registry().with(filter("info"));
        tracing::subscriber::with_default(subscriber, || {
            assert!(tracing::enabled!(target: "order", Level::INFO));
        });
    }

    #[test]
    fn wrong_directives_are_refused_while_parsing() {
        assert!(directives("info,sqlx=warn").is_ok());
        assert!(directives("").is_err());
        assert!(directives("order=shouting").is_err());
    }
}
