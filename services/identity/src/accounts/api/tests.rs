//! The JSON routes with tokens, over the stores on a real PostgreSQL.

use std::sync::Arc;

use axum::Router;
use http::Method;
use platform_auth::{Authenticator, KeySet, Keys};
use platform_messaging::RelayWaker;
use platform_testkit::{Api, Postgres, TestIssuer, bad_input};
use serde_json::{Value, json};
use time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{State, refuse_ended, routes};
use crate::POSTGRES_MIGRATIONS;
use crate::accounts::service::FirstAdmin;
use crate::accounts::store::AccountStore;
use crate::accounts::{
    AccountError, Accounts, Email, Hasher, Password, PostgresAccounts, Roles, Rules, Words,
};
use crate::clients::Clients;
use crate::consents::{Consents, PostgresConsents};
use crate::cookies::Jar;
use crate::grants::{PostgresGrants, TokenStates};
use crate::mail::{Kind, MailStore, MailWaker, PostgresMails, Purpose};
use crate::second_factor::{PostgresSecondFactors, RequiredFor, SecondFactors};
use crate::sessions::{Methods, PostgresSessions, SessionStore, Sessions};
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

#[tokio::test]
async fn an_account_is_read_and_changed_by_its_owner_only() {
    let world = World::new(false).await;
    let ada = world.account("ada@example.com").await;
    let own = world.own(ada);
    let answer = own.get("/identity/v1/account").await.expect(200);
    let (tag, document) = (answer.header("etag").unwrap().to_owned(), answer.json::<Value>());
    assert_eq!((&document["email"], &document["roles"]), (&json!("ada@example.com"), &json!(["student"])));
    assert!(!answer.text().contains("argon2"));

    let change = json!({ "name": " Ada Lovelace ", "city": "Londra" });
    own.patch("/identity/v1/account", change.clone()).await.problem(428, "precondition-required");
    let changed = own.with("if-match", &tag).patch("/identity/v1/account", change.clone()).await.expect(200);
    assert_eq!(changed.json::<Value>()["name"], "Ada Lovelace");
    own.with("if-match", &tag)
        .patch("/identity/v1/account", change)
        .await
        .problem(412, "precondition-failed");

    world.api.get("/identity/v1/account").await.problem(401, "unauthenticated");
    world.calling(ada, "order.read").get("/identity/v1/account").await.assert_status(403);
    let elsewhere = TestIssuer::shared().user("order", ada).scope("account.manage").sign();
    world.api.with_token(&elsewhere).get("/identity/v1/account").await.problem(401, "unauthenticated");
    world.own(Uuid::now_v7()).get("/identity/v1/account").await.problem(401, "unauthenticated");
    assert_eq!(world.events(ada).await, [("identity.user.registered.v1".to_owned(), 1)]);
}

#[tokio::test]
async fn teaching_is_for_verified_addresses_where_that_is_demanded_and_told_once() {
    let world = World::new(true).await;
    let ada = world.account("ada@example.com").await;
    let own = world.own(ada);
    own.post("/identity/v1/account/teaching", json!({})).await.problem(403, "email-not-verified");
    let verified = "UPDATE accounts SET email_verified_at = now() WHERE id = $1";
    sqlx::query(verified).bind(ada).execute(&world.pool).await.unwrap();
    for _ in 0..2 {
        let answer = own.post("/identity/v1/account/teaching", json!({})).await.expect(200);
        assert_eq!(answer.json::<Value>()["roles"], json!(["student", "instructor"]));
    }
    let granted = ("identity.role.granted.v1".to_owned(), 2);
    assert_eq!(world.events(ada).await, [("identity.user.registered.v1".to_owned(), 1), granted]);
}

