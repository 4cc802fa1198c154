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
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::support::{Running, WITHIN, counted, raw, raw_upstream, read_head, routes, serve, start};

/// An upstream that answers with these headers, and the number of the request as its body.
#[derive(Clone)]
struct Origin {
    asked: Arc<AtomicU32>,
    headers: Arc<Mutex<Vec<(&'static str, String)>>>,
    status: Arc<AtomicU32>,
    /// Requests are answered as there are permits.
    gate: Arc<Semaphore>,
}

impl Origin {
    fn new(headers: &[(&'static str, &str)]) -> Self {
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
    fn held(headers: &[(&'static str, &str)]) -> Self {
        Self { gate: Arc::new(Semaphore::new(0)), ..Self::new(headers) }
    }

    fn says(&self, headers: &[(&'static str, &str)]) {
        *self.headers.lock().unwrap() =
            headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    async fn answer(self, request: Request) -> Response {
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

    async fn gateway(&self) -> Running {
        self.gateway_with("cache: {}").await
    }

    async fn gateway_with(&self, rule: &str) -> Running {
        let origin = self.clone();
        let answer = any(move |request: Request| origin.clone().answer(request));
        let upstream = serve(Router::new().fallback(answer)).await;
        let settings = [("JWKS_URI", TestIssuer::shared().jwks_uri()), ("SERVING_THREADS", "4")];
        start(&cached(&routes(upstream), rule), &settings).await
    }
}

/// Routes that keep answers below `/open`, where no connection is upgraded then, and of the catalog.
fn cached(routes: &str, rule: &str) -> String {
    routes
        .replace(", upgrade: true", "")
        .replace("path: /open,", &format!("path: /open, {rule},"))
        .replace("upstream: catalog, strip", &format!("upstream: catalog, {rule}, strip"))
}

fn status(answer: &Answer) -> &str {
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
async fn two_hundred_at_once_make_one_request() {
    let origin = Origin::held(&[("cache-control", "max-age=60")]);
    let running = origin.gateway_with("cache: {waitSeconds: 60}").await;
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let api = running.api.clone();
            tokio::spawn(async move { api.get("/open/x").await.expect(200).text() })
        })
        .collect();
    eventually(WITHIN, || async { origin.asked() == 1 }).await;
    origin.gate.add_permits(1000);
    for call in calls {
        assert_eq!(call.await.unwrap(), "1");
    }
    assert_eq!(origin.asked(), 1);
}

#[tokio::test]
async fn what_is_not_shared_is_not_waited_for_one_after_the_other() {
    let origin = Origin::held(&[("cache-control", "private")]);
    let running = origin.gateway_with("cache: {waitSeconds: 60}").await;
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let api = running.api.clone();
            tokio::spawn(async move { api.get("/open/x").await.expect(200).text() })
        })
        .collect();
    eventually(WITHIN, || async { origin.asked() == 1 }).await;
    origin.gate.add_permits(1);
    // The first answer frees all others at once, though none of them is answered yet.
    eventually(WITHIN, || async { origin.asked() == 50 }).await;
    origin.gate.add_permits(1000);
    let mut bodies = Vec::new();
    for call in calls {
        bodies.push(call.await.unwrap());
    }
    bodies.sort_unstable();
    bodies.dedup();
    assert_eq!(bodies.len(), 50, "a personal answer was shared");
}

#[tokio::test]
async fn a_first_client_that_goes_away_leaves_the_others_an_answer() {
    let origin = Origin::held(&[("cache-control", "max-age=60")]);
    let running = origin.gateway_with("cache: {waitSeconds: 60}").await;
    let mut first = TcpStream::connect(running.address()).await.unwrap();
    first.write_all(b"GET /open/x HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    eventually(WITHIN, || async { origin.asked() == 1 }).await;
    let api = running.api.clone();
    let waiting = tokio::spawn(async move { api.get("/open/x").await.expect(200).text() });
    drop(first);
    eventually(WITHIN, || async { origin.asked() == 2 }).await;
    origin.gate.add_permits(1000);
    assert_eq!(waiting.await.unwrap(), "2");
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_waited_for_it() {
    const CALLS: usize = 15;
    let asked = Arc::new(AtomicU32::new(0));
    let (counter, gate) = (asked.clone(), Arc::new(Semaphore::new(0)));
    let held = gate.clone();
    let upstream = raw_upstream(move |mut stream| {
        let (counter, held) = (counter.clone(), held.clone());
        async move {
            read_head(&mut stream).await;
            counter.fetch_add(1, Ordering::SeqCst);
            held.acquire().await.unwrap().forget();
        }
    })
    .await;
    let other = serve(Router::new().fallback(any(|| async { "ok" }))).await;
    let routes = format!(
        "version: 1
upstreams:
  catalog: {{url: 'http://{upstream}'}}
  web: {{url: 'http://{other}'}}
routes:
  - {{path: /failing, upstream: catalog, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 60, retries: 0, cache: {{waitSeconds: 60}}}}
  - {{path: /unimportant, upstream: web, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 60, priority: low}}
"
    );
    // One thread: whoever has a place there also waits already. Of 20 places, 15 are for what is unimportant too.
    let settings = [("SERVING_THREADS", "1"), ("MAX_ACTIVE_REQUESTS", "20")];
    let running = start(&routes, &settings).await;
    let calls: Vec<_> = (0..CALLS)
        .map(|_| {
            let api = running.api.clone();
            tokio::spawn(async move { api.get("/failing").await.problem(503, "unavailable") })
        })
        .collect();
    eventually(WITHIN, || async { running.api.get("/unimportant").await.status == 503 }).await;
    gate.add_permits(CALLS);
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "they waited, and asked all the same");
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
async fn what_may_be_stale_while_it_is_renewed_is_answered_at_once() {
    let origin = Origin::new(&[("cache-control", "max-age=0, stale-while-revalidate=60"), ("etag", "\"a\"")]);
    let running = origin.gateway().await;
    running.api.get("/open/x").await.assert_status(200);
    origin.says(&[("cache-control", "max-age=60"), ("etag", "\"b\"")]);
    // Stale ones until the new one is there; nobody waits.
    eventually(WITHIN, || async {
        running.api.get("/open/x").await.expect(200).header("etag") == Some("\"b\"")
    })
    .await;
    assert!(status(&running.api.get("/open/x").await).starts_with("gateway; hit; ttl="));
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

#[tokio::test]
async fn what_breaks_off_is_never_kept() {
    let asked = Arc::new(AtomicU32::new(0));
    let counter = asked.clone();
    let upstream = raw_upstream(move |mut stream| {
        let counter = counter.clone();
        async move {
            let head = read_head(&mut stream).await;
            counter.fetch_add(1, Ordering::SeqCst);
            let rest = match head.split(' ').nth(1) {
                Some("/open/short") => "content-length: 100\r\n\r\nshort",
                Some("/open/chunks") => "transfer-encoding: chunked\r\n\r\n5\r\nshort\r\n",
                // Its end is the connection's, which could be anywhere.
                _ => "\r\nshort",
            };
            let answer = format!("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n{rest}");
            drop(stream.write_all(answer.as_bytes()).await);
        }
    })
    .await;
    let running = start(&cached(&routes(upstream), "cache: {}"), &[]).await;
    for path in ["/open/short", "/open/chunks", "/open/endless"] {
        let before = asked.load(Ordering::SeqCst);
        for _ in 0..3 {
            let answer = raw(
                running.address(),
                &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
            )
            .await;
            assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("short"), "{answer}");
            assert!(!answer.contains("gateway; hit"), "{answer}");
        }
        assert_eq!(asked.load(Ordering::SeqCst), before + 3, "{path}");
    }
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    let origin = Origin::new(&[("cache-control", "max-age=60"), ("x-long", "y".repeat(2000).as_str())]);
    let long = origin.clone();
    let answer = any(move |request: Request| {
        let long = long.clone();
        async move {
            let large = request.uri().path().ends_with("large");
            let response = long.answer(request).await;
            if large { response.map(|_| Body::from("z".repeat(5000))) } else { response }
        }
    });
    let upstream = serve(Router::new().fallback(answer)).await;
    let settings = [("CACHE_BYTES", "20000"), ("CACHE_ANSWER_BYTES", "4000")];
    let running = start(&cached(&routes(upstream), "cache: {}"), &settings).await;
    let evicted = counted("gateway_cache_evictions_total", &[]);
    for number in 0..50 {
        running.api.get(&format!("/open/{number}")).await.assert_status(200);
    }
    eventually(WITHIN, || async { counted("gateway_cache_evictions_total", &[]) > evicted }).await;
    // What is too long for it arrives whole all the same.
    for _ in 0..3 {
        let answer = running.api.get("/open/large").await.expect(200);
        assert_eq!(answer.text().len(), 5000);
        assert!(!status(&answer).contains("hit"));
    }
}

#[tokio::test]
async fn the_first_client_gets_its_body_while_it_is_kept() {
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let upstream = raw_upstream(move |mut stream| {
        let held = held.clone();
        async move {
            read_head(&mut stream).await;
            let head = b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 10\r\n\r\nfirst";
            drop(stream.write_all(head).await);
            held.acquire().await.unwrap().forget();
            drop(stream.write_all(b"again").await);
        }
    })
    .await;
    let running = start(&cached(&routes(upstream), "cache: {}"), &[]).await;
    let mut stream = TcpStream::connect(running.address()).await.unwrap();
    stream.write_all(b"GET /open/x HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_head(&mut stream).await;
    let mut part = [0; 5];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut part).await.unwrap();
    assert_eq!(&part, b"first", "it was held back");
    // It goes away in the middle, and the next one is answered from what was kept.
    drop(stream);
    gate.add_permits(1);
    eventually(WITHIN, || async { status(&running.api.get("/open/x").await).contains("hit") }).await;
    assert_eq!(running.api.get("/open/x").await.expect(200).text(), "firstagain");
}
