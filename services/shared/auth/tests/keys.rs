//! Where the keys come from: a server that may be late, be away, take keys back and bring new ones.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use platform_auth::{Authenticator, Invalid, KeyFetcher, Keys, Rejection};
use platform_testkit::{TestIssuer, eventually};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(10);
const OFTEN: Duration = Duration::from_millis(20);
const NEVER: Duration = Duration::from_secs(3600);

/// A server that answers with what it is told, and counts.
#[derive(Clone, Default)]
struct Server(Arc<(Mutex<String>, AtomicUsize)>);

impl Server {
    fn answers(&self, document: &str) {
        *self.0.0.lock().unwrap() = document.to_owned();
    }

    fn has(&self, issuers: &[&TestIssuer]) {
        let keys: Vec<_> = issuers.iter().map(|issuer| issuer.jwk()).collect();
        self.answers(&json!({ "keys": keys }).to_string());
    }

    fn looks(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/identity/jwks", get(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        format!("http://{address}/identity/jwks")
    }
}

async fn answer(State(server): State<Server>) -> Result<String, StatusCode> {
    server.0.1.fetch_add(1, Ordering::SeqCst);
    let document = server.0.0.lock().unwrap().clone();
    if document.is_empty() { Err(StatusCode::INTERNAL_SERVER_ERROR) } else { Ok(document) }
}

/// A service that looks at `uri`.
struct Service {
    authenticator: Authenticator,
    stop: CancellationToken,
}

impl Service {
    fn start(uri: &str, interval: Duration) -> Self {
        let keys = Keys::default();
        let fetcher = KeyFetcher::new(keys.clone(), &uri.parse().unwrap()).unwrap().every(interval);
        let stop = CancellationToken::new();
        tokio::spawn(fetcher.run(stop.clone()));
        Self { authenticator: Authenticator::new("http://localhost:8080/identity", "order", keys), stop }
    }

    async fn accepts(&self, token: &str) {
        eventually(SOON, || async { self.authenticator.verify(token).await.map(drop) }).await;
    }

    async fn refuses(&self, token: &str, reason: Invalid) {
        eventually(SOON, || async {
            let outcome = self.authenticator.verify(token).await.map(drop);
            if outcome == Err(Rejection::Invalid(reason)) { Ok(()) } else { Err(outcome) }
        })
        .await;
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn token(issuer: &TestIssuer) -> String {
    issuer.user("order", Uuid::now_v7()).sign()
}

#[tokio::test]
async fn a_removed_key_is_refused_and_a_new_one_accepted() {
    let (old, new) = (TestIssuer::new(), TestIssuer::new());
    let server = Server::default();
    server.has(&[&old]);
    let service = Service::start(&server.start().await, OFTEN);
    let token_of_old = token(&old);
    service.accepts(&token_of_old).await;

    server.has(&[&old, &new]);
    service.accepts(&token(&new)).await;
    service.accepts(&token_of_old).await;
    server.has(&[&new]);
    service.refuses(&token_of_old, Invalid::UnknownKey).await;
    service.accepts(&token(&new)).await;
}

#[tokio::test]
async fn unknown_keys_cause_one_look_a_minute_whoever_invents_them() {
    let (known, late) = (TestIssuer::new(), TestIssuer::new());
    let server = Server::default();
    server.has(&[&known]);
    let service = Service::start(&server.start().await, NEVER);
    service.accepts(&token(&known)).await;
    assert_eq!(server.looks(), 1);

    // A key that skipped its day of notice is found by the first token that names it, at once.
    server.has(&[&known, &late]);
    service.authenticator.verify(&token(&late)).await.unwrap();
    assert_eq!(server.looks(), 2);

    let invented = (0..500).map(|_| {
        let (authenticator, token) = (service.authenticator.clone(), token(&TestIssuer::new()));
        tokio::spawn(async move { authenticator.verify(&token).await.map(drop) })
    });
    for attempt in invented.collect::<Vec<_>>() {
        assert_eq!(attempt.await.unwrap(), Err(Rejection::Invalid(Invalid::UnknownKey)));
    }
    assert_eq!(server.looks(), 2, "invented keys caused traffic");
}

#[tokio::test]
async fn tokens_that_wait_for_the_same_look_are_all_accepted() {
    let (known, late) = (TestIssuer::new(), TestIssuer::new());
    let server = Server::default();
    server.has(&[&known]);
    let service = Service::start(&server.start().await, NEVER);
    service.accepts(&token(&known)).await;
    server.has(&[&known, &late]);
    let waiting = (0..20).map(|_| {
        let (authenticator, token) = (service.authenticator.clone(), token(&late));
        tokio::spawn(async move { authenticator.verify(&token).await.map(drop) })
    });
    for attempt in waiting.collect::<Vec<_>>() {
        assert_eq!(attempt.await.unwrap(), Ok(()));
    }
    assert_eq!(server.looks(), 2);
}

#[tokio::test]
async fn keys_that_are_late_are_waited_for() {
    let issuer = TestIssuer::new();
    let server = Server::default();
    let service = Service::start(&server.start().await, NEVER);
    assert_eq!(service.authenticator.verify(&token(&issuer)).await.unwrap_err(), Rejection::NoKeys);
    server.has(&[&issuer]);
    service.accepts(&token(&issuer)).await;
}

#[tokio::test]
async fn the_last_good_keys_serve_while_the_provider_answers_rubbish() {
    let issuer = TestIssuer::new();
    let server = Server::default();
    server.has(&[&issuer]);
    let service = Service::start(&server.start().await, OFTEN);
    service.accepts(&token(&issuer)).await;
    let large = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(100_000));
    for rubbish in ["", "<html>", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"RSA"}]}"#, &large] {
        server.answers(rubbish);
        let before = server.looks();
        eventually(SOON, || async { server.looks() > before + 1 }).await;
        service.authenticator.verify(&token(&issuer)).await.unwrap();
    }
}

#[tokio::test]
async fn a_file_is_there_at_once_and_looked_at_again() {
    let (old, new) = (TestIssuer::new(), TestIssuer::new());
    let file = tempfile::NamedTempFile::new().unwrap();
    let write = |issuer: &TestIssuer| {
        std::fs::write(file.path(), json!({ "keys": [issuer.jwk()] }).to_string()).unwrap();
    };
    write(&old);
    let service = Service::start(&format!("file://{}", file.path().display()), OFTEN);
    let token_of_old = token(&old);
    service.authenticator.verify_now(&token_of_old).unwrap();
    write(&new);
    service.refuses(&token_of_old, Invalid::UnknownKey).await;
    service.accepts(&token(&new)).await;
}
