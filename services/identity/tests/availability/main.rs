//! No valid request fails while identity's keys change and its replicas come, leave and die.
//!
//! Real processes on one database; callers that pick a ready replica for each request, as those of a Service do; and
//! a verifier as every component has it. A replica that is told to leave takes nobody's request with it. One that is
//! killed breaks the requests it was answering and no others, and each of those succeeds when it is sent again: also
//! the refresh, whose token may be used up by then.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod callers;
mod replicas;

use std::time::Duration;

use platform_testkit::eventually;

use callers::Callers;
use replicas::Platform;

/// More than any step takes.
const SOON: Duration = Duration::from_secs(30);
/// Requests of each caller that belong to a step.
const EACH: usize = 15;

#[tokio::test]
async fn no_valid_request_fails_while_keys_rotate_and_replicas_come_leave_and_die() {
    let platform = Platform::new().await;
    let first = platform.add().await;
    let second = platform.add().await;
    let callers = Callers::start(&platform).await;
    callers.go_on(EACH).await;
    let old = platform.kids(&first).await;
    assert_eq!(old.len(), 1);

    // A new key, published a day before it signs; who starts from now on knows it at once.
    platform.command("rotate-keys").await;
    let third = platform.add().await;
    platform.leave(first).await;
    let fourth = platform.add().await;
    platform.leave(second).await;
    callers.go_on(EACH).await;
    let both = platform.kids(&third).await;
    assert_eq!(both.len(), 2);
    callers.know_keys(2).await;
    assert_eq!(callers.signers(), old, "a key that has just been made signs nothing");

    // The day passes. Who starts now signs with the new key, while the others go on with the old one for a while.
    platform.let_a_day_pass().await;
    let fifth = platform.add().await;
    eventually(SOON, || async { callers.signers().len() == 2 }).await;
    callers.go_on(EACH).await;

    let broken = callers.broken();
    assert!(broken.is_empty(), "so far nothing may have been sent twice: {broken:?}");
    let killed = platform.kill(third);
    callers.go_on(EACH).await;
    let broken = callers.broken();
    assert!(broken.len() <= callers.number(), "one request at most of each was on its way: {broken:?}");
    assert!(broken.iter().all(|(replica, _)| *replica == killed), "{broken:?}");

    // An emergency: for 90 s what the old keys signed and sign is good.
    platform.command("replace-keys").await;
    let sixth = platform.add().await;
    assert_eq!(platform.kids(&sixth).await.len(), 3);
    platform.leave(fourth).await;
    callers.go_on(EACH).await;

    let (requests, failures) = callers.stop().await;
    assert!(failures.is_empty(), "of {requests} requests failed: {failures:#?}");
    for replica in [fifth, sixth] {
        platform.leave(replica).await;
    }
}
