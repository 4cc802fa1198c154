//! The virtual host on RabbitMQ (FLOWS §3), made through the management API: its calls say "if not
//! there" by themselves. Limits come before queues, queues before bindings, users last, so that nobody
//! can publish into what isn't there yet.

use std::time::Duration;

use platform_components::provision::{BrokerLoginPlan, RabbitMqPlan};
use platform_components::{ExchangeKind, Topology};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::{ProvisionError, checked, wait};
use crate::connection::{Connection, secret};

const CALL_LIMIT: Duration = Duration::from_secs(10);

/// Why the management API couldn't be used. Never contains a password.
#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    /// The connection's folder doesn't say where it is.
    #[error("RabbitMQ: the connection has no management-uri")]
    NoAddress,
    /// The client can't be made from the connection.
    #[error("RabbitMQ: {0}")]
    Client(reqwest::Error),
    /// It couldn't be reached.
    #[error("RabbitMQ, {what}: {source}")]
    Unreachable {
        /// What was being done.
        what: String,
        /// What went wrong.
        source: reqwest::Error,
    },
    /// It said no.
    #[error("RabbitMQ, {what}: {status} {answer}")]
    Refused {
        /// What was being done.
        what: String,
        /// The status.
        status: StatusCode,
        /// What it said.
        answer: String,
    },
}

impl ManagementError {
    /// Whether asking again later is in vain.
    fn for_good(&self) -> bool {
        matches!(self, Self::NoAddress | Self::Client(_))
            || matches!(self, Self::Refused { status, .. } if *status == StatusCode::UNAUTHORIZED)
    }
}

/// RabbitMQ's management API as an administrator.
#[derive(Clone)]
pub struct Management {
    client: Client,
    base: Url,
    connection: Connection,
}

impl Management {
    /// A client of the management API that the connection names.
    ///
    /// # Errors
    /// When the connection doesn't say where the API is, or its CA bundle is none.
    pub fn new(connection: &Connection) -> Result<Self, ManagementError> {
        let base = connection.management.clone().ok_or(ManagementError::NoAddress)?;
        let mut builder = Client::builder().timeout(CALL_LIMIT);
        if let Some(pem) = &connection.ca {
            for certificate in reqwest::Certificate::from_pem_bundle(pem).map_err(ManagementError::Client)? {
                builder = builder.add_root_certificate(certificate);
            }
        }
        let client = builder.build().map_err(ManagementError::Client)?;
        Ok(Self { client, base, connection: connection.clone() })
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("api").extend(path);
        }
        self.client
            .request(method, url)
            .basic_auth(&self.connection.username, Some(self.connection.password.as_str()))
    }

    /// Calls the API; `path` is below `/api`, one entry a segment.
    ///
    /// # Errors
    /// When it can't be reached or says no.
    pub async fn call(
        &self,
        what: &str,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<Value, ManagementError> {
        let unreachable = |source: reqwest::Error| ManagementError::Unreachable {
            what: what.to_owned(),
            source: source.without_url(),
        };
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let answer = response.text().await.map_err(unreachable)?;
        if !status.is_success() {
            return Err(ManagementError::Refused { what: what.to_owned(), status, answer });
        }
        Ok(serde_json::from_str(&answer).unwrap_or(Value::Null))
    }

    async fn put(&self, what: &str, path: &[&str], body: &Value) -> Result<(), ManagementError> {
        self.call(what, Method::PUT, path, Some(body)).await.map(drop)
    }
}

pub(super) async fn provision(plan: &RabbitMqPlan, patience: Duration) -> Result<(), ProvisionError> {
    let connection = Connection::read(&plan.connection)?;
    let management = Management::new(&connection)?;
    wait::until_it_answers("RabbitMQ", patience, ManagementError::for_good, async || {
        management.call("looking for it", Method::GET, &["overview"], None).await
    })
    .await?;
    let vhost = checked(&plan.vhost)?;
    let place = VirtualHost { management: &management, name: vhost };
    place.make(&connection.username).await?;
    place.topology(&plan.topology).await?;
    for user in &plan.users {
        place.user(&plan.topology, user).await?;
    }
    Ok(())
}

