//! An issuer of access tokens for tests: it has a key of its own, and makes tokens as right or as wrong as a
//! test wants them. It is written from RFC 9068 and not from the code that it tests.

use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::routes;

/// The issuer of a platform whose `PUBLIC_URL` is that of tests.
const ISSUER: &str = "http://localhost:8080/identity";
/// An access token's life in seconds.
const LIFE: i64 = 300;

/// An issuer with one key.
#[derive(Debug)]
pub struct TestIssuer {
    kid: String,
    key: EcdsaKeyPair,
    jwks_uri: String,
    /// Has no name any more, so that nothing is left behind when the test ends.
    _file: std::fs::File,
}

impl TestIssuer {
    /// An issuer with a new key.
    ///
    /// # Panics
    /// When no key or file can be made.
    #[must_use]
    pub fn new() -> Self {
        Self::with_kid(&Uuid::now_v7().to_string())
    }

    /// An issuer with a new key under a given name.
    ///
    /// # Panics
    /// When no key or file can be made.
    #[must_use]
    pub fn with_kid(kid: &str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let mut file = tempfile::tempfile().expect("a temporary file");
        let jwks = json!({ "keys": [jwk(kid, &key)] });
        file.write_all(jwks.to_string().as_bytes()).expect("a written file");
        let jwks_uri = format!("file:///proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        Self { kid: kid.to_owned(), key, jwks_uri, _file: file }
    }

    /// The issuer that all clients and binaries of a test program have in common.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<TestIssuer> = OnceLock::new();
        SHARED.get_or_init(Self::new)
    }

    /// The value of `JWKS_URI` for who shall trust this issuer. The file is there as long as the test.
    #[must_use]
    pub fn jwks_uri(&self) -> &str {
        &self.jwks_uri
    }

    /// The key's id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as a member of a JWKS.
    #[must_use]
    pub fn jwk(&self) -> Value {
        jwk(&self.kid, &self.key)
    }

    /// The public key as an uncompressed point.
    #[must_use]
    pub fn point(&self) -> &[u8] {
        self.key.public_key().as_ref()
    }

    /// A user's token for `audience`, as after the exchange, with no scope yet.
    #[must_use]
    pub fn user(&self, audience: &str, user: Uuid) -> TokenBuilder<'_> {
        self.token(audience, &user.to_string(), "web")
            .claim("sid", Uuid::now_v7())
            .claim("auth_time", now())
            .claim("roles", ["student"])
            .claim("act", json!({ "sub": "gateway" }))
    }

    /// A token of a user who may do everything that users may, at every service.
    #[must_use]
    pub fn any_user(&self, user: Uuid) -> TokenBuilder<'_> {
        self.user("", user)
            .claim("aud", routes::AUDIENCES)
            .claim("roles", ["student", "instructor", "admin"])
            .scope(&routes::user_scopes().join(" "))
    }

    /// The token of the component `client_id` for `audience`, with no scope yet.
    #[must_use]
    pub fn service(&self, audience: &str, client_id: &str) -> TokenBuilder<'_> {
        self.token(audience, client_id, client_id)
    }

    fn token(&self, audience: &str, subject: &str, client: &str) -> TokenBuilder<'_> {
        let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": self.kid });
        let claims = json!({
            "iss": ISSUER, "aud": audience, "sub": subject, "client_id": client,
            "iat": now(), "exp": now() + LIFE, "jti": Uuid::now_v7(),
        });
        let object = |value: Value| value.as_object().cloned().unwrap_or_default();
        TokenBuilder { issuer: self, header: object(header), claims: object(claims) }
    }

    /// ES256 over any text (RFC 7518 §3.4), in base64url.
    ///
    /// # Panics
    /// When the library refuses.
    #[must_use]
    pub fn signature(&self, message: &str) -> String {
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).expect("a signature");
        URL_SAFE_NO_PAD.encode(signature)
    }

    /// A token of this header and payload, whatever they are.
    #[must_use]
    pub fn sign_parts(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        format!("{message}.{}", self.signature(&message))
    }
}

impl Default for TestIssuer {
    fn default() -> Self {
        Self::new()
    }
}

fn jwk(kid: &str, key: &EcdsaKeyPair) -> Value {
    // An uncompressed point: a byte that says so, then x and y of 32 bytes each.
    let (x, y) = key.public_key().as_ref()[1..].split_at(32);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": x, "y": y })
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since.as_secs()).expect("a clock before the end of time")
}

/// A token that is not signed yet. It is a good one until a test spoils it.
#[derive(Clone, Debug)]
pub struct TokenBuilder<'a> {
    issuer: &'a TestIssuer,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl TokenBuilder<'_> {
    /// With these scopes, separated by spaces.
    #[must_use]
    pub fn scope(self, scopes: &str) -> Self {
        self.claim("scope", scopes)
    }

    /// With a claim, in place of an earlier one of that name.
    ///
    /// # Panics
    /// When the value is no JSON.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl serde::Serialize) -> Self {
        self.claims.insert(name.to_owned(), serde_json::to_value(value).expect("JSON"));
        self
    }

    /// Without a claim.
    #[must_use]
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// With a field of the header, in place of an earlier one of that name.
    ///
    /// # Panics
    /// When the value is no JSON.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl serde::Serialize) -> Self {
        self.header.insert(name.to_owned(), serde_json::to_value(value).expect("JSON"));
        self
    }

    /// Without a field of the header.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// The header as JSON.
    #[must_use]
    pub fn header_json(&self) -> String {
        Value::Object(self.header.clone()).to_string()
    }

    /// The claims as JSON.
    #[must_use]
    pub fn claims_json(&self) -> String {
        Value::Object(self.claims.clone()).to_string()
    }

    /// The token.
    #[must_use]
    pub fn sign(&self) -> String {
        self.issuer.sign_parts(&self.header_json(), &self.claims_json())
    }
}
