//! A RabbitMQ virtual host for one test, through the management API.

use http::Method;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::Url;

use crate::{cleanup, name, required};

/// A virtual host of its own with a user who may do everything in it; both are deleted with this value, and
/// every user made by [`RabbitMq::user`] too.
#[derive(Debug)]
pub struct RabbitMq {
    name: String,
    url: Url,
    management: Management,
}

impl RabbitMq {
    /// Makes a virtual host and a user of the same name and password on the broker whose management API is
    /// `TEST_RABBITMQ_MANAGEMENT_URL`, reached by clients at `TEST_AMQP_URL`.
    ///
    /// # Panics
    /// When there is no broker, or it refuses.
    pub async fn vhost() -> Self {
        static STALE: OnceCell<()> = OnceCell::const_new();
        let management = Management::from_env();
        STALE.get_or_init(|| management.delete_stale()).await;
        let name = name::unique();
        let amqp: Url = required("TEST_AMQP_URL").parse().expect("TEST_AMQP_URL is a URL");
        management.call(Method::PUT, &["vhosts", &name], Some(json!({ "tags": "test" }))).await;
        let mut vhost = Self { url: amqp, name: name.clone(), management };
        vhost.url = vhost.make_user(&name, [".*", ".*", ".*"]).await;
        vhost
    }

    /// `amqp://user:password@host:port/vhost` of the user who may do everything.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The same through another address, such as a [`TcpProxy`](crate::TcpProxy)'s.
    #[must_use]
    pub fn url_through(&self, address: std::net::SocketAddr) -> String {
        crate::proxy::through(&self.url, address)
    }

    /// Where the broker listens: what a [`TcpProxy`](crate::TcpProxy) forwards to.
    #[must_use]
    pub fn address(&self) -> String {
        crate::proxy::address(&self.url, 5672)
    }

    /// The virtual host's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The management API with its administrator, `http://user:password@host:port`.
    #[must_use]
    pub fn management_url(&self) -> &str {
        self.management.base.as_str()
    }

    /// Makes the user `<vhost>_<suffix>` with these regular expressions for what it may configure, write and
    /// read, and gives its URL. Its password is its name.
    pub async fn user(&self, suffix: &str, configure: &str, write: &str, read: &str) -> String {
        self.make_user(&format!("{}_{suffix}", self.name), [configure, write, read]).await.into()
    }

    /// Calls the management API below this virtual host: `queues` with no further parts lists its queues.
    ///
    /// # Panics
    /// When the answer is an error.
    pub async fn manage(&self, method: Method, object: &str, rest: &[&str], body: Option<Value>) -> Value {
        let parts: Vec<&str> = [object, &self.name].into_iter().chain(rest.iter().copied()).collect();
        self.management.call(method, &parts, body).await
    }

    /// Closes every client's connection to this virtual host, as a broker that restarts does.
    pub async fn close_connections(&self) {
        let list = self.management.call(Method::GET, &["vhosts", &self.name, "connections"], None).await;
        for connection in list.as_array().into_iter().flatten() {
            if let Some(name) = connection["name"].as_str() {
                // It may have gone by itself meanwhile.
                self.management.try_call(Method::DELETE, &["connections", name], None).await.ok();
            }
        }
    }

    async fn make_user(&self, user: &str, [configure, write, read]: [&str; 3]) -> Url {
        let management = &self.management;
        management.call(Method::PUT, &["users", user], Some(json!({ "password": user, "tags": "" }))).await;
        let rights = json!({ "configure": configure, "write": write, "read": read });
        management.call(Method::PUT, &["permissions", &self.name, user], Some(rights)).await;
        let mut url = self.url.clone();
        url.set_username(user).expect("an AMQP URL has a user");
        url.set_password(Some(user)).expect("an AMQP URL has a password");
        url.set_path(&self.name);
        url
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        let (management, name) = (self.management.fresh(), self.name.clone());
        cleanup::run(async move { management.delete(&name).await });
    }
}

/// The broker's management API.
#[derive(Debug)]
struct Management {
    base: Url,
    http: Client,
}

impl Management {
    fn from_env() -> Self {
        let base =
            required("TEST_RABBITMQ_MANAGEMENT_URL").parse().expect("TEST_RABBITMQ_MANAGEMENT_URL is a URL");
        Self { base, http: Client::builder().no_proxy().build().expect("an HTTP client") }
    }

    /// The same with connections of its own: those of a client belong to the runtime that made them.
    fn fresh(&self) -> Self {
        Self { base: self.base.clone(), http: Client::builder().no_proxy().build().expect("an HTTP client") }
    }

    async fn call(&self, method: Method, parts: &[&str], body: Option<Value>) -> Value {
        self.try_call(method, parts, body)
            .await
            .unwrap_or_else(|e| panic!("RabbitMQ's management API ({}): {e}", parts.join("/")))
    }

    async fn try_call(&self, method: Method, parts: &[&str], body: Option<Value>) -> Result<Value, String> {
        let mut url = self.base.clone();
        // Names are escaped by the URL: a virtual host may be called "/".
        url.path_segments_mut().map_err(|()| "not a base URL".to_owned())?.clear().push("api").extend(parts);
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.map_err(|e| e.to_string())?;
        let (status, text) = (answer.status(), answer.text().await.map_err(|e| e.to_string())?);
        if !status.is_success() {
            return Err(format!("{status}: {text}"));
        }
        if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text).map_err(|e| e.to_string()) }
    }

    async fn delete(&self, vhost: &str) {
        let permissions =
            self.try_call(Method::GET, &["vhosts", vhost, "permissions"], None).await.unwrap_or_default();
        let _ = self.try_call(Method::DELETE, &["vhosts", vhost], None).await;
        for user in permissions.as_array().into_iter().flatten().filter_map(|p| p["user"].as_str()) {
            if user.starts_with(vhost) {
                let _ = self.try_call(Method::DELETE, &["users", user], None).await;
            }
        }
    }

    /// Deletes what aborted runs left.
    async fn delete_stale(&self) {
        let list = self.call(Method::GET, &["vhosts"], None).await;
        for name in list.as_array().into_iter().flatten().filter_map(|v| v["name"].as_str()) {
            if name::is_stale(name) {
                self.delete(name).await;
            }
        }
    }
}
