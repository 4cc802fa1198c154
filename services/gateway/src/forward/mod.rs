//! The phase *forward*: a request goes to its upstream and the answer comes back, both streamed.

mod body;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header, request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use platform_http::Problem;
use platform_http::problem;
use url::Url;
use uuid::Uuid;

use self::body::{Resumable, Source};
use crate::guard;
use crate::routes::{Compiled, Table, check_path};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Pauses before a refused connection is tried again: an upstream that is being replaced is back by then.
const CONNECT_PAUSES: &[Duration] = &[Duration::from_millis(50), Duration::from_millis(250)];

/// What every request needs.
pub(crate) struct Proxy {
    table: Table,
    client: Client<HttpConnector, Resumable>,
    public: Url,
}

impl Proxy {
    pub(crate) fn new(table: Table, public: Url) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector);
        Self { table, client, public }
    }
}

/// Handles one request: match → guard → forward.
pub(crate) async fn handle(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let request_id = Uuid::now_v7();
    let mut response = match pass(&proxy, request, request_id).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    if let Ok(value) = HeaderValue::try_from(request_id.to_string()) {
        response.headers_mut().insert(guard::REQUEST_ID, value);
    }
    response
}

async fn pass(proxy: &Proxy, request: Request, request_id: Uuid) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    check_host(&parts)?;
    check_path(parts.uri.path()).map_err(|error| problem::MALFORMED.detail(error.to_string()))?;
    let route = proxy.table.find(parts.uri.path()).ok_or(problem::NOT_FOUND)?;
    if !route.allows(&parts.method) {
        let allow = HeaderValue::try_from(route.allow()).map_err(|error| Problem::internal(&error))?;
        return Err(Problem::from(problem::METHOD_NOT_ALLOWED).header(header::ALLOW, allow));
    }
    check_length(&parts, route)?;
    guard::request(&mut parts.headers, route.upstream_name(), &proxy.public, request_id);
    parts.uri = route.target(&parts.uri).map_err(|error| Problem::internal(&error))?;
    parts.version = http::Version::HTTP_11;

    let source = Source::new(body, route.body_limit());
    let answer = tokio::time::timeout(route.timeout(), send(proxy, &parts, &source)).await;
    let mut answer = match answer {
        Err(_) => return Err(late(route)),
        Ok(Err(_)) if source.exceeded() => return Err(too_large(route)),
        Ok(answer) => answer.map_err(|error| unreachable(route, &error))?,
    };
    guard::response(answer.headers_mut(), route.upstream_name());
    Ok(answer.map(Body::new))
}

/// Sends a request. A refused connection means that nothing arrived, so it is tried again whatever the
/// method.
async fn send(
    proxy: &Proxy,
    parts: &request::Parts,
    source: &Source,
) -> Result<http::Response<hyper::body::Incoming>, hyper_util::client::legacy::Error> {
    let mut pauses = CONNECT_PAUSES.iter();
    loop {
        let request = http::Request::from_parts(parts.clone(), source.body());
        let error = match proxy.client.request(request).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match pauses.next() {
            Some(pause) if error.is_connect() && !source.is_begun() => tokio::time::sleep(*pause).await,
            _ => return Err(error),
        }
    }
}

/// One host, no more and no less (RFC 9112 §3.2); HTTP/2 carries it in `:authority`.
fn check_host(parts: &request::Parts) -> Result<(), Problem> {
    let hosts = parts.headers.get_all(header::HOST).iter().count();
    let named = hosts == 1 || (hosts == 0 && parts.uri.authority().is_some());
    if named { Ok(()) } else { Err(problem::MALFORMED.detail("send exactly one `Host`")) }
}

fn check_length(parts: &request::Parts, route: &Compiled) -> Result<(), Problem> {
    let length =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > route.body_limit()) { Err(too_large(route)) } else { Ok(()) }
}

fn too_large(route: &Compiled) -> Problem {
    problem::TOO_LARGE.detail(format!("send at most {} bytes here", route.body_limit()))
}

fn late(route: &Compiled) -> Problem {
    tracing::warn!(upstream = %route.upstream_name(), seconds = route.timeout().as_secs(), "upstream is late");
    problem::TIMEOUT.detail(format!("{} did not answer in time", route.upstream_name()))
}

fn unreachable(route: &Compiled, error: &hyper_util::client::legacy::Error) -> Problem {
    let cause = problem::Chain(error);
    tracing::warn!(upstream = %route.upstream_name(), error = %cause, "upstream is unreachable");
    problem::UNAVAILABLE
        .detail(format!("{} is not available right now", route.upstream_name()))
        .retry_after(1)
}
