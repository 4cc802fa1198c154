//! The corpus of bad input must pass a strict route and fail a lax one.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Router, extract::DefaultBodyLimit};
use platform_testkit::{Api, bad_input};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Thing {
    name: String,
    #[serde(rename = "price")]
    _price: Price,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    #[serde(rename = "amount")]
    _amount: u32,
}

fn problem(status: StatusCode) -> Response {
    let body = json!({ "type": "about:blank", "title": "no", "status": status.as_u16() }).to_string();
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
}

async fn strict(
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let Ok(body) = body else { return problem(StatusCode::PAYLOAD_TOO_LARGE) };
    if headers.get(header::CONTENT_TYPE).is_none_or(|v| v != "application/json") {
        return problem(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    match serde_json::from_slice::<Thing>(&body) {
        Ok(thing) if thing.name.len() <= 100 => StatusCode::CREATED.into_response(),
        _ => problem(StatusCode::UNPROCESSABLE_ENTITY),
    }
}

async fn lax(body: Bytes) -> Response {
    if body.is_empty() { problem(StatusCode::BAD_REQUEST) } else { StatusCode::CREATED.into_response() }
}

async fn api() -> Api {
    let routes = Router::new()
        .route("/strict", post(strict))
        .route("/lax", post(lax))
        .layer(DefaultBodyLimit::max(1024 * 1024));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Api::new(base)
}

#[tokio::test]
async fn a_strict_route_passes() {
    let api = api().await;
    api.post("/strict", json!({ "name": "x", "price": { "amount": 1 } })).await.assert_status(201);
    bad_input::check_with(&api, Method::POST, "/strict", &json!({ "name": "x", "price": { "amount": 1 } }))
        .await;
}

#[tokio::test]
#[should_panic(expected = "instead of a 4xx")]
async fn a_lax_route_fails() {
    bad_input::check(&api().await, "/lax").await;
}