#[tokio::test]
async fn what_can_not_be_undone_wants_a_recent_password() {
    let world = World::new(false).await;
    let ada = world.account("ada@example.com").await;
    let hour_ago = platform_service::now().unix_timestamp() - 3600;
    let token = TestIssuer::shared().user("gateway", ada).without_claim("sid");
    let token = token.scope("account.manage").claim("auth_time", hour_ago);
    let stale = world.api.with_token(&token.sign());
    let change = json!({ "current_password": PASSWORD, "new_password": "another horse battery" });
    let path = "/identity/v1/account/password";
    for answer in [
        stale.put(path, change.clone()).await,
        stale.put("/identity/v1/account/email", json!({ "email": "new@example.com" })).await,
        stale.delete("/identity/v1/account").await,
    ] {
        answer.problem(401, "unauthenticated");
        assert!(answer.header("www-authenticate").unwrap().contains("max_age=\"300\""));
    }
    let own = world.own(ada);
    own.put("/identity/v1/account/email", json!({ "email": "new@example.com" })).await.assert_status(202);
    let wrong = json!({ "current_password": "no", "new_password": "another horse battery" });
    own.put(path, wrong.clone()).await.problem(422, "invalid-request");
    own.put(path, change).await.assert_status(204);
    for _ in 0..4 {
        own.put(path, wrong.clone()).await.assert_status(422);
    }
    assert!(own.put(path, wrong).await.expect(429).header("retry-after").is_some());

    own.delete("/identity/v1/account").await.assert_status(204);
    own.get("/identity/v1/account").await.problem(401, "unauthenticated");
    own.delete("/identity/v1/account").await.problem(401, "unauthenticated");
    let deleted = world.events(ada).await.pop().unwrap();
    assert_eq!(deleted.0, "identity.user.deleted.v1");
    let left: (Option<String>, String, Option<String>) =
        sqlx::query_as("SELECT email, name, password_hash FROM accounts WHERE id = $1")
            .bind(ada)
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(left, (None, String::new(), None));
    let mails: i64 = sqlx::query_scalar("SELECT count(*) FROM mails").fetch_one(&world.pool).await.unwrap();
    assert_eq!(mails, 0, "a mail to somebody who is gone waits");
}

#[tokio::test]
async fn a_mail_that_was_taken_before_a_lock_gets_no_link_and_the_mails_of_others_do() {
    let world = World::new(false).await;
    let (ada, eve) = (world.account("ada@example.com").await, world.account("eve@example.com").await);
    for id in [ada, eve] {
        let account = world.accounts.find(id).await.unwrap().unwrap();
        world.accounts.forgotten(&Email::parse(&account.email).unwrap(), "test").await.unwrap();
    }
    let (mails, now) = (PostgresMails::new(world.pool.clone()), platform_service::now());
    let mut taken = Vec::new();
    while let Some(mail) = mails.take(now, now + Duration::HOUR).await.unwrap() {
        taken.push(mail);
    }
    assert_eq!(taken.len(), 4, "for each one to verify and one to reset");
    world.accounts.set_locked(ada, true).await.unwrap();
    for (number, mail) in (1_u8..).zip(taken) {
        let purpose = mail.kind.purpose().unwrap();
        let kept = mails.insert_link(&[number; 32], &mail, purpose, now, now + Duration::HOUR).await.unwrap();
        let withdrawn = mail.account_id == ada && purpose == Purpose::ResetPassword;
        assert_eq!(kept, !withdrawn, "{mail:?}");
        let works = mails.link(&[number; 32], purpose, now).await.unwrap().is_some();
        assert_eq!(works, kept);
        if kept && purpose == Purpose::ResetPassword {
            world.sessions.end_all(mail.account_id, None).await.unwrap();
            assert!(mails.link(&[number; 32], purpose, now).await.unwrap().is_none());
        }
    }
}

#[tokio::test]
async fn a_link_resets_the_password_of_an_open_account_with_that_address_only() {
    let world = World::new(false).await;
    let ada = world.account("ada@example.com").await;
    let email = Email::parse("ada@example.com").unwrap();
    world.accounts.forgotten(&email, "test").await.unwrap();
    let (mails, now) = (PostgresMails::new(world.pool.clone()), platform_service::now());
    let mut reset = None;
    while let Some(mail) = mails.take(now, now + Duration::HOUR).await.unwrap() {
        reset = Some(mail).filter(|mail| mail.kind == Kind::ResetPassword).or(reset);
    }
    let (link, reset) = ([7; 32], reset.unwrap());
    assert!(
        mails.insert_link(&link, &reset, Purpose::ResetPassword, now, now + Duration::HOUR).await.unwrap()
    );
    // As if the link had been made while the account changed.
    for change in ["email = 'new@example.com'", "email = 'ada@example.com', locked_at = now()"] {
        let sql = sqlx::AssertSqlSafe(format!("UPDATE accounts SET {change} WHERE id = $1"));
        sqlx::query(sql).bind(ada).execute(&world.pool).await.unwrap();
        let refused = world.accounts.reset_password(link, "another horse battery").await;
        assert!(matches!(refused, Err(AccountError::LinkSpent)), "{change}: {refused:?}");
    }
    let unlock = "UPDATE accounts SET locked_at = NULL WHERE id = $1";
    sqlx::query(unlock).bind(ada).execute(&world.pool).await.unwrap();
    world.accounts.reset_password(link, "another horse battery").await.unwrap();
}

