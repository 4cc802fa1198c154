//! The description of all APIs: whole, cheap however many ask for it, and with forms that lead where they say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::{any, get};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use platform_components::{Name, routes_file};
use platform_testkit::eventually;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::support::{Running, WITHIN, counted, serve, start, telling};

/// The description of a service, from its folder.
fn document(name: Name) -> Value {
    let path = format!("{}/../{name}/openapi.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A gateway with the routes of a platform, and how often each service was asked for its description.
struct Platform {
    running: Running,
    asked: BTreeMap<Name, Arc<AtomicUsize>>,
}

impl Platform {
    /// Services answer as soon as `gate` lets them; the one that is `away` doesn't. `limit` requests an hour are
    /// allowed to pages.
    async fn start(away: Option<Name>, gate: &Arc<Semaphore>, limit: u32, settings: &[(&str, &str)]) -> Self {
        let mut addresses = BTreeMap::new();
        let mut asked = BTreeMap::new();
        for &name in routes_file(|name| format!("http://{name}")).upstreams.keys() {
            let count = Arc::new(AtomicUsize::new(0));
            asked.insert(name, count.clone());
            let gate = gate.clone();
            let answer = get(move || async move {
                count.fetch_add(1, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                if away == Some(name) {
                    return StatusCode::SERVICE_UNAVAILABLE.into_response();
                }
                axum::Json(document(name)).into_response()
            });
            let router = Router::new().route("/openapi.json", answer).fallback(any(crate::support::tell));
            addresses.insert(name, serve(router).await);
        }
        let mut file = routes_file(|name| format!("http://{}", addresses[&name]));
        for route in &mut file.routes {
            route.exchange = false;
        }
        let pages = file.limits.get_mut("pages").unwrap();
        (pages.requests, pages.burst, pages.per_seconds) = (limit, limit, 3600);
        let running = start(&serde_json::to_string(&file).unwrap(), settings).await;
        Self { running, asked }
    }

    fn most_asked(&self) -> usize {
        self.asked.values().map(|count| count.load(Ordering::SeqCst)).max().unwrap()
    }
}

/// A gate that stands open.
fn open() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(1000))
}

#[tokio::test]
async fn every_service_of_the_routes_is_a_tag_and_a_section_with_all_of_its_operations() {
    let platform = Platform::start(None, &open(), 1000, &[]).await;
    let merged: Value = platform.running.api.get("/services/openapi.json").await.expect(200).json();
    let page = platform.running.api.get("/docs").await.expect(200).text();
    let services: BTreeSet<&str> =
        platform.asked.keys().filter(|name| **name != Name::Web).map(|name| name.as_str()).collect();
    assert!(services.contains("identity") && services.len() == 7, "{services:?}");
    let tags = merged["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap());
    assert_eq!(tags.collect::<BTreeSet<_>>(), services);
    for name in services {
        assert!(page.contains(&format!("<h2 id=\"{name}\">{name}</h2>")), "{name}");
        let alone = platform.running.api.get(&format!("/services/{name}/openapi.json")).await.expect(200);
        let alone: Value = alone.json();
        assert!(alone["info"]["title"].is_string(), "{name}");
        for (path, item) in alone["paths"].as_object().unwrap() {
            let public =
                if path.starts_with("/v1") { format!("/services/{name}{path}") } else { path.clone() };
            for method in item.as_object().unwrap().keys() {
                let tag = &merged["paths"][&public][method]["tags"][0];
                assert_eq!(
                    tag.as_str(),
                    (!path.starts_with("/internal")).then_some(name),
                    "{method} {public}"
                );
            }
        }
    }
}

#[tokio::test]
async fn with_a_service_away_fifty_visits_ask_each_service_at_most_twice() {
    let platform = Platform::start(Some(Name::Basket), &open(), 1000, &[]).await;
    let visits = (0..50).map(|n| {
        let api = platform.running.api.clone();
        let path = if n % 2 == 0 { "/docs" } else { "/services/openapi.json" };
        tokio::spawn(async move { api.get(path).await.expect(200).text() })
    });
    for text in futures::future::join_all(visits).await {
        let text = text.unwrap();
        assert!(text.contains("Does not answer right now.") && text.contains("/services/order/v1/orders"));
    }
    assert!((1..=2).contains(&platform.most_asked()), "{:?}", platform.asked);
}

#[tokio::test]
async fn who_hangs_up_leaves_what_was_asked_for_to_the_next() {
    let gate = Arc::new(Semaphore::new(0));
    let platform = Platform::start(None, &gate, 1000, &[]).await;
    let before = counted("gateway_clients_gone_total", &["waiting"]);
    let mut impatient = TcpStream::connect(platform.running.address()).await.unwrap();
    impatient.write_all(b"GET /docs HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    eventually(WITHIN, || async { platform.most_asked() > 0 }).await;
    drop(impatient);
    eventually(WITHIN, || async { counted("gateway_clients_gone_total", &["waiting"]) > before }).await;
    let api = platform.running.api.clone();
    let patient = tokio::spawn(async move { api.get("/docs").await.expect(200).text() });
    gate.add_permits(1000);
    assert!(patient.await.unwrap().contains("<h2 id=\"order\">"));
    assert_eq!(platform.most_asked(), 1, "{:?}", platform.asked);
}

#[tokio::test]
async fn pages_of_the_gateway_count_by_address_like_those_of_the_shop() {
    let trusted = [("TRUSTED_PROXIES", "127.0.0.1")];
    let platform = Platform::start(None, &open(), 5, &trusted).await;
    let visitor = |address: &str| platform.running.api.with("x-forwarded-for", address);
    let paths = ["/docs", "/services/openapi.json", "/docs/try", "/", "/docs"];
    for (path, left) in paths.into_iter().zip((0..5).rev()) {
        let answer = visitor("192.0.2.1").get(path).await;
        assert_eq!(answer.header("ratelimit-policy"), Some("\"pages\";q=5;w=3600"), "{path}");
        assert!(answer.header("ratelimit").unwrap().starts_with(&format!("\"pages\";r={left};")), "{path}");
    }
    let refused = visitor("192.0.2.1").get("/docs").await;
    refused.problem(429, "too-many-requests");
    assert!(refused.header("retry-after").is_some());
    visitor("192.0.2.2").get("/docs").await.assert_status(200);
}

#[tokio::test]
async fn pages_of_the_gateway_are_the_first_to_make_room() {
    let (gate, arrived) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let answer = {
        let (gate, arrived) = (gate.clone(), arrived.clone());
        any(move || async move {
            arrived.fetch_add(1, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
        })
    };
    let routes = crate::support::routes(serve(Router::new().fallback(answer)).await);
    let running = start(&routes, &[("MAX_ACTIVE_REQUESTS", "10")]).await;
    let before = counted("gateway_shed_total", &["low"]);
    let visit = || {
        let api = running.api.clone();
        tokio::spawn(async move { api.get("/open").await.status.as_u16() })
    };
    // From seven of ten places on there is none for them, and still one for others.
    let mut held: Vec<_> = (0..7).map(|_| visit()).collect();
    eventually(WITHIN, || async { arrived.load(Ordering::SeqCst) == 7 }).await;
    for path in ["/docs", "/docs/try", "/services/openapi.json"] {
        running.api.get(path).await.problem(503, "unavailable");
    }
    assert!(counted("gateway_shed_total", &["low"]) > before);
    held.push(visit());
    gate.add_permits(100);
    for visit in held {
        assert_eq!(visit.await.unwrap(), 200);
    }
    eventually(WITHIN, || async { running.api.get("/docs").await.status == 200 }).await;
}

#[tokio::test]
async fn a_form_leads_to_what_it_asks_for_and_nowhere_else() {
    let platform = Platform::start(None, &open(), 1000, &[]).await;
    let api = &platform.running.api;
    let leads_to = |answer: &platform_testkit::Answer| answer.header("location").map(str::to_owned);
    let courses = "/docs/try?operation=%2Fservices%2Fcatalog%2Fv1%2Fcourses&query.limit=2&query.cursor=";
    let answer = api.get(courses).await.expect(303);
    assert_eq!(leads_to(&answer).as_deref(), Some("/services/catalog/v1/courses?limit=2"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let told: Value = api.get(&leads_to(&answer).unwrap()).await.expect(200).json();
    assert_eq!(told["path"], "/v1/courses?limit=2");

    let one = "/docs/try?operation=/services/catalog/v1/courses/{id}";
    let answer = api.get(&format!("{one}&path.id=a%2F..%2Fb")).await.expect(303);
    assert_eq!(leads_to(&answer).as_deref(), Some("/services/catalog/v1/courses/a%2F..%2Fb"));
    api.get(&leads_to(&answer).unwrap()).await.problem(400, "malformed-request");
    for wrong in [one.to_owned(), format!("{one}&path.id=.."), format!("{one}&path.id=%00")] {
        api.get(&wrong).await.problem(400, "malformed-request");
    }
    for unknown in ["", "?operation=//evil.example", "?operation=/services/catalog/internal/v1/x", "?%ff=%"] {
        api.get(&format!("/docs/try{unknown}")).await.problem(404, "not-found");
    }
    api.post("/docs/try", json!({})).await.problem(405, "method-not-allowed");
}

#[tokio::test]
async fn the_page_runs_its_own_script_and_no_other() {
    let platform = Platform::start(None, &open(), 1000, &[]).await;
    let answer = platform.running.api.get("/docs").await.expect(200);
    let page = answer.text();
    let inside = |tag: &str| -> String {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        assert_eq!(page.matches(&format!("<{tag}")).count(), 1, "{tag}");
        page.split(&open).nth(1).unwrap().split(&close).next().unwrap().to_owned()
    };
    let hash = |text: String| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let (style, script) = (hash(inside("style")), hash(inside("script")));
    let policy = format!(
        "default-src 'none'; style-src {style}; script-src {script}; connect-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    assert_eq!(answer.header("content-security-policy"), Some(&*policy));
    assert!(answer.header("x-request-id").is_some());
    assert!(!page.contains("src=") && !page.contains(" style=") && !page.contains(" onclick="));
    let forms = page.matches("<form action=\"/docs/try\">").count();
    let read = page.matches("<b>GET</b>").count();
    assert!(forms == read && read > 15, "{forms} forms for {read} operations");
}

#[tokio::test]
async fn without_any_description_the_document_is_still_one() {
    let running = crate::support::gateway(telling().await).await;
    let document: Value = running.api.get("/services/openapi.json").await.expect(200).json();
    assert_eq!(document["paths"], json!({}));
    running.api.get("/docs").await.assert_status(200);
    running.api.post("/docs", json!({})).await.problem(405, "method-not-allowed");
}