struct VirtualHost<'a> {
    management: &'a Management,
    name: &'a str,
}

impl VirtualHost<'_> {
    async fn make(&self, administrator: &str) -> Result<(), ManagementError> {
        self.management.put("making the virtual host", &["vhosts", self.name], &json!({})).await?;
        // Declaring in a virtual host takes a permission there, for administrators too.
        let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
        let path = ["permissions", self.name, administrator];
        self.management.put("entering the virtual host", &path, &all).await
    }

    async fn topology(&self, topology: &Topology) -> Result<(), ManagementError> {
        for policy in &topology.policies {
            let body = json!({
                "pattern": policy.pattern, "definition": policy.definition, "apply-to": "queues", "priority": 0,
            });
            let what = format!("setting policy {}", policy.name);
            self.management.put(&what, &["policies", self.name, &policy.name], &body).await?;
        }
        for exchange in &topology.exchanges {
            let kind = match exchange.kind {
                ExchangeKind::Topic => "topic",
                ExchangeKind::Direct => "direct",
                ExchangeKind::Fanout => "fanout",
            };
            let body = json!({"type": kind, "durable": true, "arguments": exchange.arguments});
            let what = format!("making exchange {}", exchange.name);
            self.management.put(&what, &["exchanges", self.name, &exchange.name], &body).await?;
        }
        for queue in &topology.queues {
            let body = json!({"durable": true, "arguments": queue.arguments});
            let what = format!("making queue {}", queue.name);
            self.management.put(&what, &["queues", self.name, &queue.name], &body).await?;
        }
        for binding in &topology.bindings {
            let path = ["bindings", self.name, "e", binding.exchange.as_str(), "q", binding.queue.as_str()];
            let body = json!({"routing_key": binding.routing_key, "arguments": {}});
            let what = format!("binding {} to {}", binding.queue, binding.exchange);
            self.management.call(&what, Method::POST, &path, Some(&body)).await?;
        }
        Ok(())
    }

    async fn user(&self, topology: &Topology, plan: &BrokerLoginPlan) -> Result<(), ProvisionError> {
        let name = checked(&plan.login.name)?;
        let password = secret(&plan.login.password_file)?;
        let account = json!({"password": password.as_str(), "tags": ""});
        self.management.put(&format!("making user {name}"), &["users", name], &account).await?;
        let Some(may) = topology.users.iter().find(|user| user.component == plan.component) else {
            return Ok(());
        };
        // Topic permissions first: a user without any on an exchange may use every key there.
        self.topic_permissions(name, may).await?;
        let permissions = json!({"configure": may.configure, "write": may.write, "read": may.read});
        let what = format!("giving {name} its permissions");
        Ok(self.management.put(&what, &["permissions", self.name, name], &permissions).await?)
    }

    async fn topic_permissions(
        &self,
        name: &str,
        may: &platform_components::BrokerUser,
    ) -> Result<(), ManagementError> {
        let path = ["topic-permissions", self.name, name];
        let what = format!("giving {name} its routing keys");
        let wanted = |exchange: &str| may.topics.iter().any(|topic| topic.exchange == exchange);
        // By user: the same question with the virtual host in it answers 404 where there is none yet.
        let by_user = ["users", name, "topic-permissions"];
        let had = self.management.call(&what, Method::GET, &by_user, None).await?;
        let here = |permission: &&Value| permission.get("vhost").and_then(Value::as_str) == Some(self.name);
        let stale = had.as_array().into_iter().flatten().filter(here).any(|permission| {
            permission.get("exchange").and_then(Value::as_str).is_some_and(|exchange| !wanted(exchange))
        });
        if stale {
            // They can only be taken away together. The user's general permissions go first, or it could
            // use every routing key for a moment.
            let nothing = json!({"configure": "^$", "write": "^$", "read": "^$"});
            self.management.put(&what, &["permissions", self.name, name], &nothing).await?;
            self.management.call(&what, Method::DELETE, &path, None).await?;
        }
        for topic in &may.topics {
            let body = json!({"exchange": topic.exchange, "write": topic.write, "read": "^$"});
            self.management.put(&what, &path, &body).await?;
        }
        Ok(())
    }
}
