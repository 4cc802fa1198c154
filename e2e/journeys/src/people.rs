//! People who use the platform: they sign up, and sign in with the authorization code and PKCE as any client's
//! users do.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_testkit::Api;
use reqwest::Url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::browser::Browser;
use crate::{base_url, setting, visitor};

/// The public client that `make up` and `make dev` register for tests.
pub const CLIENT: &str = "journeys";
/// Nothing listens there: the code is read from the redirect.
pub const CALLBACK: &str = "http://127.0.0.1:9/callback";
const STUDENT: &str = "openid profile email offline_access account.manage catalog.read catalog.learn basket.use \
                       discount.preview order.buy order.read payment.card";
const INSTRUCTOR: &str = "catalog.teach photo.write discount.manage order.sales";
const ADMINISTRATOR: &str = "catalog.admin discount.admin order.admin identity.admin";

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct Person {
    /// To sign in with.
    pub email: String,
    /// To sign in with.
    pub password: String,
}

impl Person {
    /// Somebody who signs up now.
    pub async fn new() -> Self {
        let name = Uuid::new_v4().simple().to_string();
        let (email, password) = (format!("{name}@journeys.example"), format!("correct horse {name}"));
        let wanted = json!({ "email": email, "password": password, "name": "Ayşe Yılmaz", "city": "İzmir" });
        visitor().post("/identity/v1/accounts", wanted).await.assert_status(201);
        Self { email, password }
    }

    /// Signs in in a new browser and gives the client that calls with the token.
    pub async fn signs_in(&self, scope: &str) -> Api {
        bearer(&self.tokens(scope).await)
    }

    /// The answer of the token endpoint to a new sign-in.
    pub async fn tokens(&self, scope: &str) -> Value {
        let verifier =
            URL_SAFE_NO_PAD.encode([Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat());
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        let state = Uuid::new_v4().to_string();
        let question = Url::parse_with_params(
            &format!("{}/identity/authorize", base_url()),
            [
                ("response_type", "code"),
                ("client_id", CLIENT),
                ("redirect_uri", CALLBACK),
                ("scope", scope),
                ("state", &state),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ],
        );
        let callback = self.authorizes(question.expect("an address")).await;
        let parameter = |name: &str| {
            let found = callback.query_pairs().find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned())
        };
        assert_eq!(parameter("state"), Some(state), "{callback}");
        assert_eq!(parameter("iss"), Some(format!("{}/identity", base_url())), "{callback}");
        let code = parameter("code").unwrap_or_else(|| panic!("no code in {callback}"));
        token(&[
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT),
            ("redirect_uri", CALLBACK),
            ("code", &code),
            ("code_verifier", &verifier),
        ])
        .await
    }

    /// Opens an authorization request in a new browser, signs in there, and gives where it leads.
    ///
    /// # Panics
    /// When signing in fails.
    pub async fn authorizes(&self, question: Url) -> Url {
        let mut browser = Browser::new();
        let page = browser.open(question).await;
        let fields = [("email", self.email.as_str()), ("password", self.password.as_str())];
        let page = browser.submit(&page, "/identity/sign-in", &fields).await;
        page.next.unwrap_or_else(|| panic!("{} answered {}:\n{}", page.url, page.status, page.text))
    }
}

/// Asks the token endpoint as a public client.
pub async fn token(form: &[(&str, &str)]) -> Value {
    let body = reqwest::Url::parse_with_params("http://form", form).expect("a form");
    visitor()
        .send(
            http::Method::POST,
            "/identity/token",
            Some("application/x-www-form-urlencoded"),
            body.query().unwrap_or_default().to_owned(),
        )
        .await
        .expect(200)
        .json()
}

/// Calls with the access token of a token answer.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn bearer(tokens: &Value) -> Api {
    let token = tokens["access_token"].as_str().unwrap_or_else(|| panic!("no access token"));
    visitor().with("authorization", &format!("Bearer {token}"))
}

/// A student nobody has been before, signed in.
pub async fn new_user() -> Api {
    Person::new().await.signs_in(STUDENT).await
}

/// An instructor nobody has been before, signed in.
pub async fn new_instructor() -> Api {
    let person = Person::new().await;
    let student = person.signs_in(STUDENT).await;
    let taught = student.post("/identity/v1/account/teaching", json!({})).await;
    assert!(taught.status.is_success(), "start teaching: {} {}", taught.status, taught.text());
    person.signs_in(&format!("{STUDENT} {INSTRUCTOR}")).await
}

/// The first administrator, signed in.
///
/// # Panics
/// When `.run/env` does not tell who that is.
pub async fn administrator() -> Api {
    let person = Person {
        email: setting("ADMIN_EMAIL").expect("ADMIN_EMAIL"),
        password: setting("ADMIN_PASSWORD").expect("ADMIN_PASSWORD"),
    };
    person.signs_in(&format!("{STUDENT} {ADMINISTRATOR}")).await
}
