//! Waiting for an effect without sleeping for a fixed time.

use std::fmt::Debug;
use std::panic::Location;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// What an attempt may answer: `bool`, `Option<T>` or `Result<T, E>`.
pub trait Attempt {
    /// What there is when it succeeded.
    type Value;
    /// The value, or why it is not there yet.
    ///
    /// # Errors
    /// When another attempt is needed.
    fn outcome(self) -> Result<Self::Value, String>;
}

impl Attempt for bool {
    type Value = ();
    fn outcome(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("still false".to_owned()) }
    }
}

impl<T> Attempt for Option<T> {
    type Value = T;
    fn outcome(self) -> Result<T, String> {
        self.ok_or_else(|| "still none".to_owned())
    }
}

impl<T, E: Debug> Attempt for Result<T, E> {
    type Value = T;
    fn outcome(self) -> Result<T, String> {
        self.map_err(|e| format!("{e:?}"))
    }
}

/// Tries until it succeeds, every few milliseconds at first and every 100 ms later.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// # use std::{cell::Cell, time::Duration};
/// # use platform_testkit::eventually;
/// let seen = Cell::new(0);
/// let third = eventually(Duration::from_secs(5), || async {
///     seen.set(seen.get() + 1);
///     (seen.get() == 3).then_some("third time")
/// });
/// assert_eq!(third.await, "third time");
/// # });
/// ```
///
/// # Panics
/// At the caller's line, with the last attempt's answer, when `within` is over. An attempt that hangs is
/// given up then too.
#[track_caller]
pub fn eventually<A, F>(within: Duration, mut attempt: impl FnMut() -> F) -> impl Future<Output = A::Value>
where
    A: Attempt,
    F: Future<Output = A>,
{
    let caller = Location::caller();
    async move {
        let deadline = Instant::now() + within;
        let mut pause = Duration::from_millis(5);
        let mut last = "the first attempt did not end".to_owned();
        loop {
            match tokio::time::timeout_at(deadline, attempt()).await.map(Attempt::outcome) {
                Ok(Ok(value)) => return value,
                Ok(Err(reason)) => last = reason,
                Err(_) => last = format!("the last attempt did not end; before it: {last}"),
            }
            assert!(Instant::now() < deadline, "{caller}: did not happen within {within:?}: {last}");
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[should_panic(expected = "did not happen within 50ms: \"no luck\"")]
    async fn the_last_reason_is_told_when_time_is_over() {
        eventually(Duration::from_millis(50), || async { Err::<(), _>("no luck") }).await;
    }

    #[tokio::test]
    #[should_panic(expected = "did not end")]
    async fn an_attempt_that_hangs_is_given_up() {
        eventually(Duration::from_millis(50), std::future::pending::<bool>).await;
    }
}
