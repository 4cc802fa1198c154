//! The client against a peer on a network that breaks.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::any;
use http::{Method, StatusCode};
use platform_http::client::{ClientError, PeerClient};
use platform_testkit::TcpProxy;
use serde_json::{Value, json};

/// A peer that answers 503 for the first `failures` requests, and counts them all.
async fn peer(failures: u32) -> (std::net::SocketAddr, Arc<AtomicU32>) {
    let count = Arc::new(AtomicU32::new(0));
    let counter = count.clone();
    let answer = any(move || {
        let number = counter.fetch_add(1, Ordering::SeqCst);
        async move {
            if number < failures {
                StatusCode::SERVICE_UNAVAILABLE.into_response()
            } else {
                axum::Json(json!({ "number": number })).into_response()
            }
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    (address, count)
}

fn client(address: std::net::SocketAddr) -> PeerClient {
    PeerClient::new("catalog", format!("http://{address}").parse().unwrap()).unwrap()
}

#[tokio::test]
async fn what_is_safe_is_tried_again() {
    let (address, count) = peer(2).await;
    let answer: Value = client(address).get_json("/v1/courses").await.unwrap();
    assert_eq!(answer, json!({ "number": 2 }));
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn what_is_not_safe_is_sent_once() {
    let (address, count) = peer(2).await;
    let client = client(address);
    let error = client.send(client.request(Method::POST, "/v1/orders")).await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_peer_that_stays_away_is_told_by_name() {
    let (address, _) = peer(0).await;
    let proxy = TcpProxy::to(address.to_string()).await;
    let client = client(proxy.address());
    client.get_json::<Value>("/").await.unwrap();
    proxy.refuse();
    proxy.reset();
    let error = client.get_json::<Value>("/").await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { peer: "catalog", .. }), "{error:?}");
    proxy.heal();
    client.get_json::<Value>("/").await.unwrap();
}

#[tokio::test]
async fn an_answer_of_another_form_is_an_error() {
    let (address, _) = peer(0).await;
    let error = client(address).get_json::<Vec<String>>("/").await.unwrap_err();
    assert!(matches!(error, ClientError::Unexpected { .. }), "{error:?}");
}
