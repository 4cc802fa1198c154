//! The token of a service in exchange for the caller's: never anybody else's, and no longer than it is good.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gateway::Gateway;
use http::StatusCode;
use platform_service::spawn_for_test;
use platform_testkit::{TcpProxy, TestIssuer, TokenBuilder, eventually, secret_file};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Running, WITHIN, counted, recorder, replace, routes, serve, start, telling};

pub(crate) const SECRET: &str = "gateways-own-secret";

/// A token endpoint that does what RFC 8693 says and remembers what it was asked.
#[derive(Clone, Default)]
pub(crate) struct Identity(Arc<Mutex<Remembered>>);

#[derive(Default)]
struct Remembered {
    /// Subject token and audience of each question.
    asked: Vec<(String, String)>,
    /// Errors by subject token.
    refused: HashMap<String, &'static str>,
    delay: Duration,
}

impl Identity {
    pub(crate) fn asked(&self) -> usize {
        self.0.lock().unwrap().asked.len()
    }

    pub(crate) fn refuse(&self, token: &str, error: &'static str) {
        self.0.lock().unwrap().refused.insert(token.to_owned(), error);
    }

    pub(crate) async fn serve(&self) -> SocketAddr {
        serve(Router::new().route("/identity/token", post(exchange)).with_state(self.clone())).await
    }
}

