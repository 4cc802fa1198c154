//! HTTP/2 as h2spec sees it, in the clear and over TLS.

use std::path::Path;
use std::process::Stdio;

use crate::support::{Running, routes, start, telling};
use crate::tls::served;

/// What h2spec finds wrong each time. It sends frames to streams that the gateway may have answered a moment before, so
/// what is found now and then is the order in which they met.
async fn found(running: &Running, arguments: &[&str], expected: &[&str]) -> Vec<String> {
    let mut always = checked(running, arguments).await;
    for _ in 0..2 {
        if always == expected {
            break;
        }
        let again = checked(running, arguments).await;
        always.retain(|failed| again.contains(failed));
    }
    always
}

/// The names of the checks that failed, of at least 145.
async fn checked(running: &Running, arguments: &[&str]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/h2spec/build.sh");
    let built = tokio::process::Command::new("bash").arg(script).stderr(Stdio::inherit()).output();
    let built = built.await.unwrap();
    assert!(built.status.success(), "h2spec can't be built");
    let program = String::from_utf8(built.stdout).unwrap();
    let port = running.address().port().to_string();
    // It waits so many seconds for what should come, so a busy machine is no failure.
    let output = tokio::process::Command::new(program.trim())
        .args(["--host", "127.0.0.1", "--port", &port, "--path", "/open", "--timeout", "20"])
        .args(arguments)
        .output();
    let text = String::from_utf8(output.await.unwrap().stdout).unwrap();
    let (_, failures) = text.split_once("Failures:").unwrap_or_default();
    let failed = failures.lines().filter_map(|line| line.trim().strip_prefix("× ").map(str::to_owned));
    let counts = text.lines().last().unwrap_or_default();
    let count = counts.split(' ').next().and_then(|count| count.parse().ok());
    let count: usize = count.unwrap_or_else(|| panic!("h2spec says no count: {text}"));
    assert!(counts.contains(" 0 skipped"), "{counts}");
    assert!(count >= 145, "{count}");
    failed.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn h2spec_finds_nothing_in_the_clear_but_that_http_1_is_spoken_too() {
    let running = start(&routes(telling().await), &[]).await;
    // Whoever does not begin as HTTP/2 does speaks HTTP/1.1 there, and is answered a 400 in it before the connection
    // ends. h2spec would have it end without a word.
    let expected = ["2: Sends invalid connection preface"];
    assert_eq!(found(&running, &[], &expected).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn h2spec_finds_nothing_over_tls() {
    let (running, _folder, _) = served().await;
    assert_eq!(found(&running, &["--tls", "--insecure"], &[]).await, [""; 0]);
}
