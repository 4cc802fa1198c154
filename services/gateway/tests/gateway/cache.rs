//! What is kept, for whom, and how often the upstream is asked.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::any;
use http::Method;
use platform_testkit::{Answer, TestIssuer, eventually};
use serde_json::json;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::support::{Running, WITHIN, counted, routes, serve, start};

/// An upstream that answers with these headers, and the number of the request as its body.
#[derive(Clone)]
pub(crate) struct Origin {
    asked: Arc<AtomicU32>,
    headers: Arc<Mutex<Vec<(&'static str, String)>>>,
    status: Arc<AtomicU32>,
    /// Requests are answered as there are permits.
    pub(crate) gate: Arc<Semaphore>,
}

impl Origin {
    pub(crate) fn new(headers: &[(&'static str, &str)]) -> Self {
        let origin = Self {
            asked: Arc::default(),
            headers: Arc::default(),
            status: Arc::new(AtomicU32::new(200)),
            gate: Arc::new(Semaphore::new(1_000_000)),
        };
        origin.says(headers);
        origin
    }

    /// One that answers nobody before it is let.
    pub(crate) fn held(headers: &[(&'static str, &str)]) -> Self {
        Self { gate: Arc::new(Semaphore::new(0)), ..Self::new(headers) }
    }

    pub(crate) fn says(&self, headers: &[(&'static str, &str)]) {
        *self.headers.lock().unwrap() =
            headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    }

    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) async fn answer(self, request: Request) -> Response {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.gate.acquire().await.unwrap().forget();
        let headers = self.headers.lock().unwrap().clone();
        let tag = headers.iter().find(|(name, _)| *name == "etag").map(|(_, tag)| tag.clone());
        let known =
            tag.is_some_and(|tag| request.headers().get("if-none-match").is_some_and(|it| *it == tag));
        let status = if known { 304 } else { self.status.load(Ordering::SeqCst) };
        let mut response = Response::builder().status(u16::try_from(status).unwrap());
        for (name, value) in headers {
            response = response.header(name, value);
        }
        let told = request.headers().get("accept-language").map(|it| it.to_str().unwrap().to_owned());
        let body = format!("{number}{}", told.unwrap_or_default());
        response.body(if known { Body::empty() } else { Body::from(body) }).unwrap()
    }

    pub(crate) async fn gateway(&self) -> Running {
        self.gateway_with("cache: {}").await
    }

    pub(crate) async fn gateway_with(&self, rule: &str) -> Running {
        let origin = self.clone();
        let answer = any(move |request: Request| origin.clone().answer(request));
        let upstream = serve(Router::new().fallback(answer)).await;
        let settings = [("JWKS_URI", TestIssuer::shared().jwks_uri()), ("SERVING_THREADS", "4")];
        start(&cached(&routes(upstream), rule), &settings).await
    }
}

/// Routes that keep answers below `/open`, where no connection is upgraded then, and of the catalog.
pub(crate) fn cached(routes: &str, rule: &str) -> String {
    routes
        .replace(", upgrade: true", "")
        .replace("path: /open,", &format!("path: /open, {rule},"))
        .replace("upstream: catalog, strip", &format!("upstream: catalog, {rule}, strip"))
}

pub(crate) fn status(answer: &Answer) -> &str {
    answer.header("cache-status").unwrap_or_default()
}

#[tokio::test]
async fn what_may_be_kept_is_asked_for_once() {
    let origin = Origin::new(&[("cache-control", "max-age=60"), ("etag", "\"a\""), ("age", "7")]);
    let running = origin.gateway().await;
    let hits = counted("gateway_cache_requests_total", &["hit"]);
    let first = running.api.get("/open/a?x=1").await.expect(200);
    assert_eq!((first.text().as_str(), status(&first)), ("1", "gateway; fwd=uri-miss; stored"));
    let answer = || async { running.api.get("/open/a?x=1").await };
    eventually(WITHIN, || async { status(&answer().await).contains("hit") }).await;
    let second = answer().await;
    assert_eq!((second.text().as_str(), second.header("etag")), ("1", Some("\"a\"")));
    let age: u64 = second.header("age").unwrap().parse().unwrap();
    assert!((7..60).contains(&age), "{age}");
    assert!(second.header("x-request-id") != first.header("x-request-id"));
    // A head, and who has it already, need no body and no upstream.
    let head = running.api.send(Method::HEAD, "/services/catalog/v1/x", None, "").await;
    assert_eq!(status(&head), "gateway; fwd=uri-miss");
    let known = running.api.with("if-none-match", "W/\"a\"").get("/open/a?x=1").await;
    assert_eq!(
        (known.status.as_u16(), known.text().as_str(), known.header("etag")),
        (304, "", Some("\"a\""))
    );
    assert_eq!(origin.asked(), 2);
    // Another query, and another spelling, are other things.
    running.api.get("/open/a?x=2").await.assert_status(200);
    running.api.get("/open/A?x=1").await.assert_status(200);
    assert_eq!(origin.asked(), 4);
    assert!(counted("gateway_cache_requests_total", &["hit"]) > hits);
    assert!(counted("gateway_cache_bytes", &[]) > 0.0);
}

#[tokio::test]
async fn what_is_personal_or_says_nothing_is_never_kept() {
    let origin = Origin::new(&[]);
    let running = origin.gateway().await;
    for (number, headers) in [
        &[] as &[(&'static str, &str)],
        &[("etag", "\"a\"")],
        &[("cache-control", "private, max-age=60")],
        &[("cache-control", "max-age=60, no-store")],
        &[("cache-control", "public, max-age=60"), ("vary", "*")],
        &[("cache-control", "public, max-age=60"), ("set-cookie", "web=1")],
        // One that no client ever sees.
        &[("cache-control", "public, max-age=60"), ("set-cookie", "tracking=1")],
    ]
    .iter()
    .enumerate()
    {
        origin.says(headers);
        let asked = origin.asked();
        for _ in 0..3 {
            let answer = running.api.get(&format!("/open/{number}")).await.expect(200);
            assert!(!status(&answer).contains("stored") && !status(&answer).contains("hit"), "{headers:?}");
        }
        assert_eq!(origin.asked(), asked + 3, "{headers:?}");
    }
}

#[tokio::test]
async fn a_caller_with_a_token_or_a_cookie_shares_only_what_is_public() {
    let token = TestIssuer::shared().user("gateway", Uuid::now_v7()).scope("catalog.read").sign();
    for (directives, shared) in [("max-age=60", false), ("s-maxage=60", false), ("public, max-age=60", true)]
    {
        let origin = Origin::new(&[("cache-control", directives)]);
        let running = origin.gateway().await;
        let user = running.api.with_token(&token);
        let cookie = running.api.with("cookie", "web=1");
        for (api, path) in [(&user, "/services/catalog/v1/x"), (&cookie, "/open/x")] {
            let asked = origin.asked();
            api.get(path).await.assert_status(200);
            for _ in 0..3 {
                eventually(WITHIN, || async {
                    let answer = api.get(path).await.expect(200);
                    !shared || status(&answer).contains("hit")
                })
                .await;
            }
            assert_eq!(origin.asked() == asked + 1, shared, "{directives} {path}");
            // What a visitor got is theirs too only when it is public.
            let before = origin.asked();
            let visitors = format!("{path}-visitor");
            running.api.get(&visitors).await.assert_status(200);
            eventually(WITHIN, || async { status(&running.api.get(&visitors).await).contains("hit") }).await;
            let answer = api.get(&visitors).await.expect(200);
            assert_eq!(status(&answer).contains("hit"), shared, "{directives} {path}");
            assert_eq!(origin.asked(), before + if shared { 1 } else { 2 });
        }
        // A wrong token gets nothing, kept or not.
        running
            .api
            .with_token("no.real.token")
            .get("/services/catalog/v1/x")
            .await
            .problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn answers_that_vary_are_kept_apart_and_not_without_end() {
    let origin = Origin::new(&[("cache-control", "max-age=60"), ("vary", "Accept-Language")]);
    let running = origin.gateway_with("cache: {variants: 2}").await;
    let get = |language: &'static str| {
        let api = running.api.with("accept-language", language);
        async move { api.get("/open/x").await.expect(200) }
    };
    for language in ["tr", "en"] {
        get(language).await;
        eventually(WITHIN, || async { status(&get(language).await).contains("hit") }).await;
        assert!(get(language).await.text().ends_with(language));
    }
    assert_eq!(origin.asked(), 2);
    assert_eq!(status(&get("de").await), "gateway; fwd=vary-miss; stored");
    eventually(WITHIN, || async { status(&get("de").await).contains("hit") }).await;
    // The oldest had to go.
    assert!(get("tr").await.text().starts_with('4'));
}

#[tokio::test]
async fn what_is_stale_is_asked_about_and_serves_on() {
    let origin = Origin::new(&[("cache-control", "no-cache"), ("etag", "\"a\""), ("x-news", "old")]);
    let running = origin.gateway().await;
    running.api.get("/open/x").await.assert_status(200);
    origin.says(&[("cache-control", "no-cache"), ("etag", "\"a\""), ("x-news", "new")]);
    eventually(WITHIN, || async { status(&running.api.get("/open/x").await).contains("fwd-status=304") })
        .await;
    let held = running.api.get("/open/x").await.expect(200);
    assert_eq!((held.text().as_str(), held.header("x-news")), ("1", Some("new")));
    // A client that has it gets a 304, and one that has another version the whole.
    running.api.with("if-none-match", "\"a\"").get("/open/x").await.assert_status(304);
    assert_eq!(running.api.with("if-none-match", "\"b\"").get("/open/x").await.expect(200).text(), "1");
    // Another version replaces it.
    origin.says(&[("cache-control", "no-cache"), ("etag", "\"b\"")]);
    let replaced = running.api.get("/open/x").await.expect(200);
    assert_eq!((status(&replaced), replaced.header("etag")), ("gateway; fwd=stale; stored", Some("\"b\"")));
}

#[tokio::test]
async fn while_the_upstream_fails_what_is_stale_serves_only_where_it_may() {
    for (directives, expected) in
        [("max-age=0, stale-if-error=60", 200), ("max-age=0, must-revalidate, stale-if-error=60", 503)]
    {
        let origin = Origin::new(&[("cache-control", directives), ("etag", "\"a\"")]);
        let running = origin.gateway().await;
        running.api.get("/open/x").await.assert_status(200);
        eventually(WITHIN, || async { status(&running.api.get("/open/x").await).contains("304") }).await;
        origin.says(&[]);
        origin.status.store(503, Ordering::SeqCst);
        let answer = running.api.get("/open/x").await;
        assert_eq!(answer.status.as_u16(), expected, "{directives}");
        assert_eq!(answer.text().starts_with('1'), expected == 200);
    }
}

#[tokio::test]
async fn who_has_what_is_not_kept_is_told_so() {
    let origin = Origin::new(&[("cache-control", "private, no-cache"), ("etag", "\"a\"")]);
    let running = origin.gateway().await;
    let knowing = running.api.with("if-none-match", "\"a\"");
    // The first one could have been kept for others, so all of it was asked for; the second goes by itself.
    for number in 1..=2 {
        let known = knowing.get("/open/x").await.expect(304);
        assert_eq!((known.text().as_str(), known.header("etag")), ("", Some("\"a\"")), "{number}");
        assert_eq!(known.header("cache-control"), Some("private, no-cache"));
    }
    running.api.with("if-none-match", "\"b\"").get("/open/x").await.assert_status(200);
    assert_eq!(origin.asked(), 3);
}

#[tokio::test]
async fn a_change_makes_what_is_kept_old() {
    let origin = Origin::new(&[("cache-control", "max-age=60")]);
    let running = origin.gateway().await;
    for path in ["/open/courses", "/open/courses?limit=2", "/open/courses/1"] {
        for (change, forgets) in [("/open/courses/1", true), ("/open/other/1", false)] {
            running.api.get(path).await.assert_status(200);
            eventually(WITHIN, || async { status(&running.api.get(path).await).contains("hit") }).await;
            // One that is refused changes nothing.
            origin.status.store(409, Ordering::SeqCst);
            running.api.post(change, json!({})).await.assert_status(409);
            origin.status.store(200, Ordering::SeqCst);
            assert!(status(&running.api.get(path).await).contains("hit"));
            running.api.post(change, json!({})).await.assert_status(200);
            assert_eq!(!status(&running.api.get(path).await).contains("hit"), forgets, "{change} {path}");
        }
    }
}
