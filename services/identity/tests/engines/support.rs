//! A provider with clients, and people who use it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use identity::Identity;
use platform_components::{Client, clients_file, secret_sha256};
use platform_service::{TestComponent, spawn_for_test};
use platform_testkit::{Answer, Api, Engine, EngineSql, SqlValue, secret_file};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use url::form_urlencoded;
use uuid::Uuid;

use crate::{Store, ready};

pub(crate) const ISSUER: &str = "http://localhost:8080/identity";
pub(crate) const WEB: &str = "http://localhost:8080/auth/callback";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The platform's own clients, with `<id>-secret` for a secret, and others.
fn clients() -> Vec<Client> {
    let extra = json!([
        {"id":"mobile","type":"public","grants":["authorization_code","refresh_token"],
         "redirectUris":["http://127.0.0.1/cb","app://cb"],"scopes":["openid","order.read"]},
        {"id":"partner","name":"Partner & Co","type":"confidential","secretSha256":[secret_sha256("partner-secret")],
         "grants":["authorization_code","refresh_token","client_credentials"],
         "redirectUris":["https://partner.example/cb?from=shop"],
         "postLogoutRedirectUris":["https://partner.example/bye"],
         "scopes":["openid","profile","email","offline_access","order.read","catalog.read"]},
        {"id":"script","type":"public","grants":["password","refresh_token"],
         "scopes":["openid","profile","email","roles","catalog.learn"]},
        {"id":"plain","type":"public","grants":["authorization_code"],"redirectUris":["app://plain"],
         "scopes":["openid","order.read"]},
    ]);
    serde_json::from_value(extra).unwrap()
}

/// The file for these clients and the platform's own.
pub(crate) fn file(extra: Vec<Client>) -> String {
    let secrets = |id: &str| vec![secret_sha256(&format!("{id}-secret"))];
    serde_json::to_string(&clients_file("http://localhost:8080", secrets, extra)).unwrap()
}

/// A running provider.
pub(crate) struct Provider {
    pub(crate) store: Store,
    pub(crate) clients: NamedTempFile,
    pub(crate) replica: TestComponent,
    pub(crate) api: Api,
}

impl Provider {
    pub(crate) async fn start(engine: Engine) -> Self {
        Self::with(engine, &[], Vec::new()).await
    }

    /// With these settings and more clients.
    pub(crate) async fn with(engine: Engine, settings: &[(&str, &str)], more: Vec<Client>) -> Self {
        let store = Store::migrated(engine).await;
        let clients = secret_file(&file(clients().into_iter().chain(more).collect()));
        let mut all: Vec<(&str, &str)> = store.settings().into();
        all.push(("CLIENTS_FILE", clients.path().to_str().unwrap()));
        all.extend(settings);
        let replica = spawn_for_test::<Identity>(&all).await.unwrap();
        ready(&replica).await;
        let api = Api::new(replica.url(""));
        Self { store, clients, replica, api }
    }

    /// Another replica on the same store.
    pub(crate) async fn another(&self, settings: &[(&str, &str)]) -> TestComponent {
        let mut all: Vec<(&str, &str)> = self.store.settings().into();
        all.push(("CLIENTS_FILE", self.clients.path().to_str().unwrap()));
        all.extend(settings);
        let replica = spawn_for_test::<Identity>(&all).await.unwrap();
        ready(&replica).await;
        replica
    }

    /// Somebody who is signed in.
    pub(crate) async fn person(&self) -> Person {
        self.person_who_is(false, false).await
    }

    pub(crate) async fn person_who_is(&self, instructor: bool, admin: bool) -> Person {
        let email = format!("ada.{}@example.com", Uuid::new_v4().simple());
        let body = json!({"email": email, "password": PASSWORD, "name": "Ada", "city": "İzmir"});
        self.api.post("/identity/v1/accounts", body).await.assert_status(201);
        let cookie = self.sign_in(&email).await;
        let mut sql = self.sql().await;
        let key = [SqlValue::Text(&email)];
        let account = sql.id("SELECT id FROM accounts WHERE email_key = {1}", &key).await;
        let flag = |yes| if yes { "{yes}" } else { "{no}" };
        let (instructor, admin) = (flag(instructor), flag(admin));
        let roles =
            format!("UPDATE accounts SET instructor = {instructor}, admin = {admin} WHERE id = {{1}}");
        let id = [SqlValue::Id(account)];
        sql.execute(&roles, &id).await;
        // They signed in a minute ago.
        sql.execute("UPDATE sessions SET auth_time = {now-60} WHERE account_id = {1}", &id).await;
        let session = sql.id("SELECT id FROM sessions WHERE account_id = {1}", &id).await;
        Person { api: self.api.with("cookie", &format!("id={cookie}")), account, session, email, cookie }
    }

    /// Signs in with the page; gives the session's cookie.
    async fn sign_in(&self, email: &str) -> String {
        let page = self.api.get("/identity/sign-in").await.expect(200);
        let form_cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let csrf = fields(&page.text()).into_iter().find(|(name, _)| name == "csrf").unwrap().1;
        let pairs = [("csrf", csrf.as_str()), ("email", email), ("password", PASSWORD)];
        let answer =
            form(&self.api.with("cookie", &form_cookie), "/identity/sign-in", &pairs).await.expect(303);
        let cookies = answer.headers.get_all("set-cookie").iter().filter_map(|it| it.to_str().ok());
        let session = cookies.filter_map(|it| it.strip_prefix("id=")).next().unwrap();
        session.split(';').next().unwrap().to_owned()
    }

