//! What is left of a request: lines of the log, metrics, and a trace.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::routing::{any, post};
use platform_testkit::{TestIssuer, eventually};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::apart::Apart;
use crate::support::{WITHIN, routes, serve, tell, telling};

/// What must not be in any log.
const SECRETS: &[&str] =
    &["anna@example.org", "anna%40example.org", "203.0.113.77", "s3cret", "eyJ", "Bearer", "id-cookie"];

/// Routes to somebody who answers, but for `/identity`, where nobody does.
async fn half_dead() -> String {
    let upstream = telling().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    routes(upstream).replace(
        &format!("identity: {{url: 'http://{upstream}'"),
        &format!("identity: {{url: 'http://{nobody}'"),
    )
}

/// Lines of the log about requests.
fn lines(log: &str) -> Vec<Value> {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    lines.filter(|line| matches!(line["message"].as_str(), Some("answered" | "left"))).collect()
}

/// Asks in every way that has something to hide, and gives the log.
async fn asked(ratio: &str) -> String {
    let settings = [("ACCESS_LOG_RATIO", ratio), ("TRUSTED_PROXIES", "127.0.0.0/8")];
    let gateway = Apart::start(&half_dead().await, &settings).await;
    let api = gateway.api.with("x-forwarded-for", "203.0.113.77").with("cookie", "id=id-cookie");
    let token = TestIssuer::shared().user("gateway", Uuid::now_v7()).claim("client_id", "mobile");
    let signed = api.with_token(&token.scope("order.read").sign());
    let more = "?email=anna%40example.org&code=s3cret";
    signed.get(&format!("/services/order/v1/orders/anna@example.org{more}")).await.assert_status(200);
    signed.get(&format!("/identity/anna@example.org{more}")).await.assert_status(503);
    api.with_token("s3cret").get(&format!("/services/order/v1/x{more}")).await.assert_status(401);
    api.get(&format!("/a//s3cret{more}")).await.assert_status(400);
    gateway.log().await
}

#[tokio::test]
async fn failures_are_always_in_the_log_and_what_is_unremarkable_is_not() {
    let log = asked("0").await;
    let lines = lines(&log);
    let [line] = &lines[..] else { panic!("one failure makes one line: {log}") };
    assert_eq!((line["status"].as_u64(), line["route"].as_str()), (Some(503), Some("/identity")));
    assert_eq!((line["level"].as_str(), line["method"].as_str()), (Some("WARN"), Some("GET")));
    assert!(line["request_id"].as_str().unwrap().parse::<Uuid>().is_ok() && line["milliseconds"].is_number());
    for secret in SECRETS {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
}

#[tokio::test]
async fn nothing_that_is_secret_or_personal_is_in_a_log_of_everything() {
    let log = asked("1").await;
    let seen: Vec<_> = lines(&log)
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            (line["status"].as_u64().unwrap(), text("route"), text("client"))
        })
        .collect();
    let line = |status, route: &str, client: &str| (status, route.to_owned(), client.to_owned());
    let expected = [
        line(200, "/services/order/v1", "mobile"),
        line(503, "/identity", "-"),
        line(401, "/services/order/v1", "-"),
        line(400, "unmatched", "-"),
    ];
    assert_eq!(seen, expected, "{log}");
    for secret in SECRETS {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
}

