//! The JSON routes with tokens, over the stores on a real PostgreSQL.

mod administration;
mod links;
mod own;
mod sessions;

use std::sync::Arc;

use axum::Router;
use platform_auth::{Authenticator, KeySet, Keys};
use platform_messaging::RelayWaker;
use platform_testkit::{Api, Postgres, TestIssuer};
use serde_json::json;
use time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{State, refuse_ended, routes};
use crate::POSTGRES_MIGRATIONS;
use crate::accounts::store::AccountStore;
use crate::accounts::{Accounts, Hasher, PostgresAccounts, Roles, Rules, Words};
use crate::clients::Clients;
use crate::consents::{Consents, PostgresConsents};
use crate::cookies::Jar;
use crate::grants::{PostgresGrants, TokenStates};
use crate::mail::{MailWaker, PostgresMails};
use crate::second_factor::{PostgresSecondFactors, RequiredFor, SecondFactors};
use crate::sessions::{PostgresSessions, SessionStore, Sessions};
use crate::settings::{LimitSettings, PasswordSettings};
use crate::throttle::{PostgresThrottle, Throttle};

const PASSWORD: &str = "correct horse battery";
/// Whose tokens are used.
const CLIENTS: &str = r#"{"version":1,"scopes":[],"clients":[
    {"id":"web","type":"public","grants":["authorization_code"],"redirectUris":["app://web"],"scopes":[]}]}"#;

const KEYRING: &str = r#"{"current":"a","keys":{"a":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}}"#;

/// The routes, served.
struct World {
    api: Api,
    accounts: Accounts,
    sessions: Sessions,
    pool: sqlx::PgPool,
    stop: CancellationToken,
    _keyring: tempfile::NamedTempFile,
    _database: Postgres,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl World {
    async fn new(verified_email_required: bool) -> Self {
        let database = Postgres::database().await;
        let pool = sqlx::PgPool::connect(database.url()).await.unwrap();
        POSTGRES_MIGRATIONS.run(&pool).await.unwrap();
        let passwords = PasswordSettings {
            argon2_memory_kib: 64,
            argon2_iterations: 1,
            argon2_parallelism: 1,
            password_memory_mib: 1,
        };
        let limits = LimitSettings {
            sign_in_free_failures: 3,
            sign_in_free_failures_by_address: 50,
            sign_in_first_delay_seconds: 600,
            sign_in_longest_delay_seconds: 600,
            sign_in_forget_seconds: 3600,
            requests_free: 1000,
        };
        let throttle = Throttle::new(Arc::new(PostgresThrottle::new(pool.clone())), &limits);
        let store: Arc<dyn AccountStore> = Arc::new(PostgresAccounts::new(pool.clone()));
        let rules = Rules {
            sign_up_open: true,
            mail_reaches_people: false,
            verified_email_required,
            second_factor: RequiredFor::None,
            words: Words::of_platform("courses.example.com"),
        };
        let accounts = Accounts::new(
            Arc::clone(&store),
            Arc::new(PostgresMails::new(pool.clone())),
            Hasher::new(&passwords).unwrap(),
            throttle.clone(),
            rules,
            (RelayWaker::default(), MailWaker::default()),
        );
        let kept: Arc<dyn SessionStore> = Arc::new(PostgresSessions::new(pool.clone()));
        let sessions = Sessions::new(kept, store, Jar { https: false }, Duration::DAY);
        let public = |path: &str| format!("http://localhost:8080/identity{path}").parse().unwrap();

        let keys = Keys::default();
        let jwks = json!({ "keys": [TestIssuer::shared().jwk()] }).to_string();
        keys.replace(KeySet::parse(jwks.as_bytes()).unwrap());
        let authenticator = Authenticator::new("http://localhost:8080/identity".to_owned(), "gateway", keys);
        let file = platform_testkit::secret_file(CLIENTS);
        let clients = Clients::new(Some(file.path().to_str().unwrap().parse().unwrap()));
        let consents = Consents::new(Arc::new(PostgresConsents::new(pool.clone())), clients.clone());
        let keyring = platform_testkit::secret_file(KEYRING);
        let second_factors = SecondFactors::new(
            Arc::new(PostgresSecondFactors::new(pool.clone())),
            accounts.clone(),
            throttle,
            keyring.path().to_str().unwrap().parse().unwrap(),
        );
        let state = State::new(accounts.clone(), sessions.clone(), consents, second_factors, public);
        let states = TokenStates::new(clients, Arc::new(PostgresGrants::new(pool.clone())));
        let api = refuse_ended(Router::from(routes().with_state(state)), states);
        let router = authenticator.protect(api);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = Api::new(format!("http://{}", listener.local_addr().unwrap()));
        let stop = CancellationToken::new();
        let (stopped, drain) = (stop.clone(), std::time::Duration::ZERO);
        tokio::spawn(platform_http::server::serve(listener, router, stopped, drain));
        Self { api, accounts, sessions, pool, stop, _keyring: keyring, _database: database }
    }

    /// Signs somebody up; gives their id.
    async fn account(&self, email: &str) -> Uuid {
        let body = json!({ "email": email, "password": PASSWORD, "name": "Ada", "language": "en" });
        self.api.post("/identity/v1/accounts", body).await.assert_status(201);
        self.accounts.find_by_email(email).await.unwrap().unwrap().id
    }

    /// Calls as this user, with this scope, having signed in just now.
    fn calling(&self, user: Uuid, scope: &str) -> Api {
        let token = TestIssuer::shared().user("gateway", user).without_claim("sid");
        self.api.with_token(&token.scope(scope).sign())
    }

    async fn make_admin(&self, user: Uuid) {
        self.accounts.set_roles(user, Roles { instructor: false, admin: true }).await.unwrap();
    }

    fn own(&self, user: Uuid) -> Api {
        self.calling(user, "account.manage")
    }

    /// The types of the events of somebody's account, with their versions.
    async fn events(&self, id: Uuid) -> Vec<(String, i64)> {
        let sql =
            "SELECT routing_key, aggregate_version FROM outbox WHERE aggregate_id = $1 ORDER BY position";
        sqlx::query_as(sql).bind(id.to_string()).fetch_all(&self.pool).await.unwrap()
    }
}
