//! The operator's connection to the Kubernetes API: every call has a time limit, and a call that the
//! server turned away for the moment is repeated twice, not fifteen times as kube would by default.
//! It must not retry anything else: a pass that failed is repeated as a whole, from what is true then.

use std::task::{Context, Poll};
use std::time::Duration;

use http::{Method, Request, Response};
use kube::client::retry::RetryPolicy;
use kube::client::{Body, ClientBuilder, DynBody};
use kube::{Client, Config};
use tower::buffer::BufferLayer;
use tower::retry::RetryLayer;
use tower::timeout::TimeoutLayer;
use tower::util::BoxService;
use tower::{BoxError, Layer, Service};

use crate::metrics;

/// How long the server may take until its answer begins. Watches answer at once and then stream.
pub const CALL_LIMIT: Duration = Duration::from_secs(10);

/// How long connecting may take, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Requests that may wait for the connection; more than eight passes ever have under way.
const WAITING: usize = 256;

/// What lies directly above the connection; tests put a layer around it to count or to break calls.
pub type Connection = BoxService<Request<Body>, Response<Box<DynBody>>, BoxError>;

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The configuration (kubeconfig or service account) can't be used.
    #[error("the connection to the Kubernetes API can't be set up: {0}")]
    Configuration(#[source] Box<kube::Error>),
    /// The retry policy's numbers contradict each other.
    #[error("the retry policy is wrong: {0}")]
    Policy(#[from] kube::client::retry::InvalidBackoff),
}

/// The client of the passes and watches.
///
/// # Errors
/// When the configuration names files that can't be read or a TLS set-up that can't work.
pub fn client(config: Config) -> Result<Client, ClientError> {
    client_with(config, &tower::layer::util::Identity::new())
}

/// The same with a layer of the caller's directly above the connection, below the repetition.
///
/// # Errors
/// As [`client`].
pub fn client_with<L>(config: Config, below: &L) -> Result<Client, ClientError>
where
    L: Layer<Connection>,
    L::Service: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError> + Send + 'static,
    <L::Service as Service<Request<Body>>>::Future: Send + 'static,
{
    // Two repetitions, at most a second apart: enough for a server that sheds load or restarts.
    let policy = RetryPolicy::new(Duration::from_millis(100), Duration::from_secs(1), 2, true)?;
    let built = base(config)?
        .with_layer(below)
        .with_layer(&CountWrites)
        .with_layer(&TimeoutLayer::new(CALL_LIMIT))
        .with_layer(&BufferLayer::new(WAITING))
        .with_layer(&RetryLayer::new(policy))
        .build();
    Ok(built)
}

/// The client of the election: a short limit and no repetition, because a late renewal is worse than
/// a failed one.
///
/// # Errors
/// As [`client`].
pub fn lease_client(config: Config, limit: Duration) -> Result<Client, ClientError> {
    Ok(base(config)?.with_layer(&TimeoutLayer::new(limit)).build())
}

fn base(mut config: Config) -> Result<ClientBuilder<Connection>, ClientError> {
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_LIMIT);
    ClientBuilder::try_from(config).map_err(|error| ClientError::Configuration(Box::new(error)))
}

/// Counts calls that write, by resource and verb.
#[derive(Clone, Copy, Debug)]
struct CountWrites;

impl<S> Layer<S> for CountWrites {
    type Service = CountingWrites<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CountingWrites { inner }
    }
}

#[derive(Clone, Debug)]
struct CountingWrites<S> {
    inner: S,
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for CountingWrites<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if let Some(verb) = write_verb(request.method()) {
            metrics::api_write(resource(request.uri().path()), verb);
        }
        self.inner.call(request)
    }
}

/// The Kubernetes verb of a method that writes.
#[must_use]
pub fn write_verb(method: &Method) -> Option<&'static str> {
    match *method {
        Method::POST => Some("create"),
        Method::PUT => Some("update"),
        Method::PATCH => Some("patch"),
        Method::DELETE => Some("delete"),
        _ => None,
    }
}

/// The resource that a path of the API is about: `secrets` in
/// `/api/v1/namespaces/courses/secrets/demo`, with the subresource when there is one.
fn resource(path: &str) -> String {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    // `api/v1/…` for the core group, `apis/<group>/<version>/…` for the others.
    let rest = match parts.first() {
        Some(&"api") => parts.get(2..),
        Some(&"apis") => parts.get(3..),
        _ => None,
    }
    .unwrap_or_default();
    let rest = match rest {
        ["namespaces", _, inner @ ..] if !inner.is_empty() => inner,
        other => other,
    };
    match rest {
        [resource, _, subresource, ..] => format!("{resource}/{subresource}"),
        [resource, ..] => (*resource).to_owned(),
        [] => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_its_resource() {
        for (path, expected) in [
            ("/api/v1/namespaces/courses/secrets/demo", "secrets"),
            ("/api/v1/namespaces/courses", "namespaces"),
            ("/apis/apps/v1/namespaces/courses/deployments", "deployments"),
            (
                "/apis/courseplatform.dev/v1alpha1/namespaces/a/courseplatforms/b/status",
                "courseplatforms/status",
            ),
            ("/", "unknown"),
        ] {
            assert_eq!(resource(path), expected, "{path}");
        }
    }

    #[test]
    fn only_methods_that_write_have_a_verb() {
        assert_eq!(write_verb(&Method::GET), None);
        assert_eq!(write_verb(&Method::PATCH), Some("patch"));
    }
}
