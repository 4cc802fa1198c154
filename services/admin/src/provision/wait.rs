//! Waiting for a server that is only just starting.

use std::fmt::Display;
use std::time::{Duration, Instant};

use super::ProvisionError;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// One attempt is given up after this long: a name that resolves to a pod that is gone answers never.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(5);

/// Repeats `connect` until it succeeds, fails for good, or `patience` is over.
pub(super) async fn until_it_answers<T, E, C>(
    server: &'static str,
    patience: Duration,
    for_good: impl Fn(&E) -> bool,
    mut connect: C,
) -> Result<T, ProvisionError>
where
    C: AsyncFnMut() -> Result<T, E>,
    E: Display,
{
    let started = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let (last, hopeless) = match tokio::time::timeout(ATTEMPT_LIMIT, connect()).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => (error.to_string(), for_good(&error)),
            Err(_) => ("no answer to an attempt to connect".to_owned(), false),
        };
        if hopeless || started.elapsed() + pause > patience {
            let seconds = started.elapsed().as_secs();
            return Err(ProvisionError::NoAnswer { server, seconds, last });
        }
        tracing::info!(server, last, "waiting for the server");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_comes_up_later_is_waited_for() {
        let mut attempts = 0;
        let answer = until_it_answers(
            "test",
            Duration::from_secs(60),
            |_: &&str| false,
            async || {
                attempts += 1;
                if attempts < 5 { Err("starting") } else { Ok(attempts) }
            },
        );
        assert_eq!(answer.await.unwrap(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_with_the_last_reason() {
        let never =
            until_it_answers("test", Duration::from_secs(5), |_: &&str| false, async || Err::<(), _>("away"));
        assert!(never.await.unwrap_err().to_string().ends_with("away"));
    }
}
