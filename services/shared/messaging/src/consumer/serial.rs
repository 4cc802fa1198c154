//! Side by side for different keys, one after the other for one key.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::ConsumerError;

type Job<T> = Arc<dyn Fn(T) -> Pin<Box<dyn Future<Output = Result<(), ConsumerError>> + Send>> + Send + Sync>;

/// Runs a job for each item. How many there are at once is bounded by the broker's prefetch.
pub(super) struct Serial<T> {
    /// A key is here as long as one of its items runs.
    waiting: HashMap<String, VecDeque<(T, Job<T>)>>,
    running: JoinSet<(String, Result<(), ConsumerError>)>,
}

impl<T> Default for Serial<T> {
    fn default() -> Self {
        Self { waiting: HashMap::new(), running: JoinSet::new() }
    }
}

impl<T: Send + 'static> Serial<T> {
    /// Starts `job` with `item`, now or when the earlier ones of `key` are done.
    pub(super) fn push<F>(&mut self, key: String, item: T, job: impl Fn(T) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), ConsumerError>> + Send + 'static,
    {
        let job: Job<T> = Arc::new(move |item| Box::pin(job(item)));
        if let Some(queue) = self.waiting.get_mut(&key) {
            queue.push_back((item, job));
        } else {
            self.waiting.insert(key.clone(), VecDeque::new());
            self.start(key, item, &job);
        }
    }

    /// The result of the next job that ends; `None` when none runs. Starts the next one of its key.
    pub(super) async fn next_done(&mut self) -> Option<Result<(), ConsumerError>> {
        // A job never panics (it catches the handler's) and is aborted only by `drain`.
        let (key, result) = self.running.join_next().await?.ok()?;
        match self.waiting.get_mut(&key).and_then(VecDeque::pop_front) {
            Some((item, job)) => self.start(key, item, &job),
            None => drop(self.waiting.remove(&key)),
        }
        Some(result)
    }

    /// Drops what waits and lets what runs end, for at most `limit`.
    pub(super) async fn drain(mut self, limit: Duration) {
        self.waiting.clear();
        let all = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, all).await.is_err() {
            tracing::warn!("handlers were stopped: they did not end within {} s", limit.as_secs());
        }
    }

    fn start(&mut self, key: String, item: T, job: &Job<T>) {
        let running = job(item);
        self.running.spawn(async move { (key, running.await) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[tokio::test]
    async fn one_key_is_serial_and_keys_run_side_by_side() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let both = Arc::new(tokio::sync::Barrier::new(2));
        let mut serial = Serial::default();
        for (key, item) in [("a", 1), ("a", 2), ("b", 10), ("b", 20)] {
            let (log, both) = (log.clone(), both.clone());
            serial.push(key.to_owned(), item, move |item| {
                let (log, both) = (log.clone(), both.clone());
                async move {
                    log.lock().unwrap().push((item, "begins"));
                    // Passes only if a job of the other key runs too.
                    both.wait().await;
                    log.lock().unwrap().push((item, "ends"));
                    Ok(())
                }
            });
        }
        while let Some(done) = serial.next_done().await {
            done.unwrap();
        }
        let log = log.lock().unwrap();
        let at = |what| log.iter().position(|it| *it == what).unwrap();
        assert!(at((1, "ends")) < at((2, "begins")));
        assert!(at((10, "ends")) < at((20, "begins")));
        assert!(serial.waiting.is_empty());
    }

    #[tokio::test]
    async fn draining_ends_what_runs_and_starts_nothing() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut serial = Serial::default();
        for item in [1, 2] {
            let log = log.clone();
            serial.push("a".to_owned(), item, move |item| {
                let log = log.clone();
                async move {
                    tokio::task::yield_now().await;
                    log.lock().unwrap().push(item);
                    Ok(())
                }
            });
        }
        serial.drain(Duration::from_secs(5)).await;
        assert_eq!(*log.lock().unwrap(), [1]);
    }
}
