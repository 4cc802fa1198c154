//! A gateway with a routes file of its own, upstreams, and raw connections.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use gateway::Gateway;
use platform_service::{TestComponent, spawn_for_test};
use platform_testkit::Api;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Nothing takes this long, however busy the machine is.
pub(crate) const WITHIN: Duration = Duration::from_secs(30);

/// A running gateway.
pub(crate) struct Running {
    pub(crate) api: Api,
    pub(crate) component: TestComponent,
    pub(crate) routes: tempfile::NamedTempFile,
}

impl Running {
    pub(crate) fn address(&self) -> SocketAddr {
        self.component.api
    }
}

/// A gateway with these routes and settings.
pub(crate) async fn start(routes: &str, settings: &[(&str, &str)]) -> Running {
    recorder();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), routes).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let mut all = vec![("ROUTES_FILE", path.as_str())];
    all.extend_from_slice(settings);
    let component = spawn_for_test::<Gateway>(&all).await.unwrap();
    Running { api: Api::new(component.url("")), component, routes: file }
}

/// A gateway whose catalog, order, identity and web are all at `upstream`.
pub(crate) async fn gateway(upstream: SocketAddr) -> Running {
    start(&routes(upstream), &[]).await
}

/// A gateway with one route, to `url`, whose upstream is called `name`: the counters of that name are those of
/// one test. `more` is added to the route.
pub(crate) async fn gateway_of(name: &str, url: &str, more: &str) -> Running {
    start(&routes_of(name, url, more), &[]).await
}

/// The routes of [`gateway_of`].
pub(crate) fn routes_of(name: &str, url: &str, more: &str) -> String {
    format!(
        "version: 1
upstreams:
  {name}: {{url: '{url}'}}
routes:
  - {{path: /, upstream: {name}, methods: [GET, POST], bodyLimitBytes: 1000, retries: 0, {more}}}
"
    )
}

/// How many requests to the upstream `name` have failed for `reason`.
pub(crate) fn failures(name: &str, reason: &str) -> f64 {
    let (upstream, reason) = (format!("upstream=\"{name}\""), format!("reason=\"{reason}\""));
    counted("gateway_failures_total", &[&upstream, &reason])
}

/// The routes of [`gateway`].
pub(crate) fn routes(upstream: SocketAddr) -> String {
    format!(
        "version: 1
upstreams:
  catalog: {{url: 'http://{upstream}'}}
  order: {{url: 'http://{upstream}'}}
  identity: {{url: 'http://{upstream}'}}
  web: {{url: 'http://{upstream}'}}
routes:
  - {{path: /services/catalog/v1, upstream: catalog, stripPrefix: /services/catalog, methods: [GET, HEAD, POST], audience: catalog, exchange: false, publicMethods: [GET, HEAD], bodyLimitBytes: 1000, timeoutSeconds: 2}}
  - {{path: /services/order/v1, upstream: order, stripPrefix: /services/order, methods: [GET, POST], audience: order, exchange: false, bodyLimitBytes: 1000, timeoutSeconds: 2}}
  - {{path: /identity, upstream: identity, methods: [GET, POST], bodyLimitBytes: 1000, timeoutSeconds: 2}}
  - {{path: /open, upstream: web, methods: [GET, POST, PUT], bodyLimitBytes: 1000, timeoutSeconds: 2, upgrade: true, origins: ['https://other.example']}}
  - {{path: /, upstream: web, methods: [GET], bodyLimitBytes: 0, timeoutSeconds: 2}}
"
    )
}

/// Replaces a file as a mounted ConfigMap is: at once.
pub(crate) fn replace(path: &Path, text: &str) {
    let next = path.with_extension("next");
    std::fs::write(&next, text).unwrap();
    std::fs::rename(next, path).unwrap();
}

/// An upstream that tells what it got.
pub(crate) async fn telling() -> SocketAddr {
    serve(Router::new().fallback(any(tell))).await
}

/// What a request looked like to an upstream.
pub(crate) async fn tell(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let headers: serde_json::Map<String, Value> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    let Ok(body) = axum::body::to_bytes(body, 1 << 20).await else {
        return http::StatusCode::BAD_REQUEST.into_response();
    };
    let told = json!({
        "method": parts.method.as_str(), "path": parts.uri.to_string(), "headers": headers, "bytes": body.len(),
    });
    let answer = [("set-cookie", "web=b"), ("connection", "x-inner"), ("x-inner", "1"), ("server", "secret")];
    (answer, axum::Json(told)).into_response()
}

/// Serves a router on a free port.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// An upstream that does with each connection what `answer` does, whatever it is asked.
pub(crate) async fn raw_upstream<F, Fut>(answer: F) -> SocketAddr
where
    F: Fn(TcpStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    address
}

/// Reads a request's head from a raw connection.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Sends bytes as they are and reads until the server closes.
pub(crate) async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may close before everything is sent: what it answered is what counts.
    drop(stream.write_all(request.as_bytes()).await);
    rest(&mut stream).await
}

/// Everything that comes until the other side closes, in good order or by a reset.
pub(crate) async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    let read = async {
        while let Ok(read @ 1..) = stream.read(&mut part).await {
            answer.extend_from_slice(&part[..read]);
        }
    };
    // Less than an idle connection has.
    let ended = tokio::time::timeout(Duration::from_secs(25), read).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(ended.is_ok(), "the connection stays open after: {answer}");
    answer
}

/// The status of each answer in what came.
pub(crate) fn statuses(answer: &str) -> Vec<&str> {
    answer.match_indices("HTTP/1.1 ").filter_map(|(at, _)| answer.get(at + 9..at + 12)).collect()
}

/// The sum of a counter over those of its series whose text contains each of `parts`. All tests of this
/// program count together, so a test can only say that something rose.
pub(crate) fn counted(name: &str, parts: &[&str]) -> f64 {
    let text = recorder().render();
    let series = text.lines().filter(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
            && parts.iter().all(|part| line.contains(part))
    });
    series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Records what gateways in this process count, from the first call on.
pub(crate) fn recorder() -> &'static metrics_exporter_prometheus::PrometheusHandle {
    static RECORDER: std::sync::OnceLock<metrics_exporter_prometheus::PrometheusHandle> =
        std::sync::OnceLock::new();
    RECORDER.get_or_init(|| {
        metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder().expect("the only recorder")
    })
}