#[tokio::test]
async fn the_first_administrator_is_made_once_whatever_becomes_of_them() {
    let world = World::new(false).await;
    let email = Email::parse("root@example.com").unwrap();
    let make = async || world.accounts.first_admin(&email, Password::typed(PASSWORD)).await.unwrap();
    let root = world.account("root@example.com").await;
    assert_eq!(make().await, FirstAdmin::AddressTaken, "somebody else has the address");
    world.accounts.delete(root).await.unwrap();
    assert_eq!((make().await, make().await), (FirstAdmin::Made, FirstAdmin::Known));

    let root = world.accounts.find_by_email("root@example.com").await.unwrap().unwrap().id;
    let sql =
        "UPDATE accounts SET email = 'other@example.com', email_key = 'other@example.com' WHERE id = $1";
    sqlx::query(sql).bind(root).execute(&world.pool).await.unwrap();
    assert_eq!(make().await, FirstAdmin::Known, "they have another address now");
    let refused = world.accounts.delete(root).await;
    assert!(matches!(refused, Err(AccountError::LastAdministrator)), "{refused:?}");
    // As if somebody else had been an administrator meanwhile.
    let left = "UPDATE accounts SET email = NULL, email_key = NULL, password_hash = NULL, deleted_at = now()
                WHERE id = $1";
    sqlx::query(left).bind(root).execute(&world.pool).await.unwrap();
    assert_eq!(make().await, FirstAdmin::Known, "they left");
    assert!(world.accounts.find_by_email("root@example.com").await.unwrap().is_none());
}

#[tokio::test]
async fn sessions_end_with_their_refresh_tokens_and_for_their_owner_only() {
    let world = World::new(false).await;
    let (ada, eve) = (world.account("ada@example.com").await, world.account("eve@example.com").await);
    let account = world.accounts.find(ada).await.unwrap().unwrap();
    let headers = http::HeaderMap::new();
    let (one, _) = world.sessions.sign_in(&headers, &account, Methods::Password).await.unwrap().unwrap();
    let (two, _) = world.sessions.sign_in(&headers, &account, Methods::Password).await.unwrap().unwrap();
    for session in [Some(one.id), Some(two.id), None] {
        sqlx::query(
            "INSERT INTO refresh_families (id, client_id, account_id, session_id, scope, auth_time, current_hash,
                                           rotated_at, created_at, idle_until, expires_at)
             VALUES ($1, 'web', $2, $3, 'openid', now(), sha256('x'), now(), now(), now(), now())",
        )
        .bind(Uuid::now_v7())
        .bind(ada)
        .bind(session)
        .execute(&world.pool)
        .await
        .unwrap();
    }
    let alive = || async {
        let sql = "SELECT count(*) FROM refresh_families WHERE revoked_at IS NULL";
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&world.pool).await.unwrap()
    };
    let token = TestIssuer::shared().user("gateway", ada).scope("account.manage").claim("sid", one.id).sign();
    let own = world.api.with_token(&token);
    let list: Value = own.get("/identity/v1/account/sessions").await.expect(200).json();
    let items = list["items"].as_array().unwrap();
    let current: Vec<_> = items.iter().filter(|it| it["current"] == true).map(|it| &it["id"]).collect();
    assert_eq!((items.len(), current), (2, vec![&json!(one.id)]));

    let path = format!("/identity/v1/account/sessions/{}", two.id);
    world.own(eve).delete(&path).await.problem(404, "not-found");
    assert_eq!(alive().await, 3);
    own.delete(&path).await.assert_status(204);
    assert_eq!(alive().await, 2);
    own.delete(&path).await.problem(404, "not-found");
    own.delete("/identity/v1/account/sessions/x").await.problem(404, "not-found");

    // A new password leaves the session that it was given in, and nothing else.
    let change = json!({ "current_password": PASSWORD, "new_password": "another horse battery" });
    own.put("/identity/v1/account/password", change).await.assert_status(204);
    assert_eq!(alive().await, 1);
    assert!(world.sessions.find(one.id).await.unwrap().is_some());
    own.delete("/identity/v1/account/sessions").await.assert_status(204);
    assert_eq!(alive().await, 0);
    assert!(world.sessions.find(one.id).await.unwrap().is_none());
    // The token of the session that has just ended.
    let answer = own.get("/identity/v1/account").await.expect(401);
    assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer error="invalid_token""#));
}

