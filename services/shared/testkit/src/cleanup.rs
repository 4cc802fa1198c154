//! Removes what a test made when its value is dropped, where nothing can be awaited.

use std::time::Duration;

/// Longest time that a drop may take. What is not removed by then is removed by a later run.
const AT_MOST: Duration = Duration::from_secs(5);

/// Runs `task` to its end on a thread and runtime of its own, so that it works inside and outside of any
/// runtime, also while the test panics. Failures are of no interest: a later run cleans up by name.
pub(crate) fn run<F>(task: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let thread = std::thread::spawn(move || {
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
            let _ = runtime.block_on(async { tokio::time::timeout(AT_MOST, task).await });
        }
    });
    let _ = thread.join();
}
