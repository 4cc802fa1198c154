//! How a component gets tokens of its own: asked for once, kept, renewed early, with the secret of the day.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail the test")]

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform_auth::{ClientSettings, ServiceTokens, TokenError};
use platform_http::client::PeerClient;
use platform_testkit::{TcpProxy, eventually, secret_file};
use serde_json::{Value, json};

/// A token endpoint that numbers its tokens.
#[derive(Clone, Default)]
struct Endpoint(Arc<Inner>);

#[derive(Default)]
struct Inner {
    asked: AtomicUsize,
    life: AtomicU32,
    /// What the last request said: its credentials and its body.
    last: Mutex<(String, String)>,
}

impl Endpoint {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/identity/token", post(token)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        format!("http://{address}/identity/token")
    }

    fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }
}

async fn token(
    State(Endpoint(inner)): State<Endpoint>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<Value>, StatusCode> {
    let number = inner.asked.fetch_add(1, Ordering::SeqCst);
    let basic = headers["authorization"].to_str().unwrap().strip_prefix("Basic ").unwrap().to_owned();
    let credentials = String::from_utf8(STANDARD.decode(basic).unwrap()).unwrap();
    *inner.last.lock().unwrap() = (credentials, body);
    match inner.life.load(Ordering::SeqCst) {
        0 => Err(StatusCode::SERVICE_UNAVAILABLE),
        life => Ok(Json(
            json!({ "access_token": number.to_string(), "token_type": "Bearer", "expires_in": life }),
        )),
    }
}

async fn tokens(endpoint: &Endpoint, secret: &tempfile::NamedTempFile) -> ServiceTokens {
    let settings = ClientSettings {
        token_url: endpoint.start().await.parse().unwrap(),
        client_secret_file: secret.path().to_str().unwrap().parse().unwrap(),
    };
    ServiceTokens::new("order", &settings).unwrap()
}

#[tokio::test]
async fn many_who_need_a_token_at_once_ask_once() {
    let (endpoint, secret) = (Endpoint::default(), secret_file("s3cret/+ :\n"));
    endpoint.0.life.store(300, Ordering::SeqCst);
    let tokens = tokens(&endpoint, &secret).await;
    let asking = (0..20).map(|_| {
        let tokens = tokens.clone();
        tokio::spawn(async move { tokens.token("payment.sys.charge").await.unwrap() })
    });
    for asked in asking.collect::<Vec<_>>() {
        assert_eq!(&*asked.await.unwrap(), "0");
    }
    assert_eq!(endpoint.asked(), 1);
    let (credentials, body) = endpoint.0.last.lock().unwrap().clone();
    assert_eq!(credentials, "order:s3cret%2F%2B+%3A");
    assert_eq!(body, "grant_type=client_credentials&scope=payment.sys.charge");

    std::fs::write(secret.path(), "rotated").unwrap();
    assert_eq!(&*tokens.token("basket.sys.read").await.unwrap(), "1", "a token has one scope");
    assert_eq!(endpoint.0.last.lock().unwrap().0, "order:rotated");
    assert_eq!(&*tokens.token("payment.sys.charge").await.unwrap(), "0");
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_and_serves_until_then() {
    let (endpoint, secret) = (Endpoint::default(), secret_file("secret"));
    // Renewed after 1.6 s.
    endpoint.0.life.store(2, Ordering::SeqCst);
    let tokens = tokens(&endpoint, &secret).await;
    assert_eq!(&*tokens.token("a").await.unwrap(), "0");
    assert_eq!(&*tokens.token("a").await.unwrap(), "0");
    eventually(Duration::from_secs(10), || async { &*tokens.token("a").await.unwrap() == "1" }).await;
}

#[tokio::test]
async fn without_the_provider_there_is_an_error_and_then_a_token() {
    let (endpoint, secret) = (Endpoint::default(), secret_file("secret"));
    let tokens = tokens(&endpoint, &secret).await;
    let error = tokens.token("a").await.unwrap_err().to_string();
    assert!(error.contains("identity answered 503") && !error.contains("secret"), "{error}");
    assert!(tokens.token("a").await.is_err());
    assert_eq!(endpoint.asked(), 1, "right after a failure nobody asks again");
    endpoint.0.life.store(300, Ordering::SeqCst);
    eventually(Duration::from_secs(10), || async { tokens.token("a").await.is_ok_and(|it| &*it == "1") })
        .await;
}

#[tokio::test]
async fn of_many_who_wait_for_a_provider_that_hangs_one_asks_and_all_learn_that_it_failed() {
    let (endpoint, secret) = (Endpoint::default(), secret_file("secret"));
    endpoint.0.life.store(300, Ordering::SeqCst);
    let url: url::Url = endpoint.start().await.parse().unwrap();
    let network = TcpProxy::to(format!("127.0.0.1:{}", url.port().unwrap())).await;
    let settings = ClientSettings {
        token_url: format!("http://{}/identity/token", network.address()).parse().unwrap(),
        client_secret_file: secret.path().to_str().unwrap().parse().unwrap(),
    };
    let tokens = ServiceTokens::new("order", &settings).unwrap();
    network.stall();
    let waiting = (0..50).map(|_| {
        let tokens = tokens.clone();
        tokio::spawn(async move { tokens.token("a").await.unwrap_err() })
    });
    let waiting: Vec<_> = waiting.collect();
    // Whoever asked first leaves; the others get their answer all the same.
    waiting[0].abort();
    // Had each asked anew, the last would wait for minutes.
    let all = async {
        let mut failures = Vec::new();
        for one in waiting.into_iter().skip(1) {
            failures.push(one.await.unwrap());
        }
        failures
    };
    let failures = tokio::time::timeout(Duration::from_secs(30), all).await.unwrap();
    let TokenError::Provider(failure) = &failures[0] else { panic!("{:?}", failures[0]) };
    let same = |other: &TokenError| matches!(other, TokenError::Provider(it) if Arc::ptr_eq(it, failure));
    assert!(failures.iter().all(same), "they waited for one request");

    network.heal();
    eventually(Duration::from_secs(10), || async { tokens.token("a").await.is_ok() }).await;
    assert!(endpoint.asked() <= 2, "the one that hung may arrive late, and the one that helped");
}

/// A peer that accepts every token but these.
async fn peer(refused: &'static [&'static str]) -> PeerClient {
    let answer = move |headers: HeaderMap| async move {
        let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
        if refused.contains(&token.as_str()) { Err(StatusCode::UNAUTHORIZED) } else { Ok(Json(json!(token))) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/thing", get(answer))).await });
    PeerClient::new("catalog", url.parse().unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_that_is_refused_is_dropped_and_a_new_one_is_asked_for_once() {
    let (endpoint, secret) = (Endpoint::default(), secret_file("secret"));
    endpoint.0.life.store(300, Ordering::SeqCst);
    let tokens = tokens(&endpoint, &secret).await;
    let catalog = peer(&["0"]).await;
    let calls = (0..20).map(|_| {
        let (tokens, catalog) = (tokens.clone(), catalog.clone());
        tokio::spawn(async move { tokens.get_json::<String>("a", &catalog, "/thing").await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), "1");
    }
    assert_eq!(endpoint.asked(), 2, "of many who are refused one asks");

    let strict = peer(&["1", "2"]).await;
    let error = tokens.get_json::<String>("a", &strict, "/thing").await.unwrap_err();
    assert_eq!((error.status(), endpoint.asked()), (Some(StatusCode::UNAUTHORIZED), 3));
}

#[tokio::test]
async fn what_the_provider_answers_is_not_taken_for_the_peers_answer() {
    let secret = secret_file("secret");
    let settings = ClientSettings {
        token_url: format!("{}/nothing-here", Endpoint::default().start().await).parse().unwrap(),
        client_secret_file: secret.path().to_str().unwrap().parse().unwrap(),
    };
    let tokens = ServiceTokens::new("order", &settings).unwrap();
    let error = tokens.token("a").await.unwrap_err().to_string();
    assert!(error.contains("identity answered 404"), "{error}");
    let error = tokens.get_json::<String>("a", &peer(&[]).await, "/thing").await.unwrap_err();
    assert_eq!(error.status(), None, "{error}");
}
