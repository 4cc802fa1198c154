//! A small HTTP client for tests of a service's API: it shows the whole answer when one is not as expected.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use reqwest::{Body, Client};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::{TestIssuer, routes};

/// Calls one component (or the gateway), as somebody.
#[derive(Clone, Debug)]
pub struct Api {
    base: String,
    headers: HeaderMap,
    http: Client,
}

impl Api {
    /// A client without credentials for `base`, such as `http://127.0.0.1:8080`. It follows no redirect and
    /// gives up after 30 s.
    ///
    /// # Panics
    /// When no HTTP client can be made.
    #[must_use]
    pub fn new(base: impl Into<String>) -> Self {
        Self { base: base.into().trim_end_matches('/').to_owned(), headers: HeaderMap::new(), http: client() }
    }

    /// The same client with connections of its own, for requests after which the server closes them.
    pub(crate) fn apart(&self) -> Self {
        Self { http: client(), ..self.clone() }
    }

    /// The same client as the user with this id, who may do everything that users may, at every service: what
    /// a scope is for is the business of [`routes`](crate::routes). The token is of [`TestIssuer::shared`].
    #[must_use]
    pub fn as_user(&self, user: Uuid) -> Self {
        self.with_token(&TestIssuer::shared().any_user(user).sign())
    }

    /// The same client as the component `client_id`, with a system scope at every service.
    #[must_use]
    pub fn as_service(&self, client_id: &str, scope: &str) -> Self {
        let token = TestIssuer::shared().service("", client_id).claim("aud", routes::AUDIENCES);
        self.with_token(&token.scope(scope).sign())
    }

    /// The same client with this bearer token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// The same client with one more header on each request, in place of an earlier one of that name.
    ///
    /// # Panics
    /// When the name or value is no header.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        let name: HeaderName = name.parse().expect("a header's name");
        other.headers.insert(name, HeaderValue::from_str(value).expect("a header's value"));
        other
    }

    /// The same client with one more value of a header, beside an earlier one of that name.
    ///
    /// # Panics
    /// When the name or value is no header.
    #[must_use]
    pub fn and_with(&self, name: &str, value: &[u8]) -> Self {
        let mut other = self.clone();
        let name: HeaderName = name.parse().expect("a header's name");
        other.headers.append(name, HeaderValue::from_bytes(value).expect("a header's value"));
        other
    }

    /// The address it calls.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, Body::default()).await
    }

    /// `DELETE path`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, Body::default()).await
    }

    /// `POST path` with JSON.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some("application/json"), body.to_string()).await
    }

    /// `PUT path` with JSON.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some("application/json"), body.to_string()).await
    }

    /// `PATCH path` with JSON.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some("application/json"), body.to_string()).await
    }

    /// Sends anything.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: impl Into<Body>,
    ) -> Answer {
        self.try_send(method.clone(), path, content_type, body)
            .await
            .unwrap_or_else(|e| panic!("{method} {}{path}: {e:?}", self.base))
    }

    /// Sends anything, and may fail to get an answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: impl Into<Body>,
    ) -> reqwest::Result<Answer> {
        let mut request =
            self.http.request(method.clone(), format!("{}{path}", self.base)).headers(self.headers.clone());
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let answer = request.body(body).send().await?;
        Ok(Answer {
            request: format!("{method} {path}"),
            status: answer.status(),
            headers: answer.headers().clone(),
            body: answer.bytes().await?.into(),
        })
    }
}

fn client() -> Client {
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(30))
        .build()
        .expect("an HTTP client")
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    request: String,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl Answer {
    /// Asserts the status.
    ///
    /// # Panics
    /// With the whole answer, when the status is another.
    #[track_caller]
    #[must_use = "call `.json()` on it, or use `assert_status`"]
    pub fn expect(self, status: u16) -> Self {
        self.assert_status(status);
        self
    }

    /// Asserts the status.
    ///
    /// # Panics
    /// With the whole answer, when the status is another.
    #[track_caller]
    pub fn assert_status(&self, status: u16) {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{} answered {}: {}",
            self.request,
            self.status,
            self.text()
        );
    }

    /// Asserts that this is the problem `https://courseplatform.dev/problems/<slug>` with this status, and
    /// gives the problem document.
    ///
    /// # Panics
    /// With the whole answer, when it is not.
    #[track_caller]
    pub fn problem(&self, status: u16, slug: &str) -> Value {
        self.assert_status(status);
        let problem = self.any_problem();
        assert_eq!(problem["type"], format!("https://courseplatform.dev/problems/{slug}"), "{}", self.text());
        problem
    }

    /// Asserts that this is a problem document of any kind (RFC 9457) and gives it.
    ///
    /// # Panics
    /// With the whole answer, when it is not.
    #[track_caller]
    pub fn any_problem(&self) -> Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{} {}: {}",
            self.request,
            self.status,
            self.text()
        );
        let problem: Value = self.json();
        assert_eq!(problem["status"], self.status.as_u16(), "{}: {}", self.request, self.text());
        assert!(
            problem["type"].is_string() && problem["title"].is_string(),
            "{}: {}",
            self.request,
            self.text()
        );
        problem
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// With the whole answer, when it is something else.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| {
            panic!(
                "{} answered {}, which is not the JSON expected ({e}): {}",
                self.request,
                self.status,
                self.text()
            )
        })
    }

    /// A header's value, when it is there.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
