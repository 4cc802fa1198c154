//! Requests for the same thing at the same time: one goes to the upstream, the others wait for what it gets.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use platform_http::Problem;
use tokio::sync::watch;
use tokio::time::Instant;

use super::variant::Variant;

/// How the one request ended, for those who waited for it.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// Whoever it matches may use it, fresh or not: it was made while they waited.
    Kept(Arc<Variant>),
    /// It is for its own client only.
    Passed,
    /// There is no answer.
    Failed(Problem),
    /// Its client went away before there was one: another one goes.
    Gone,
}

/// One request on its way.
#[derive(Debug)]
pub(super) struct Flight {
    begun: Instant,
    outcome: watch::Sender<Option<Outcome>>,
}

/// All requests that somebody could wait for.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Box<str>, Arc<Flight>>>);

/// The place of the one that goes. Dropped without an outcome, another one goes.
#[derive(Debug)]
pub(super) struct Lead {
    flights: Arc<Flights>,
    key: Box<str>,
    flight: Arc<Flight>,
}

/// What a request does.
pub(super) enum Seat {
    Lead(Lead),
    Wait(Arc<Flight>),
}

impl Flights {
    /// Leads when nobody else does.
    pub(super) fn join(self: &Arc<Self>, key: &str) -> Seat {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match flights.entry(key.into()) {
            Entry::Occupied(known) => Seat::Wait(known.get().clone()),
            Entry::Vacant(place) => {
                let flight = Arc::new(Flight { begun: Instant::now(), outcome: watch::Sender::new(None) });
                place.insert(flight.clone());
                Seat::Lead(Lead { flights: self.clone(), key: key.into(), flight })
            }
        }
    }
}

impl Flight {
    /// How it ended; `None` when it takes longer than `most` in all. Whoever comes later waits less, so that
    /// one slow answer holds nobody up for long.
    pub(super) async fn ended(&self, most: Duration) -> Option<Outcome> {
        let mut outcome = self.outcome.subscribe();
        let ended = tokio::time::timeout_at(self.begun + most, outcome.wait_for(Option::is_some)).await;
        match ended {
            Ok(Ok(outcome)) => outcome.clone(),
            // The sender lives in this value.
            Ok(Err(_)) | Err(_) => None,
        }
    }
}

impl Lead {
    pub(super) fn end(self, outcome: Outcome) {
        self.tell(outcome);
    }

    fn tell(&self, outcome: Outcome) {
        let mut flights = self.flights.0.lock().unwrap_or_else(PoisonError::into_inner);
        if flights.get(&self.key).is_some_and(|own| Arc::ptr_eq(own, &self.flight)) {
            flights.remove(&self.key);
        }
        drop(flights);
        self.flight.outcome.send_if_modified(|told| {
            let first = told.is_none();
            if first {
                *told = Some(outcome);
            }
            first
        });
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.tell(Outcome::Gone);
    }
}
