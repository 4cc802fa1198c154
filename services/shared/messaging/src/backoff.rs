//! How long to wait before the next attempt.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Doubles from `first` to `longest`, each with up to a quarter less, so that replicas do not return in step.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// For a server that is away: a tenth of a second to five seconds.
    pub(crate) fn reconnect() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(5))
    }

    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }

    pub(crate) fn delay(&mut self) -> Duration {
        let delay = self.next.mul_f64(rand::random_range(0.75..=1.0));
        self.next = (self.next * 2).min(self.longest);
        delay
    }

    /// Waits; false when the program is to end.
    pub(crate) async fn wait(&mut self, shutdown: &CancellationToken) -> bool {
        let delay = self.delay();
        tokio::select! {
            () = shutdown.cancelled() => false,
            () = tokio::time::sleep(delay) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_longest_and_start_again() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        for most in [100, 200, 350, 350] {
            let delay = backoff.delay().as_millis();
            assert!((most * 3 / 4..=most).contains(&delay), "{delay} is not just below {most}");
        }
        backoff.reset();
        assert!(backoff.delay() <= Duration::from_millis(100));
    }
}