async fn exchange(State(identity): State<Identity>, headers: HeaderMap, body: String) -> Response {
    let form: HashMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let credentials = STANDARD.encode(format!("gateway:{SECRET}"));
    if headers.get("authorization").unwrap() != &format!("Basic {credentials}") {
        let body = axum::Json(json!({ "error": "invalid_client" }));
        return (StatusCode::UNAUTHORIZED, body).into_response();
    }
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:token-exchange");
    assert_eq!(form["subject_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    let (token, audience) = (form["subject_token"].clone(), form["audience"].clone());
    let (refused, delay) = {
        let mut remembered = identity.0.lock().unwrap();
        remembered.asked.push((token.clone(), audience.clone()));
        (remembered.refused.get(&token).copied(), remembered.delay)
    };
    tokio::time::sleep(delay).await;
    if let Some(error) = refused {
        return (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": error }))).into_response();
    }
    // What it gives says whom it is for, and by which client, in the clear: the test looks at it.
    let claims = claims(&token);
    let mut given = TestIssuer::shared().service(&audience, "x").claim("act", json!({ "sub": "gateway" }));
    for name in ["sub", "client_id", "scope"] {
        given = given.claim(name, &claims[name]);
    }
    let answer = json!({
        "access_token": given.sign(), "expires_in": 300, "token_type": "Bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    });
    axum::Json(answer).into_response()
}

/// What a token says; nobody checks it here.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

pub(crate) fn user(user: Uuid, client: &str, scope: &str) -> TokenBuilder<'static> {
    TestIssuer::shared().user("gateway", user).claim("client_id", client).scope(scope)
}

/// A gateway that exchanges tokens at `identity`, in front of `upstream`.
pub(crate) async fn exchanging(upstream: SocketAddr, identity: SocketAddr, more: &[(&str, &str)]) -> Running {
    let secret = secret_file(SECRET);
    let url = format!("http://{identity}/identity/token");
    let mut settings = vec![
        ("JWKS_URI", TestIssuer::shared().jwks_uri()),
        ("TOKEN_URL", url.as_str()),
        ("CLIENT_SECRET_FILE", secret.path().to_str().unwrap()),
    ];
    settings.extend_from_slice(more);
    let running = start(&routes(upstream).replace("exchange: false, ", ""), &settings).await;
    // The gateway reads the secret anew each time; the file must stay.
    let (_, path) = secret.keep().unwrap();
    tokio::spawn(async move {
        std::future::pending::<()>().await;
        drop(path);
    });
    running
}

/// What the upstream was sent as a token.
pub(crate) fn bearer(told: &Value) -> String {
    told["headers"]["authorization"].as_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned()
}

#[tokio::test]
async fn the_narrow_client_of_a_user_never_gets_the_wide_ones_token() {
    let identity = Identity::default();
    let address = identity.serve().await;
    let running = exchanging(telling().await, address, &[]).await;
    let id = Uuid::now_v7();
    let wide = running.api.with_token(&user(id, "web", "order.read order.buy").sign());
    let narrow = running.api.with_token(&user(id, "mobile", "order.read").sign());
    for _ in 0..20 {
        for (api, client, scope) in
            [(&wide, "web", "order.read order.buy"), (&narrow, "mobile", "order.read")]
        {
            let told: Value = api.get("/services/order/v1/orders").await.expect(200).json();
            let sent = claims(&bearer(&told));
            assert_eq!((sent["client_id"].as_str(), sent["scope"].as_str()), (Some(client), Some(scope)));
        }
    }
    assert_eq!(identity.asked(), 2);
}

#[tokio::test]
async fn many_that_wait_for_one_exchange_cause_one() {
    let identity = Identity::default();
    identity.0.lock().unwrap().delay = Duration::from_millis(300);
    let address = identity.serve().await;
    let running = exchanging(telling().await, address, &[("SERVING_THREADS", "4")]).await;
    let api = running.api.with_token(&user(Uuid::now_v7(), "web", "order.read").sign());
    let calls = (0..40).map(|_| {
        let api = api.clone();
        tokio::spawn(async move { api.get("/services/order/v1/orders").await.assert_status(200) })
    });
    for call in futures::future::join_all(calls).await {
        call.unwrap();
    }
    assert_eq!(identity.asked(), 1);
}

#[tokio::test]
async fn sign_out_takes_effect_when_the_answer_is_checked_again() {
    let identity = Identity::default();
    let address = identity.serve().await;
    let running = exchanging(telling().await, address, &[("TOKEN_CHECK_SECONDS", "1")]).await;
    let token = user(Uuid::now_v7(), "web", "order.read").sign();
    let api = running.api.with_token(&token);
    api.get("/services/order/v1/orders").await.assert_status(200);
    identity.refuse(&token, "invalid_grant");
    eventually(WITHIN, || async { api.get("/services/order/v1/orders").await.status == 401 }).await;
    let before = counted("gateway_tokens_refused_total", &["revoked"]);
    let refused = api.get("/services/order/v1/orders").await;
    refused.problem(401, "unauthenticated");
    let told = refused.header("www-authenticate").unwrap();
    assert!(told.contains("invalid_token") && told.contains("the token was revoked"), "{told}");
    assert_eq!(counted("gateway_tokens_refused_total", &["revoked"]), before + 1.0);
    // A dead token is not asked about at each request.
    let asked = identity.asked();
    for _ in 0..20 {
        api.get("/services/order/v1/orders").await.assert_status(401);
    }
    assert_eq!(identity.asked(), asked);
}

#[tokio::test]
async fn a_token_without_a_scope_of_the_service_is_a_403() {
    let identity = Identity::default();
    let address = identity.serve().await;
    let running = exchanging(telling().await, address, &[]).await;
    let token = user(Uuid::now_v7(), "web", "openid").sign();
    identity.refuse(&token, "invalid_scope");
    let api = running.api.with_token(&token);
    api.get("/services/order/v1/orders").await.problem(403, "insufficient-scope");
}

#[tokio::test]
async fn while_identity_is_away_what_it_gave_serves_on() {
    let identity = Identity::default();
    let proxy = TcpProxy::to(identity.serve().await.to_string()).await;
    let running = exchanging(telling().await, proxy.address(), &[("TOKEN_CHECK_SECONDS", "1")]).await;
    let known = running.api.with_token(&user(Uuid::now_v7(), "web", "order.read").sign());
    known.get("/services/order/v1/orders").await.assert_status(200);
    let before = counted("gateway_exchanges_total", &["away"]);
    proxy.cut();
    // It is asked again, in vain, and nobody notices.
    eventually(WITHIN, || async {
        known.get("/services/order/v1/orders").await.assert_status(200);
        counted("gateway_exchanges_total", &["away"]) > before
    })
    .await;
    known.get("/services/order/v1/orders").await.assert_status(200);
    let new = running.api.with_token(&user(Uuid::now_v7(), "web", "order.read").sign());
    let away = new.get("/services/order/v1/orders").await;
    away.problem(503, "unavailable");
    assert_eq!(away.header("retry-after"), Some("1"));
    proxy.heal();
    eventually(WITHIN, || async { new.get("/services/order/v1/orders").await.status == 200 }).await;
}

#[tokio::test]
async fn routes_that_exchange_tokens_need_somebody_who_does() {
    recorder();
    let routes = secret_file(&routes(telling().await).replace("exchange: false, ", ""));
    let settings = [("ROUTES_FILE", routes.path().to_str().unwrap())];
    let gateway = spawn_for_test::<Gateway>(&settings).await.unwrap();
    let error = format!("{:#}", gateway.stop().await.expect_err("it must not start"));
    assert!(error.contains("TOKEN_URL") && error.contains("line 8: route /services/catalog/v1"), "{error}");
}

#[tokio::test]
async fn a_route_without_exchange_passes_the_callers_own_token() {
    let identity = Identity::default();
    let address = identity.serve().await;
    let upstream = telling().await;
    let running = exchanging(upstream, address, &[]).await;
    // Until it answers, it may not have read the first routes.
    running.api.get("/").await.assert_status(200);
    let before = counted("gateway_reloads_total", &["loaded"]);
    let own = routes(upstream).replace("catalog, exchange: false, ", "catalog, ");
    replace(running.routes.path(), &own);
    eventually(WITHIN, || async { counted("gateway_reloads_total", &["loaded"]) > before }).await;
    let token = user(Uuid::now_v7(), "web", "order.read").sign();
    let api = running.api.with_token(&token);
    let as_it_is =
        || async { bearer(&api.get("/services/order/v1/orders").await.expect(200).json()) == token };
    eventually(WITHIN, as_it_is).await;
    let told: Value = api.get("/services/catalog/v1/courses").await.expect(200).json();
    assert_ne!(bearer(&told), token);
}
