//! A time limit for what is nearly always much quicker. One look a second at all that waits costs less than a
//! timer for each: only what a look finds for the second time gets one.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use slab::Slab;
use tokio::task::coop::Unconstrained;
use tokio::time::{Instant, Sleep};

/// Looks come every second, and what waits is seen by the second one of them at the latest.
pub(crate) const LOOK: Duration = Duration::from_secs(1);
const SEEN_AFTER: Duration = Duration::from_secs(2);

/// What waits on one thread.
#[derive(Debug, Default)]
pub(crate) struct Patience(RefCell<Slab<Waiting>>);

#[derive(Debug)]
struct Waiting {
    waker: Waker,
    seen: bool,
    /// Woken to set a timer.
    late: bool,
}

/// The time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Late;

impl Patience {
    /// Lets `work` take until `limit` after `begun`, which is now or was a moment ago.
    ///
    /// # Errors
    /// [`Late`]; `work` is the caller's to drop.
    pub(crate) async fn within<F: Future>(
        &self,
        begun: Instant,
        limit: Duration,
        mut work: Pin<&mut F>,
    ) -> Result<F::Output, Late> {
        let mut place = Place { patience: self, key: None };
        // Whatever takes all of a turn must not take the clock's look, too.
        let timer = || Box::pin(tokio::task::unconstrained(tokio::time::sleep_until(begun + limit)));
        // A limit that may be over before it is seen to wait.
        let mut timed: Option<Pin<Box<Unconstrained<Sleep>>>> = (limit <= SEEN_AFTER).then(timer);
        std::future::poll_fn(|context| {
            if let Poll::Ready(output) = work.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            if timed.is_none() && place.is_late(context) {
                timed = Some(timer());
            }
            match &mut timed {
                Some(timed) => timed.as_mut().poll(context).map(|()| Err(Late)),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// The look: to be taken every [`LOOK`].
    pub(crate) fn look(&self) {
        for (_, waiting) in self.0.borrow_mut().iter_mut().filter(|(_, it)| !it.late) {
            if waiting.seen {
                waiting.late = true;
                waiting.waker.wake_by_ref();
            }
            waiting.seen = true;
        }
    }
}

/// A place among what waits, until it is dropped.
struct Place<'a> {
    patience: &'a Patience,
    key: Option<usize>,
}

impl Place<'_> {
    /// Whether this waits long enough for a timer. Takes the place when there is none yet.
    fn is_late(&mut self, context: &Context<'_>) -> bool {
        let mut places = self.patience.0.borrow_mut();
        match self.key.and_then(|key| places.get_mut(key)) {
            Some(waiting) => {
                waiting.waker.clone_from(context.waker());
                waiting.late
            }
            None => {
                let waiting = Waiting { waker: context.waker().clone(), seen: false, late: false };
                self.key = Some(places.insert(waiting));
                false
            }
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.patience.0.borrow_mut().try_remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn what_takes_too_long_ends_and_leaves_no_trace() {
        let patience = Patience::default();
        let limit = Duration::from_secs(5);
        let begun = Instant::now().checked_sub(limit).unwrap();
        assert_eq!(patience.within(begun, limit, pin!(async { 1 })).await, Ok(1));
        let never = pin!(std::future::pending::<()>());
        let mut waits = Box::pin(patience.within(begun, limit, never));
        // It is over already, and seen to be once it was there for two looks.
        for _ in 0..2 {
            assert!(waits.as_mut().now_or_never().is_none());
            patience.look();
        }
        assert_eq!(waits.as_mut().await, Err(Late));
        drop(waits);
        assert!(patience.0.borrow().is_empty());
    }
}
