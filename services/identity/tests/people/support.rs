//! People at their browsers, for tests: identity on a database of its own, a browser that keeps cookies and
//! fills in forms.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Method, header};
use identity::Identity;
use platform_service::{TestComponent, spawn_for_test};
use platform_testkit::{Answer, Api, Binary, Engine, EngineDatabase, eventually, life, secret_file};
use tempfile::{NamedTempFile, TempDir};

pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const ORIGIN: &str = "http://localhost:8080";
pub(crate) const PASSWORD: &str = "correct horse battery";
const FORM: &str = "application/x-www-form-urlencoded";
const KEYRING: &str = r#"{"current":"a","keys":{"a":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}}"#;
/// Nothing listens there: events wait.
const NO_BROKER: &str = "amqp://user:password@127.0.0.1:1/none";

/// The identity service, running.
pub(crate) struct House {
    pub(crate) api: Api,
    running: Option<TestComponent>,
    settings: Vec<(String, String)>,
    mails: TempDir,
    _files: Vec<NamedTempFile>,
    pub(crate) database: EngineDatabase,
}

impl House {
    /// With cheap hashes and no mail server.
    pub(crate) async fn open(engine: Engine) -> Self {
        Self::with(engine, &[]).await
    }

    /// With these settings too.
    pub(crate) async fn with(engine: Engine, more: &[(&str, &str)]) -> Self {
        let database = engine.database().await;
        let files = [database.url().as_str(), KEYRING, NO_BROKER].map(secret_file);
        let path = |index: usize| files[index].path().to_str().unwrap().to_owned();
        let mails = TempDir::new().unwrap();
        let mut settings: Vec<(String, String)> = [
            ("DATABASE_ENGINE", engine.setting().to_owned()),
            ("DATABASE_URL_FILE", path(0)),
            ("KEYRING_FILE", path(1)),
            ("AMQP_URL_FILE", path(2)),
            ("ARGON2_MEMORY_KIB", "64".to_owned()),
            ("ARGON2_ITERATIONS", "1".to_owned()),
            ("MAIL_DIR", mails.path().to_str().unwrap().to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        settings.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let binary = Binary::new(env!("CARGO_BIN_EXE_identity"));
        let binary = settings.iter().fold(binary, |binary, (key, value)| binary.env(key, value));
        binary.succeeds(&["migrate"]).await;
        let mut house =
            Self { api: Api::new(ORIGIN), running: None, settings, mails, _files: files.into(), database };
        house.restart().await;
        house
    }

    /// Changes a setting for the next start.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.settings.retain(|(known, _)| known != key);
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    /// Stops it and starts it again on the same database.
    pub(crate) async fn restart(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await.unwrap();
        }
        let settings: Vec<_> =
            self.settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let running = spawn_for_test::<Identity>(&settings).await.unwrap();
        life::ready(&Api::new(running.admin_url(""))).await;
        self.api = Api::new(running.url(""));
        self.running = Some(running);
    }

    /// A new browser, in English.
    pub(crate) fn browser(&self) -> Browser {
        Browser {
            api: self.api.with("accept-language", "en").with("user-agent", "Test"),
            cookies: BTreeMap::new(),
        }
    }

    /// A browser in which somebody has just signed up.
    pub(crate) async fn signed_up(&self, email: &str) -> Browser {
        let mut browser = self.browser();
        let fields = [("name", "Ada"), ("email", email), ("city", "İzmir"), ("new_password", PASSWORD)];
        browser.submit("/identity/sign-up", &fields).await.assert_status(303);
        browser
    }

    /// The mails in the folder, once there are this many, the oldest first.
    pub(crate) async fn mails(&self, count: usize) -> Vec<String> {
        eventually(Duration::from_secs(10), || async { self.sent().len() >= count }).await;
        self.sent()
    }

    /// The first mail with this in it, once there is one.
    pub(crate) async fn mail(&self, part: &str) -> String {
        let find = || async { self.sent().into_iter().find(|mail| mail.contains(part)) };
        eventually(Duration::from_secs(10), find).await
    }

    /// The mails that are in the folder, the oldest first.
    fn sent(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.mails.path()).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|it| it == "eml")).collect();
        files.sort();
        files.iter().map(|path| decoded(&std::fs::read_to_string(path).unwrap())).collect()
    }
}

/// A mail of ASCII without what quoted-printable does to long lines (RFC 2045 §6.7).
pub(crate) fn decoded(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=3D", "=")
}

/// The path of the link in a mail.
pub(crate) fn link(mail: &str) -> String {
    let at = mail.find(&format!("{ORIGIN}/identity/")).unwrap_or_else(|| panic!("no link in {mail}"));
    let link = mail[at + ORIGIN.len()..].split_whitespace().next().unwrap();
    link.to_owned()
}

/// A browser: it keeps cookies and sends forms with what their page hides in them.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) api: Api,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    pub(crate) fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn forget_cookie(&mut self, name: &str) {
        self.cookies.remove(name);
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let answer = self.client().get(path).await;
        self.keep(&answer);
        answer
    }

    /// Looks at the page and sends its form.
    pub(crate) async fn submit(&mut self, page: &str, fields: &[(&str, &str)]) -> Answer {
        let shown = self.get(page).await.expect(200).text();
        self.submit_shown(&shown, page, fields).await
    }

    /// Sends a form to `path` with the hidden field of a page that was shown.
    pub(crate) async fn submit_shown(&mut self, shown: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = hidden(shown, "csrf");
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(fields);
        self.send(path, &encode(&all)).await
    }

    /// Sends a body as a form.
    pub(crate) async fn send(&mut self, path: &str, body: &str) -> Answer {
        let client = self.client().with("origin", ORIGIN);
        let answer = client.send(Method::POST, path, Some(FORM), body.to_owned()).await;
        self.keep(&answer);
        answer
    }

    pub(crate) async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        self.submit("/identity/sign-in", &[("email", email), ("password", password)]).await
    }

    /// Whether somebody is signed in here.
    pub(crate) async fn is_signed_in(&mut self) -> bool {
        self.get("/identity/account").await.status == 200
    }

    pub(crate) fn client(&self) -> Api {
        if self.cookies.is_empty() {
            return self.api.clone();
        }
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.api.with("cookie", &cookies.join("; "))
    }

    fn keep(&mut self, answer: &Answer) {
        for value in answer.headers.get_all(header::SET_COOKIE) {
            let text = value.to_str().unwrap();
            assert!(text.contains("; Path=/identity") && text.contains("; HttpOnly"), "{text}");
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            if text.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

pub(crate) fn encode(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The value of a hidden field.
pub(crate) fn hidden(page: &str, name: &str) -> String {
    let field = format!("name=\"{name}\" value=\"");
    let at = page.find(&field).unwrap_or_else(|| panic!("no field {name} in {page}")) + field.len();
    page[at..].split('"').next().unwrap().to_owned()
}
