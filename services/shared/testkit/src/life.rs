//! What every component's `tests/life.rs` asserts: wrong settings, help, its store away and back, SIGTERM.

use std::net::TcpListener;
use std::time::Duration;

use http::Method;
use serde_json::Value;

use crate::{Api, Binary, eventually, secret_file};

/// A component looks at its dependencies every few seconds, and sooner while one is away.
const NOTICED: Duration = Duration::from_secs(15);

/// Asserts that a binary with `good` settings is refused once one of them is `wrong`, once one that is
/// `required` is missing, and for what is wrong in every component.
///
/// # Panics
/// With the key, when something else happens.
pub async fn refuses(good: &Binary, wrong: &[(&str, &str)], required: &[&str]) {
    let everywhere = [
        ("LISTEN_ADDR", "nowhere"),
        ("LISTEN_ADDR", ""),
        ("ADMIN_ADDR", "127.0.0.1"),
        ("PUBLIC_URL", "courses.example.com"),
        ("REQUEST_TIMEOUT_SECONDS", "soon"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud=shouting"),
    ];
    for (key, value) in everywhere.iter().chain(wrong) {
        good.clone().env(key, value).refuses(key).await;
    }
    for key in required.iter().chain(&["PUBLIC_URL"]) {
        good.clone().without(key).refuses(key).await;
    }
}

/// [`refuses`] for a component that accepts access tokens, which needs the keys for them.
///
/// # Panics
/// With the key, when something else happens.
pub async fn refuses_with_tokens(good: &Binary, wrong: &[(&str, &str)], required: &[&str]) {
    let no_keys = secret_file(r#"{"keys":[]}"#);
    let no_keys = format!("file://{}", no_keys.path().display());
    let keys = [
        ("JWKS_URI", ""),
        ("JWKS_URI", "identity:8080/identity/jwks"),
        ("JWKS_URI", "file:///no/such/file"),
        ("JWKS_URI", no_keys.as_str()),
    ];
    refuses(good, &[wrong, &keys].concat(), &[required, &["JWKS_URI"]].concat()).await;
}

/// Asserts that `--help` documents the settings of every component and these.
///
/// # Panics
/// With the text, when one is missing.
pub async fn help_documents(binary: &Binary, keys: &[&str]) {
    let help = binary.succeeds(&["--help"]).await;
    let everywhere = ["LISTEN_ADDR", "ADMIN_ADDR", "PUBLIC_URL", "OTLP_ENDPOINT", "LOG_LEVEL", "LOG_FORMAT"];
    for key in everywhere.iter().chain(keys) {
        assert!(help.contains(&format!("[env: {key}]")), "{key} is missing in:\n{help}");
    }
}

/// Starts the binary, waits until it is alive, sends SIGTERM and asserts that it ends with success and that
/// no `password` of its settings is in its log.
///
/// # Panics
/// With the log, when something else happens.
pub async fn ends_on_sigterm(binary: Binary) {
    let admin = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address");
    let running = binary.env("ADMIN_ADDR", &admin.to_string()).start();
    let api = Api::new(format!("http://{admin}"));
    let alive = || async {
        let answer = api.try_send(Method::GET, "/livez", None, "").await;
        answer.is_ok_and(|answer| answer.status == 200)
    };
    eventually(NOTICED, alive).await;
    let (code, log) = running.terminate().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("password"), "a secret is in the log: {log}");
}

/// Waits until `/readyz` says ready.
///
/// # Panics
/// When it does not in time.
pub async fn ready(admin: &Api) {
    eventually(NOTICED, || async { admin.get("/readyz").await.status == 200 }).await;
}

/// Waits until `/readyz` says not ready because of `dependency`, while `/livez` stays fine.
///
/// # Panics
/// When it does not in time.
pub async fn not_ready_for(admin: &Api, dependency: &str) {
    eventually(NOTICED, || async {
        let answer = admin.get("/readyz").await;
        answer.status == 503 && is_up(&answer.json(), dependency) == Some(false)
    })
    .await;
    admin.get("/livez").await.assert_status(200);
}

/// Waits until `/readyz` says ready, and that `dependency`, without which it was ready too, is up.
///
/// # Panics
/// When it does not in time.
pub async fn ready_with(admin: &Api, dependency: &str) {
    eventually(NOTICED, || async {
        let answer = admin.get("/readyz").await;
        answer.status == 200 && is_up(&answer.json(), dependency) == Some(true)
    })
    .await;
}

/// Waits until `/readyz` says ready although `dependency` is away.
///
/// # Panics
/// When it does not in time.
pub async fn ready_without(admin: &Api, dependency: &str) {
    eventually(NOTICED, || async {
        let answer = admin.get("/readyz").await;
        answer.status == 200 && is_up(&answer.json(), dependency) == Some(false)
    })
    .await;
}

/// Whether a report of `/readyz` says that a dependency is up; `None` when it does not name it (yet).
fn is_up(report: &Value, dependency: &str) -> Option<bool> {
    let dependencies = report["dependencies"].as_array()?;
    dependencies.iter().find(|it| it["name"] == dependency)?["up"].as_bool()
}
