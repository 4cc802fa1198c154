//! The one HTTP client for calls between components: timeouts, retries of what is safe, trace context.

use std::time::Duration;

use http::{Method, StatusCode};
use rand::RngExt as _;
use reqwest::{RequestBuilder, Response};
use serde::de::DeserializeOwned;
use tracing::Instrument as _;
use url::Url;

/// How often a safe request is sent in all.
const ATTEMPTS: u32 = 3;
/// Pause before the second attempt, at most; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);
/// Answers of peers are bounded like requests are: a peer gone wrong must not fill our memory.
const LARGEST_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// Why a call to a peer gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The peer could not be reached, or did not answer in time.
    #[error("{peer} is unreachable")]
    Unreachable {
        /// Which component.
        peer: &'static str,
        /// What the connection said.
        source: reqwest::Error,
    },
    /// The peer answered with an error.
    #[error("{peer} answered {status}: {detail}")]
    Status {
        /// Which component.
        peer: &'static str,
        /// The status it answered with.
        status: StatusCode,
        /// The `type` and `detail` of its problem document, or nothing.
        detail: String,
    },
    /// The peer's answer has not the form that was agreed on.
    #[error("{peer} answered something else than expected: {reason}")]
    Unexpected {
        /// Which component.
        peer: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl ClientError {
    /// The status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Unreachable { .. } | Self::Unexpected { .. } => None,
        }
    }
}

/// A client for one peer. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct PeerClient {
    peer: &'static str,
    base: Url,
    http: reqwest::Client,
}

impl PeerClient {
    /// A client for the component `peer` at `base` (`http://demo-catalog:8080`).
    ///
    /// # Errors
    /// When the client can't be set up, which has to do with the system, not with the peer.
    pub fn new(peer: &'static str, base: Url) -> Result<Self, ClientError> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .pool_idle_timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|source| ClientError::Unreachable { peer, source })?;
        Ok(Self { peer, base, http })
    }

    /// A request to `path`, which begins with a slash and is appended to the base.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let base = self.base.as_str().trim_end_matches('/');
        self.http.request(method, format!("{base}{path}"))
    }

    /// Gets `path` and reads its JSON answer. Safe, so retried when the peer is away.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.json(self.request(Method::GET, path)).await
    }

    /// Sends a request and reads its JSON answer.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let body = self.bytes(self.send(request).await?).await?;
        serde_json::from_slice(&body)
            .map_err(|error| ClientError::Unexpected { peer: self.peer, reason: error.to_string() })
    }

    /// Sends a request. GET and HEAD are tried up to three times when the peer is away or busy; everything
    /// else once, since nobody knows whether it had its effect.
    ///
    /// # Errors
    /// See [`ClientError`]; any status from 400 on is an error.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let span = tracing::info_span!("http call", otel.kind = "client", peer.service = self.peer);
        self.send_with_retries(request).instrument(span).await
    }

    async fn send_with_retries(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let mut headers = http::HeaderMap::new();
        platform_telemetry::propagation::inject_into_headers(&mut headers);
        let mut next = Some(request.headers(headers));
        let mut attempt = 1;
        loop {
            let Some(this) = next.take() else {
                return Err(ClientError::Unexpected {
                    peer: self.peer,
                    reason: "request can't be repeated".into(),
                });
            };
            next = this.try_clone();
            let request =
                this.build().map_err(|source| ClientError::Unreachable { peer: self.peer, source })?;
            let safe = matches!(*request.method(), Method::GET | Method::HEAD);
            let answer = self.http.execute(request).await;
            let passing = match &answer {
                Err(_) => true,
                Ok(response) => matches!(response.status().as_u16(), 502..=504),
            };
            if !(safe && passing && attempt < ATTEMPTS && next.is_some()) {
                return self.check(answer).await;
            }
            let longest = FIRST_PAUSE * 2_u32.pow(attempt - 1);
            // Drawn before the wait: the generator is of this thread, the future may go on in another.
            let pause = longest.mul_f64(rand::rng().random_range(0.5..1.0));
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn check(&self, answer: Result<Response, reqwest::Error>) -> Result<Response, ClientError> {
        let response = answer.map_err(|source| ClientError::Unreachable { peer: self.peer, source })?;
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            let body = self.bytes(response).await.unwrap_or_default();
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let text = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
            let detail = format!("{} {}", text("type"), text("detail")).trim().to_owned();
            return Err(ClientError::Status { peer: self.peer, status, detail });
        }
        Ok(response)
    }

    async fn bytes(&self, mut response: Response) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await;
            let Some(chunk) = chunk.map_err(|source| ClientError::Unreachable { peer: self.peer, source })?
            else {
                return Ok(body);
            };
            if body.len() + chunk.len() > LARGEST_ANSWER_BYTES {
                let reason = format!("more than {LARGEST_ANSWER_BYTES} bytes");
                return Err(ClientError::Unexpected { peer: self.peer, reason });
            }
            body.extend_from_slice(&chunk);
        }
    }
}
