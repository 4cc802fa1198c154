//! The real identity beside a service's tests: it gives the service's own tokens, on a database of the test's
//! own, with the clients of every platform.
//!
//! Users' tokens still come from [`TestIssuer::shared`], so that a test needs no people. It must not be used
//! outside tests: it panics where a test should fail.
#![allow(clippy::expect_used, reason = "a test that cannot have its server must fail, with the reason")]

use identity::Identity;
use platform_components::{clients_file, secret_sha256};
use platform_service::{TestComponent, migrate_for_test, spawn_for_test};
use platform_testkit::{Api, Postgres, TcpProxy, TestIssuer, life, secret_file};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

const KEYRING: &str = r#"{"current":"a","keys":{"a":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}}"#;
/// Nothing listens there: events wait.
const NO_BROKER: &str = "amqp://user:password@127.0.0.1:1/none";
/// Every client's, since no test is about somebody else's.
const SECRET: &str = "a secret of tests";

/// The identity service, running.
pub struct TestIdentity {
    /// Between the services and it.
    pub network: TcpProxy,
    token_url: String,
    jwks_uri: String,
    secret: NamedTempFile,
    _component: TestComponent,
    _files: Vec<NamedTempFile>,
    _database: Postgres,
}

impl TestIdentity {
    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// When it can't be started.
    pub async fn start() -> Self {
        let database = Postgres::database().await;
        let clients = clients_file("http://localhost:8080", |_| vec![secret_sha256(SECRET)], []);
        let clients = serde_json::to_string(&clients).expect("JSON");
        let mut files: Vec<_> = [database.url(), KEYRING, NO_BROKER, &clients].map(secret_file).into();
        let settings = [
            ("DATABASE_URL_FILE", path(&files[0])),
            ("KEYRING_FILE", path(&files[1])),
            ("AMQP_URL_FILE", path(&files[2])),
            ("CLIENTS_FILE", path(&files[3])),
            ("ARGON2_MEMORY_KIB", "64"),
            ("ARGON2_ITERATIONS", "1"),
        ];
        migrate_for_test::<Identity>(&settings).await.expect("a migrated database");
        let component = spawn_for_test::<Identity>(&settings).await.expect("a running identity");
        life::ready(&Api::new(component.admin_url(""))).await;

        let jwks: Value = Api::new(component.url("")).get("/identity/jwks").await.expect(200).json();
        let mut keys = jwks["keys"].as_array().cloned().unwrap_or_default();
        assert!(!keys.is_empty(), "identity has no key");
        keys.push(TestIssuer::shared().jwk());
        let jwks = secret_file(&json!({ "keys": keys }).to_string());
        let jwks_uri = format!("file://{}", path(&jwks));
        files.push(jwks);

        let network = TcpProxy::to(component.api.to_string()).await;
        let token_url = format!("http://{}/identity/token", network.address());
        let secret = secret_file(SECRET);
        Self {
            network,
            token_url,
            jwks_uri,
            secret,
            _component: component,
            _files: files,
            _database: database,
        }
    }

    /// The value of `JWKS_URI` for who shall trust it, and [`TestIssuer::shared`].
    #[must_use]
    pub fn jwks_uri(&self) -> &str {
        &self.jwks_uri
    }

    /// The value of `TOKEN_URL`, through [`Self::network`].
    #[must_use]
    pub fn token_url(&self) -> &str {
        &self.token_url
    }

    /// The value of `CLIENT_SECRET_FILE` for whichever client.
    ///
    /// # Panics
    /// When temporary files have names that are no text.
    #[must_use]
    pub fn client_secret_file(&self) -> &str {
        path(&self.secret)
    }
}

fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().expect("a path of text")
}