    /// The database itself, for what time and administrators do.
    pub(crate) async fn sql(&self) -> EngineSql {
        self.store.database.sql().await
    }

    /// Does something to the rows of one id.
    pub(crate) async fn change(&self, statement: &str, id: Uuid) {
        assert_eq!(self.sql().await.execute(statement, &[SqlValue::Id(id)]).await, 1, "{statement}");
    }

    /// Posts a form as nobody.
    pub(crate) async fn form(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        form(&self.api, path, pairs).await
    }

    /// Posts a form as a confidential client.
    pub(crate) async fn form_as(&self, client: &str, path: &str, pairs: &[(&str, &str)]) -> Answer {
        form(&self.api.with("authorization", &basic(client, &format!("{client}-secret"))), path, pairs).await
    }

    /// A code for `web`, and the tokens that it gives.
    pub(crate) async fn tokens(&self, person: &Person, scope: &str) -> Value {
        let code = person.code(&[("scope", scope)]).await;
        self.redeem("web", &code, WEB).await.expect(200).json()
    }

    pub(crate) async fn redeem(&self, client: &str, code: &str, redirect_uri: &str) -> Answer {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", VERIFIER),
        ];
        self.form_as(client, "/identity/token", &pairs).await
    }

    pub(crate) async fn refresh(&self, client: &str, token: &str) -> Answer {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.form_as(client, "/identity/token", &pairs).await
    }

    /// Whether a token is active, as the gateway sees it.
    pub(crate) async fn is_active(&self, token: &str) -> bool {
        let answer = self.form_as("gateway", "/identity/introspect", &[("token", token)]).await;
        let answer: Value = answer.expect(200).json();
        answer["active"].as_bool().unwrap()
    }

    pub(crate) async fn exchange(&self, token: &str, audience: &str, scope: &str) -> Answer {
        let pairs = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", audience),
            ("scope", scope),
        ];
        self.form_as("gateway", "/identity/token", &pairs).await
    }
}

/// Somebody, in their browser.
pub(crate) struct Person {
    pub(crate) api: Api,
    pub(crate) account: Uuid,
    pub(crate) session: Uuid,
    pub(crate) email: String,
    pub(crate) cookie: String,
}

impl Person {
    /// What becomes of a request of `web` with these parameters in place of, or besides, the usual ones.
    pub(crate) async fn authorize(&self, changed: &[(&str, &str)]) -> Answer {
        self.api.get(&address(changed)).await
    }

    /// The code for such a request.
    pub(crate) async fn code(&self, changed: &[(&str, &str)]) -> String {
        let answer = self.authorize(changed).await;
        let code = parameter(&answer, "code");
        assert!(code.is_some(), "no code: {} {:?} {}", answer.status, answer.headers, answer.text());
        code.unwrap()
    }
}

/// The usual request of `web`, changed; an empty value takes a parameter away.
pub(crate) fn address(changed: &[(&str, &str)]) -> String {
    let usual = [
        ("client_id", "web"),
        ("redirect_uri", WEB),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "some state"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let kept = usual.iter().filter(|(name, _)| !changed.iter().any(|(other, _)| other == name));
    let all = kept.chain(changed).filter(|(_, value)| !value.is_empty());
    format!("/identity/authorize?{}", encode(all))
}

pub(crate) fn encode<'a>(pairs: impl IntoIterator<Item = &'a (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs.into_iter().copied()).finish()
}

pub(crate) async fn form(api: &Api, path: &str, pairs: &[(&str, &str)]) -> Answer {
    let content_type = Some("application/x-www-form-urlencoded");
    api.send(Method::POST, path, content_type, encode(pairs)).await
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// Where the browser is sent.
#[track_caller]
pub(crate) fn location(answer: &Answer) -> String {
    answer.assert_status(303);
    answer.header("location").unwrap().to_owned()
}

/// The parameters of the address that the browser is sent to.
#[track_caller]
pub(crate) fn query(answer: &Answer) -> Vec<(String, String)> {
    let location = location(answer);
    let query = location.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// One of them.
#[track_caller]
pub(crate) fn parameter(answer: &Answer, name: &str) -> Option<String> {
    query(answer).into_iter().find(|(it, _)| it == name).map(|(_, value)| value)
}

/// The claims of a JWT, unchecked.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Asserts an OAuth error (RFC 6749 §5.2).
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, code: &str) {
    answer.assert_status(status);
    let body: Value = answer.json();
    assert_eq!(body["error"], code, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{}", answer.text());
}

/// The hidden fields of a page.
pub(crate) fn fields(page: &str) -> Vec<(String, String)> {
    let unescape = |text: &str| {
        let text =
            text.replace("&#34;", "\"").replace("&quot;", "\"").replace("&#60;", "<").replace("&#62;", ">");
        text.replace("&#39;", "'").replace("&#38;", "&").replace("&amp;", "&")
    };
    let value = |input: &str, name: &str| {
        let rest = input.split_once(&format!("{name}=\""))?.1;
        Some(unescape(rest.split_once('"')?.0))
    };
    let main = page.split_once("<main").map_or(page, |(_, main)| main);
    let main = main.split_once("</main>").map_or(main, |(main, _)| main);
    let inputs = main.split("<input type=\"hidden\"").skip(1);
    let read = |input: &str| {
        let input = input.split('>').next()?;
        Some((value(input, "name")?, value(input, "value")?))
    };
    inputs.filter_map(read).collect()
}
