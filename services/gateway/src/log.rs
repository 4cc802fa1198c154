//! The phase *log*: a metric for each request, a line for those that somebody will ask about.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;
use http::{Method, StatusCode};
use metrics::{Counter, Histogram};
use tracing::Span;
use tracing::field::Empty;

/// Slower than this is always logged.
const SLOW: Duration = Duration::from_secs(1);

/// The rule by which requests are logged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log {
    /// The share of unremarkable requests, 0 to 1, in units of 2⁻⁶⁴.
    threshold: u64,
    /// The share of requests that are traced, in the same units.
    traced: u64,
}

impl Log {
    /// Both are between 0 and 1.
    pub(crate) fn new(logged: f64, traced: f64) -> Self {
        Self { threshold: threshold(logged), traced: threshold(traced) }
    }

    /// A span for a request that is traced, none for the others: spans cost more than all else here.
    pub(crate) fn span(self, dice: u64, method: &Method) -> Span {
        if dice >= self.traced {
            return Span::none();
        }
        let method = known_method(method);
        tracing::info_span!(
            parent: None, "http request", otel.name = method, otel.kind = "server", trace_id = Empty,
            http.request.method = method, http.route = Empty, http.response.status_code = Empty,
        )
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the cast saturates, which is what is wanted"
)]
fn threshold(ratio: f64) -> u64 {
    (ratio.clamp(0.0, 1.0) * u64::MAX as f64) as u64
}

/// Stands in logs and metrics where there was no answer, since the client did not wait for it. nginx's number; no
/// client ever sees it.
pub(crate) fn client_gone() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

/// What is known about a request when its answer begins, or its client has gone.
pub(crate) struct Visit<'a> {
    pub(crate) method: &'a Method,
    pub(crate) route: &'a str,
    pub(crate) index: Option<usize>,
    pub(crate) request_id: &'a str,
    pub(crate) trace_id: &'a str,
    pub(crate) client: Option<&'a str>,
    pub(crate) status: StatusCode,
    pub(crate) elapsed: Duration,
}

/// The metrics of one thread: looking them up by their labels each time would cost more than they do.
#[derive(Default)]
pub(crate) struct Seen(RefCell<HashMap<Series, (Counter, Histogram), RandomState>>);

/// A route's place in the table, a method and a status.
type Series = (usize, &'static str, u16);

impl Seen {
    /// Indexes mean other routes now.
    pub(crate) fn forget(&self) {
        self.0.borrow_mut().clear();
    }

    /// Records a request whose answer begins. `dice` is a random number.
    pub(crate) fn record(&self, log: Log, dice: u64, visit: &Visit<'_>) {
        let method = known_method(visit.method);
        let key = (visit.index.unwrap_or(usize::MAX), method, visit.status.as_u16());
        let mut seen = self.0.borrow_mut();
        let (counter, histogram) = seen.entry(key).or_insert_with(|| {
            let labels = [
                ("method", method.to_owned()),
                ("route", visit.route.to_owned()),
                ("status", visit.status.as_str().to_owned()),
            ];
            let counter = metrics::counter!("http_requests_total", &labels);
            (counter, metrics::histogram!("http_request_duration_seconds", &labels))
        });
        counter.increment(1);
        histogram.record(visit.elapsed.as_secs_f64());
        line(log, dice, method, visit);
    }
}

/// Never the path, the query or the client's address: all may hold what must not be in a log. Who asked is told by the
/// client's name, and found out through the ids where somebody needs to know.
fn line(log: Log, dice: u64, method: &'static str, visit: &Visit<'_>) {
    let wrong = visit.status.is_server_error() || visit.elapsed > SLOW;
    if !wrong && dice >= log.threshold {
        return;
    }
    let Visit { route, request_id, trace_id, client, .. } = *visit;
    let client = client.unwrap_or("-");
    let status = visit.status.as_u16();
    let milliseconds = (visit.elapsed.as_secs_f64() * 1e6).round() / 1e3;
    // One who left had no answer.
    let what = if visit.status == client_gone() { "left" } else { "answered" };
    if wrong {
        tracing::warn!(method, route, status, milliseconds, client, request_id, trace_id, "{what}");
    } else {
        tracing::info!(method, route, status, milliseconds, client, request_id, trace_id, "{what}");
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
