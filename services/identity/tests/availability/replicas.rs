//! Replicas of identity on one database, and which of them get requests.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use platform_components::secret_sha256;
use platform_testkit::{Api, Binary, Postgres, Running, eventually, secret_file};
use serde_json::{Value, json};
use sqlx::Connection as _;
use tempfile::NamedTempFile;

pub(crate) const SECRET: &str = "a-secret-of-tests";
pub(crate) const ISSUER: &str = "http://localhost:8080/identity";
const KEYRING: &str = r#"{"current":"a","keys":{"a":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}}"#;
/// Nothing listens there: events wait.
const NO_BROKER: &str = "amqp://user:password@127.0.0.1:1/none";
const SOON: Duration = Duration::from_secs(30);

/// The addresses of the replicas that are ready, as an EndpointSlice has them.
#[derive(Clone, Default)]
pub(crate) struct Endpoints(Arc<Mutex<(usize, Vec<String>)>>);

impl Endpoints {
    /// The next one in turn.
    pub(crate) fn pick(&self) -> String {
        let mut inner = self.0.lock().unwrap();
        inner.0 += 1;
        let (turn, all) = &*inner;
        all[turn % all.len()].clone()
    }

    fn add(&self, api: &str) {
        self.0.lock().unwrap().1.push(api.to_owned());
    }

    fn remove(&self, api: &str) {
        self.0.lock().unwrap().1.retain(|known| known != api);
    }
}

/// One process.
pub(crate) struct Replica {
    pub(crate) api: String,
    admin: Api,
    running: Running,
}

/// What the replicas share.
pub(crate) struct Platform {
    pub(crate) endpoints: Endpoints,
    binary: Binary,
    database: Postgres,
    _files: Vec<NamedTempFile>,
}

impl Platform {
    pub(crate) async fn new() -> Self {
        let database = Postgres::database().await;
        let scope = |name: &str, audience: &str, subject: &str| json!({"name": name, "audience": audience, "subject": subject});
        let client = |id: &str, grants: &[&str], scopes: &[&str]| {
            json!({"id": id, "type": "confidential", "secretSha256": [secret_sha256(SECRET)], "firstParty": true,
                   "grants": grants, "scopes": scopes})
        };
        let clients = json!({
            "version": 1,
            "scopes": [
                scope("openid", "identity", "user"),
                scope("offline_access", "identity", "user"),
                scope("basket.sys.read", "basket", "service"),
            ],
            "clients": [
                client("order", &["client_credentials"], &["basket.sys.read"]),
                client("app", &["password", "refresh_token"], &["openid", "offline_access"]),
            ],
        });
        let clients = clients.to_string();
        let files: Vec<_> = [database.url(), KEYRING, NO_BROKER, &clients].map(secret_file).into();
        let path = |index: usize| files[index].path().to_str().unwrap();
        let binary = Binary::new(env!("CARGO_BIN_EXE_identity"))
            .env("DATABASE_URL_FILE", path(0))
            .env("KEYRING_FILE", path(1))
            .env("AMQP_URL_FILE", path(2))
            .env("CLIENTS_FILE", path(3))
            .env("ARGON2_MEMORY_KIB", "64")
            .env("ARGON2_ITERATIONS", "1")
            .env("PASSWORD_GRANT", "true")
            .env("DRAIN_DELAY_SECONDS", "1");
        binary.succeeds(&["migrate"]).await;
        Self { endpoints: Endpoints::default(), binary, database, _files: files }
    }

    /// Starts a replica; it gets requests as soon as it is ready.
    pub(crate) async fn add(&self) -> Replica {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let (api, admin) = (free(), free());
        let running = self.binary.clone().env("LISTEN_ADDR", &api).env("ADMIN_ADDR", &admin).start();
        let admin = Api::new(format!("http://{admin}"));
        let ready = || async {
            admin.try_send(Method::GET, "/readyz", None, "").await.is_ok_and(|answer| answer.status == 200)
        };
        eventually(SOON, ready).await;
        let api = format!("http://{api}");
        self.endpoints.add(&api);
        Replica { api, admin, running }
    }

    /// Tells a replica to leave; callers learn it from its readiness.
    pub(crate) async fn leave(&self, replica: Replica) {
        let Replica { api, admin, running } = replica;
        let ended = tokio::spawn(running.terminate());
        eventually(SOON, || async { admin.get("/readyz").await.status == 503 }).await;
        self.endpoints.remove(&api);
        let (code, log) = ended.await.unwrap();
        assert_eq!(code, Some(0), "{log}");
    }

    /// Kills a replica; callers learn it before they send anything more. Answers which one it was.
    pub(crate) fn kill(&self, mut replica: Replica) -> String {
        replica.running.kill();
        self.endpoints.remove(&replica.api);
        replica.api
    }

    /// Runs a command of identity's, as its administrator does.
    pub(crate) async fn command(&self, name: &str) {
        self.binary.succeeds(&[name]).await;
    }

    /// The keys that a replica publishes.
    pub(crate) async fn kids(&self, replica: &Replica) -> Vec<String> {
        let jwks: Value = Api::new(replica.api.clone()).get("/identity/jwks").await.expect(200).json();
        let keys = jwks["keys"].as_array().unwrap();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    /// The keys become a day older.
    pub(crate) async fn let_a_day_pass(&self) {
        let mut connection = sqlx::PgConnection::connect(self.database.url()).await.unwrap();
        let older = "UPDATE signing_keys SET created_at = created_at - interval '1 day',
                            published_at = published_at - interval '1 day', not_before = not_before - interval '1 day'";
        sqlx::query(older).execute(&mut connection).await.unwrap();
    }

    /// A person with a password.
    pub(crate) async fn person(&self, email: &str) {
        let body =
            json!({"email": email, "password": "correct horse battery", "name": "Someone", "city": "İzmir"});
        let api = Api::new(self.endpoints.pick());
        api.send(Method::POST, "/identity/v1/accounts", Some("application/json"), body.to_string())
            .await
            .assert_status(201);
    }
}