#[tokio::test]
async fn nobody_is_signed_in_whose_account_changed_since_the_password_was_checked() {
    let world = World::new(false).await;
    let ada = world.account("ada@example.com").await;
    let (checked, headers) = (world.accounts.find(ada).await.unwrap().unwrap(), http::HeaderMap::new());
    // Nothing that matters: another name.
    let named = "UPDATE accounts SET name = 'Ada L.', version = version + 1 WHERE id = $1";
    sqlx::query(named).bind(ada).execute(&world.pool).await.unwrap();
    assert!(world.sessions.sign_in(&headers, &checked, Methods::Password).await.unwrap().is_some());
    world.accounts.set_locked(ada, true).await.unwrap();
    assert!(world.sessions.sign_in(&headers, &checked, Methods::Password).await.unwrap().is_none());
    world.accounts.set_locked(ada, false).await.unwrap();
    let change = json!({ "current_password": PASSWORD, "new_password": "another horse battery" });
    world.own(ada).put("/identity/v1/account/password", change).await.assert_status(204);
    assert!(world.sessions.sign_in(&headers, &checked, Methods::Password).await.unwrap().is_none());
    assert!(world.sessions.of_account(ada).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_session_ends_when_its_time_is_over_however_much_it_was_used() {
    let world = World::new(false).await;
    let ada = world.account("ada@example.com").await;
    let account = world.accounts.find(ada).await.unwrap().unwrap();
    let (session, cookie) =
        world.sessions.sign_in(&http::HeaderMap::new(), &account, Methods::Password).await.unwrap().unwrap();
    assert_eq!(session.expires_at, session.created_at + Duration::DAY);
    let cookie = cookie.to_str().unwrap().split(';').next().unwrap().parse().unwrap();
    let headers = http::HeaderMap::from_iter([(http::header::COOKIE, cookie)]);
    assert!(world.sessions.current(&headers).await.unwrap().is_some());
    let over =
        "UPDATE sessions SET expires_at = now() - interval '1 second', last_seen_at = now() WHERE id = $1";
    sqlx::query(over).bind(session.id).execute(&world.pool).await.unwrap();
    assert!(world.sessions.current(&headers).await.unwrap().is_none());
    assert!(world.sessions.find(session.id).await.unwrap().is_none());
    assert!(world.sessions.of_account(ada).await.unwrap().is_empty());
}

#[tokio::test]
async fn administrators_find_lock_and_promote_others_but_not_themselves() {
    let world = World::new(false).await;
    let root = world.account("root@example.com").await;
    let mut users = Vec::new();
    for number in 0..5 {
        users.push(world.account(&format!("user{number}@example.com")).await);
    }
    let admin = world.calling(root, "identity.admin");
    // The scope is not the role.
    admin.get("/identity/v1/users").await.problem(403, "insufficient-scope");
    world.make_admin(root).await;
    let mut path = "/identity/v1/users?search=USER&limit=2".to_owned();
    let mut found = Vec::new();
    loop {
        let answer = admin.get(&path).await.expect(200);
        let page: Value = answer.json();
        found.extend(page["items"].as_array().unwrap().iter().map(|user| user["id"].clone()));
        match page["next"].as_str() {
            Some(next) => {
                assert!(answer.header("link").unwrap().contains("search=USER"));
                path = format!("/identity/v1/users?search=USER&limit=2&cursor={next}");
            }
            None => break,
        }
    }
    let newest_first: Vec<_> = users.iter().rev().map(|id| json!(id)).collect();
    assert_eq!(found, newest_first);
    for wrong in
        ["limit=0", "cursor=x", "search=a&search=b", "colour=red", &format!("search={}", "x".repeat(300))]
    {
        admin.get(&format!("/identity/v1/users?{wrong}")).await.problem(400, "malformed-request");
    }
    assert_eq!(admin.get("/identity/v1/users?search=%25").await.json::<Value>()["items"], json!([]));

    let user = users[0];
    let account = world.accounts.find(user).await.unwrap().unwrap();
    let (session, _) =
        world.sessions.sign_in(&http::HeaderMap::new(), &account, Methods::Password).await.unwrap().unwrap();
    let lock = format!("/identity/v1/users/{user}/lock");
    let locked: Value = admin.put(&lock, json!({})).await.expect(200).json();
    assert!(locked["locked_at"].is_string());
    assert_eq!(admin.put(&lock, json!({})).await.expect(200).json::<Value>(), locked, "locking twice");
    assert!(world.sessions.find(session.id).await.unwrap().is_none());
    assert!(admin.delete(&lock).await.expect(200).json::<Value>()["locked_at"].is_null());

    let roles = format!("/identity/v1/users/{user}/roles");
    let both = json!({ "instructor": true, "admin": true });
    let promoted: Value = admin.put(&roles, both.clone()).await.expect(200).json();
    assert_eq!(promoted["roles"], json!(["student", "instructor", "admin"]));
    assert_eq!(
        world.events(user).await.iter().filter(|(kind, _)| kind == "identity.role.granted.v1").count(),
        2
    );
    let own = format!("/identity/v1/users/{root}");
    admin.put(&format!("{own}/lock"), json!({})).await.problem(409, "own-account");
    admin.delete(&format!("{own}/lock")).await.problem(409, "own-account");
    let nothing = json!({ "instructor": true, "admin": false });
    admin.put(&format!("{own}/roles"), nothing).await.problem(409, "own-account");
    admin.delete(&format!("/identity/v1/users/{user}/sessions")).await.assert_status(204);

    let nobody = Uuid::now_v7();
    admin.get(&format!("/identity/v1/users/{nobody}")).await.problem(404, "not-found");
    admin.put(&format!("/identity/v1/users/{nobody}/lock"), json!({})).await.problem(404, "not-found");
    for other in [world.own(root), world.api.clone()] {
        for answer in [
            other.get("/identity/v1/users").await,
            other.get(&own).await,
            other.put(&lock, json!({})).await,
            other.delete(&lock).await,
            other.put(&roles, both.clone()).await,
            other.delete(&format!("/identity/v1/users/{user}/sessions")).await,
        ] {
            assert!(matches!(answer.status.as_u16(), 401 | 403), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn an_administrators_token_ends_with_the_role_and_with_the_lock() {
    let world = World::new(false).await;
    let (root, eve) = (world.account("root@example.com").await, world.account("eve@example.com").await);
    world.make_admin(root).await;
    world.make_admin(eve).await;
    let (root_calls, eve_calls) =
        (world.calling(root, "identity.admin"), world.calling(eve, "identity.admin"));
    let (roles, lock) = (format!("/identity/v1/users/{eve}/roles"), format!("/identity/v1/users/{eve}/lock"));
    let back = json!({ "instructor": false, "admin": true });
    eve_calls.get("/identity/v1/users").await.assert_status(200);

    root_calls.put(&roles, json!({ "instructor": false, "admin": false })).await.assert_status(200);
    eve_calls.put(&roles, back.clone()).await.problem(403, "insufficient-scope");
    eve_calls.get("/identity/v1/users").await.problem(403, "insufficient-scope");
    root_calls.put(&roles, back).await.assert_status(200);
    eve_calls.get("/identity/v1/users").await.assert_status(200);

    root_calls.put(&lock, json!({})).await.assert_status(200);
    eve_calls.delete(&lock).await.problem(401, "unauthenticated");
    world.own(eve).get("/identity/v1/account").await.problem(401, "unauthenticated");
    assert!(world.accounts.find(eve).await.unwrap().unwrap().locked_at.is_some());
}

#[tokio::test]
async fn whatever_is_wrong_with_a_body_is_a_4xx() {
    let world = World::new(false).await;
    let ada = world.account("ada@example.com").await;
    let own = world.own(ada);
    let profile = json!({ "name": "Ada", "city": "Londra", "language": "tr" });
    bad_input::check_with(&own.with("if-match", "\"1\""), Method::PATCH, "/identity/v1/account", &profile)
        .await;
    let password = json!({ "current_password": PASSWORD, "new_password": "another horse battery" });
    bad_input::check_with(&own, Method::PUT, "/identity/v1/account/password", &password).await;
    let email = json!({ "email": "new@example.com" });
    bad_input::check_with(&own, Method::PUT, "/identity/v1/account/email", &email).await;
    world.make_admin(ada).await;
    let admin = world.calling(ada, "identity.admin");
    let roles = json!({ "instructor": true, "admin": true });
    bad_input::check_with(&admin, Method::PUT, &format!("/identity/v1/users/{ada}/roles"), &roles).await;
}