#[tokio::test]
async fn who_leaves_before_the_answer_is_in_the_log_and_in_the_metrics() {
    let arrived = Arc::new(tokio::sync::Notify::new());
    let tell = arrived.clone();
    let never = any(move || {
        tell.notify_one();
        std::future::pending::<()>()
    });
    let upstream = serve(Router::new().fallback(never)).await;
    let routes = routes(upstream).replace("timeoutSeconds: 2", "timeoutSeconds: 60");
    let gateway = Apart::start(&routes, &[("ACCESS_LOG_RATIO", "1")]).await;
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    stream.write_all(b"GET /open?s3cret HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    arrived.notified().await;
    drop(stream);
    let gone = "http_requests_total{method=\"GET\",route=\"/open\",status=\"499\"} 1";
    eventually(WITHIN, || async { gateway.metrics().await.lines().any(|line| line == gone) }).await;
    let log = gateway.log().await;
    let lines = lines(&log);
    let [line] = &lines[..] else { panic!("one who left makes one line: {log}") };
    assert_eq!((line["message"].as_str(), line["status"].as_u64()), (Some("left"), Some(499)));
    assert_eq!(line["route"], "/open");
    assert!(!log.contains("s3cret"), "{log}");
}

#[tokio::test]
async fn each_route_has_a_histogram_of_how_long_it_took() {
    let gateway = Apart::start(&half_dead().await, &[]).await;
    for _ in 0..3 {
        gateway.api.get("/open").await.assert_status(200);
    }
    gateway.api.get("/identity").await.assert_status(503);
    let text = gateway.metrics().await;
    for (route, status, count) in [("/open", 200, 3), ("/identity", 503, 1)] {
        let labels = format!("method=\"GET\",route=\"{route}\",status=\"{status}\"");
        for line in [
            format!("http_requests_total{{{labels}}} {count}"),
            format!("http_request_duration_seconds_bucket{{{labels},le=\"30\"}} {count}"),
            format!("http_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} {count}"),
            format!("http_request_duration_seconds_count{{{labels}}} {count}"),
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in {text}");
        }
        let buckets = text.lines().filter(|line| line.contains("_bucket{") && line.contains(&labels));
        assert_eq!(buckets.count(), platform_telemetry::REQUEST_SECONDS_BUCKETS.len() + 1);
    }
}

/// Somebody who collects spans, and everything that was sent there.
async fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let collected = Arc::new(Mutex::new(Vec::new()));
    let kept = collected.clone();
    let take = post(move |body: Bytes| {
        kept.lock().unwrap().extend_from_slice(&body);
        async {}
    });
    (format!("http://{}", serve(Router::new().route("/v1/traces", take)).await), collected)
}

/// The trace that the upstream was told, whether it is to go on with it, and the one that the client was told.
async fn traced(gateway: &Apart) -> (String, bool, String) {
    // Whatever a client says: whom it traces is its own business.
    let theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let answer =
        gateway.api.with("traceparent", theirs).with("tracestate", "a=b").get("/open").await.expect(200);
    let told: Value = answer.json();
    assert!(told["headers"]["tracestate"].is_null());
    let traceparent = told["headers"]["traceparent"].as_str().unwrap();
    let [version, trace, span, flags] = traceparent.split('-').collect::<Vec<_>>()[..] else {
        panic!("{traceparent} is no traceparent")
    };
    assert_eq!((version, trace.len(), span.len()), ("00", 32, 16));
    assert!(!theirs.contains(trace) && !theirs.contains(span), "{traceparent}");
    (trace.to_owned(), flags == "01", answer.header("x-trace-id").unwrap().to_owned())
}

fn holds(collected: &[u8], part: &[u8]) -> bool {
    collected.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn a_trace_begins_here_goes_on_at_the_service_and_arrives_at_the_collector() {
    let (endpoint, collected) = collector().await;
    let upstream = serve(Router::new().fallback(any(tell))).await;
    let gateway =
        Apart::start(&routes(upstream), &[("OTLP_ENDPOINT", &endpoint), ("TRACE_RATIO", "1")]).await;
    let (trace, sampled, told) = traced(&gateway).await;
    assert!(sampled, "the service is to go on with it");
    assert_eq!(trace, told);
    gateway.log().await;
    let collected = collected.lock().unwrap();
    for part in [&hex::decode(&trace).unwrap()[..], b"/open", b"http.response.status_code"] {
        assert!(holds(&collected, part), "{part:?} is not among {} bytes", collected.len());
    }
}

#[tokio::test]
async fn what_is_not_sampled_is_told_as_such_and_collected_nowhere() {
    let (endpoint, collected) = collector().await;
    let gateway =
        Apart::start(&routes(telling().await), &[("OTLP_ENDPOINT", &endpoint), ("TRACE_RATIO", "0")]).await;
    let (trace, sampled, told) = traced(&gateway).await;
    assert!(!sampled);
    assert_eq!(trace, told);
    gateway.log().await;
    assert!(!holds(&collected.lock().unwrap(), &hex::decode(&trace).unwrap()));
}
