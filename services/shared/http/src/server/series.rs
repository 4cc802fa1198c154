//! The metrics of requests. A series is looked up in the recorder once, since that takes several allocations.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use http::StatusCode;
use metrics::{Counter, Histogram};

/// The series of one route.
type OfRoute = Vec<(&'static str, StatusCode, Counter, Histogram)>;

/// The series that were met, by route. There are as many as there are routes, known methods and statuses.
#[derive(Default)]
pub(super) struct AllSeries(RwLock<HashMap<String, OfRoute>>);

impl AllSeries {
    /// Counts a request.
    pub(super) fn record(&self, method: &'static str, route: &str, status: StatusCode, elapsed: Duration) {
        let count = |counter: &Counter, histogram: &Histogram| {
            counter.increment(1);
            histogram.record(elapsed.as_secs_f64());
        };
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let found = known.get(route).and_then(|of_route| find(of_route, method, status));
            if let Some((.., counter, histogram)) = found {
                return count(counter, histogram);
            }
        }
        let labels = [
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", status.as_str().to_owned()),
        ];
        let counter = metrics::counter!("http_requests_total", &labels);
        let histogram = metrics::histogram!("http_request_duration_seconds", &labels);
        count(&counter, &histogram);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let of_route = known.entry(route.to_owned()).or_default();
        if find(of_route, method, status).is_none() {
            of_route.push((method, status, counter, histogram));
        }
    }
}

fn find<'a>(
    of_route: &'a OfRoute,
    method: &str,
    status: StatusCode,
) -> Option<&'a (&'static str, StatusCode, Counter, Histogram)> {
    of_route.iter().find(|(known, code, ..)| *known == method && *code == status)
}
