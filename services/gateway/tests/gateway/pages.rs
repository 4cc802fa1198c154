//! What the gateway answers itself.

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::any;

use crate::support::{gateway, serve, telling};

#[tokio::test]
async fn an_error_is_a_page_for_people_and_a_document_for_programs() {
    let running = gateway(telling().await).await;
    let browser = running.api.with("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let page = browser.get("/services/order/v1/orders").await.expect(401);
    let id = page.header("x-request-id").unwrap().to_owned();
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains(&id) && page.text().contains("Sign in first"), "{}", page.text());
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));

    let document = running.api.get("/services/order/v1/orders").await;
    let id = document.header("x-request-id").unwrap().to_owned();
    let problem = document.problem(401, "unauthenticated");
    assert_eq!(problem["instance"], format!("urn:uuid:{id}"));
}

#[tokio::test]
async fn a_foreign_page_may_call_what_the_route_opens_to_it() {
    let running = gateway(telling().await).await;
    let asks = |origin: &str, path: &'static str| {
        let api = running.api.with("origin", origin).with("access-control-request-method", "PUT");
        async move { api.send(http::Method::OPTIONS, path, None, "").await }
    };
    let allowed = asks("https://other.example", "/open").await.expect(204);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://other.example"));
    assert_eq!(allowed.header("access-control-allow-methods"), Some("PUT"));
    assert!(allowed.header("access-control-allow-credentials").is_none());
    asks("https://evil.example", "/open").await.problem(405, "method-not-allowed");
    asks("https://other.example", "/").await.problem(405, "method-not-allowed");

    let answer = running.api.with("origin", "https://other.example").get("/open").await.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://other.example"));
    assert_eq!(answer.header("vary"), Some("origin"));
    let answer = running.api.with("origin", "https://evil.example").get("/open").await.expect(200);
    assert!(answer.header("access-control-allow-origin").is_none());
}

#[tokio::test]
async fn long_texts_are_compressed_and_nothing_else() {
    let long = "courses ".repeat(1000);
    let answer = move |path: http::Uri| {
        let long = long.clone();
        async move {
            let kind = if path.path() == "/photo" { "image/webp" } else { "application/json" };
            let tag = match path.path() {
                "/tagged" => Some([("etag", "\"1\"")]),
                "/like" => Some([("etag", "W/\"1\"")]),
                _ => None,
            };
            let body = if path.path() == "/short" { "short".to_owned() } else { long };
            ([("content-type", kind)], tag, body).into_response()
        }
    };
    let running = gateway(serve(Router::new().fallback(any(answer))).await).await;
    let api = running.api.with("accept-encoding", "gzip, br;q=0.1, zstd;q=0.1");
    let compressed = api.get("/long").await.expect(200);
    assert_eq!(compressed.header("content-encoding"), Some("gzip"));
    assert!(compressed.body.starts_with(&[0x1f, 0x8b]) && compressed.body.len() < 500);
    assert!(compressed.header("vary").unwrap().contains("accept-encoding"));
    for (accept, expected) in [("br", Some("br")), ("zstd", Some("zstd")), ("identity", None)] {
        let answer = running.api.with("accept-encoding", accept).get("/long").await.expect(200);
        assert_eq!(answer.header("content-encoding"), expected);
    }
    // It says the same, if not in the same bytes.
    let like = api.get("/like").await.expect(200);
    assert_eq!((like.header("content-encoding"), like.header("etag")), (Some("gzip"), Some("W/\"1\"")));
    for path in ["/photo", "/tagged", "/short"] {
        assert_eq!(api.get(path).await.expect(200).header("content-encoding"), None, "{path}");
    }
}
