//! Hosts, path templates, rewriting and header rules of routes.

use serde_json::Value;

use crate::support::{counted, raw, start, telling};

async fn running() -> crate::support::Running {
    let upstream = telling().await;
    let routes = format!(
        "version: 1
upstreams:
  web: {{url: 'http://{upstream}'}}
routes:
  - {{path: '/users/{{user}}/items/{{id}}', rewrite: '/v2/{{id}}/of/{{user}}', upstream: web, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 5}}
  - {{path: '/items/{{id}}', exact: true, upstream: web, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 5}}
  - {{path: '/items/{{id}}', exact: true, upstream: web, methods: [PUT], bodyLimitBytes: 0, timeoutSeconds: 5, origins: ['https://other.example']}}
  - {{path: /items/new, rewrite: /fresh, upstream: web, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 5}}
  - {{path: /, rewrite: /shop, hosts: [shop.example.org], upstream: web, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 5}}
  - {{path: /, rewrite: /below, hosts: ['*.example.org'], upstream: web, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 5}}
  - path: /
    upstream: web
    methods: [GET]
    bodyLimitBytes: 0
    timeoutSeconds: 5
    requestHeaders: {{set: {{x-set: ours}}, add: {{x-add: more}}, remove: [x-gone]}}
    responseHeaders: {{set: {{strict-transport-security: max-age=63072000}}, remove: [x-powered-by]}}
"
    );
    start(&routes, &[]).await
}

#[tokio::test]
async fn the_most_specific_path_wins_and_its_template_is_the_label() {
    let running = running().await;
    let before = counted("http_requests_total", &["route=\"/users/{user}/items/{id}\"", "200"]);
    for (path, expected) in [
        ("/users/anna/items/7?x=1", "/v2/7/of/anna?x=1"),
        ("/users/anna/items/7/parts/2", "/v2/7/of/anna/parts/2"),
        ("/items/7", "/items/7"),
        ("/items/new", "/fresh"),
        ("/items/7/parts", "/items/7/parts"),
        ("/users/anna", "/users/anna"),
    ] {
        let told: Value = running.api.get(path).await.expect(200).json();
        assert_eq!(told["path"], expected, "{path}");
    }
    let after = counted("http_requests_total", &["route=\"/users/{user}/items/{id}\"", "200"]);
    assert_eq!(after, before + 2.0, "the label must be the template");
    let refused = running.api.delete("/items/7").await;
    refused.problem(405, "method-not-allowed");
    assert_eq!(refused.header("allow"), Some("GET, PUT"));
    // A browser asks about the method that it will use, which has a route of its own.
    let preflight = "OPTIONS /items/7 HTTP/1.1\r\nhost: x\r\norigin: https://other.example\r\n\
        access-control-request-method: PUT\r\nconnection: close\r\n\r\n";
    let answer = raw(running.address(), preflight).await;
    assert!(
        answer.starts_with("HTTP/1.1 204") && answer.contains("access-control-allow-methods: PUT"),
        "{answer}"
    );
    // An encoded letter could be another path to whoever is behind.
    let answer =
        raw(running.address(), "GET /items/%6Eew HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn a_host_chooses_among_routes_and_the_most_specific_wins() {
    let running = running().await;
    for (host, expected) in [
        ("shop.example.org", "/shop/x"),
        ("SHOP.Example.Org:8080", "/shop/x"),
        ("a.example.org", "/below/x"),
        ("a.b.example.org", "/below/x"),
        ("example.org", "/x"),
        ("evilexample.org", "/x"),
        ("shop.example.org.evil.org", "/x"),
    ] {
        let request = format!("GET /x HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let answer = raw(running.address(), &request).await;
        let told: Value = serde_json::from_str(answer.rsplit("\r\n\r\n").next().unwrap()).unwrap();
        assert_eq!(told["path"], expected, "{host}");
    }
}

#[tokio::test]
async fn headers_are_changed_as_the_route_says_on_errors_too() {
    let running = running().await;
    let api = running.api.with("x-set", "theirs").with("x-add", "first").with("x-gone", "1");
    let answer = api.get("/x").await.expect(200);
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=63072000"));
    let told: Value = answer.json();
    assert_eq!(told["headers"]["x-set"], "ours");
    assert!(told["headers"]["x-gone"].is_null());
    assert_eq!(told["headers"]["x-add"], "more", "the last of both");
    let refused = running.api.delete("/x").await;
    refused.problem(405, "method-not-allowed");
    assert_eq!(refused.header("strict-transport-security"), Some("max-age=63072000"));
}

#[tokio::test]
async fn a_foreign_page_may_read_errors_too_and_caches_know_that_it_matters_who_asks() {
    let running = running().await;
    let foreign = running.api.with("origin", "https://other.example");
    let refused = foreign.put("/items/7", serde_json::json!({"too": "long"})).await;
    refused.problem(413, "too-large");
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://other.example"));
    assert!(
        refused
            .header("access-control-expose-headers")
            .is_some_and(|exposed| exposed.contains("retry-after"))
    );
    for (api, origin) in [(&running.api, None), (&running.api.with("origin", "https://evil.example"), None)] {
        let refused = api.put("/items/7", serde_json::json!({"too": "long"})).await;
        assert_eq!(refused.header("access-control-allow-origin"), origin);
        assert!(varies(&refused), "{:?}", refused.headers);
    }
    // Where no foreign page may, nothing is said.
    assert!(!varies(&foreign.get("/x").await.expect(200)));
}

fn varies(answer: &platform_testkit::Answer) -> bool {
    answer.headers.get_all("vary").iter().any(|value| value == "origin")
}
