//! Tokens that no service may accept, and none may answer with a 5xx: the attacks of RFC 8725 and more. Every
//! service's tests send them to one of its real routes.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::issuer::now;
use crate::{Answer, Api, TestIssuer, TokenBuilder};

/// Sends every wrong token to a route that demands `scope` of users' tokens for the service `audience`, and
/// asserts that each is refused. `api` must be without credentials.
///
/// # Panics
/// With the attack and the answer, when a token is accepted or a good one is not.
pub async fn check(api: &Api, audience: &str, method: Method, path: &str, scope: &str) {
    let (issuer, user) = (TestIssuer::shared(), Uuid::now_v7());
    let good = issuer.user(audience, user).scope(scope);
    let target = Target { api, method, path };
    target.accepts("a good token", &target.api.with_token(&good.sign())).await;
    let list = good.clone().claim("aud", ["elsewhere", audience]);
    target.accepts("a list of audiences", &target.api.with_token(&list.sign())).await;
    let media_type = good.clone().header("typ", "application/at+jwt");
    target.accepts("the type as a whole media type", &target.api.with_token(&media_type.sign())).await;
    let just_over = good.clone().claim("exp", now() - 15).claim("iat", now() + 15);
    target.accepts("clocks that differ by 15 s", &target.api.with_token(&just_over.sign())).await;

    for (what, token) in wrong_tokens(issuer, &good) {
        target.refuses(&what, &target.api.with("authorization", &format!("Bearer {token}"))).await;
    }
    for (what, token) in [
        ("a service's token", issuer.service(audience, "order").scope(scope)),
        (
            "a service's token that acts for a user",
            issuer.service(audience, "order").scope(scope).claim("act", json!({ "sub": user })),
        ),
        ("a token without a scope", good.clone().without_claim("scope")),
        ("a scope that begins like the right one", good.clone().scope(&format!("{scope}x x{scope}"))),
        ("a scope in capitals", good.clone().scope(&scope.to_uppercase())),
        ("a scope in another claim", good.clone().without_claim("scope").claim("scp", [scope])),
    ] {
        let answer = target.send(&target.api.with_token(&token.sign())).await;
        answer.problem(403, "insufficient-scope");
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with(r#"Bearer error="insufficient_scope""#), "{what}: {challenge:?}");
    }
    elsewhere(&target, &good.sign()).await;
}

/// A good token where no token belongs.
async fn elsewhere(target: &Target<'_>, token: &str) {
    let bearer = format!("Bearer {token}");
    let twice = target.api.with("authorization", &bearer).and_with("authorization", bearer.as_bytes());
    target.refuses("two tokens", &twice).await;
    let beside = target.api.with("authorization", &bearer).and_with("authorization", b"Basic dXNlcjpwYXNz");
    target.refuses("a token and a password", &beside).await;
    for (what, value) in [
        ("two tokens in one header", format!("{bearer}, {bearer}")),
        ("parameters", format!("{bearer}, realm=\"x\"")),
        ("a quoted token", format!("Bearer \"{token}\"")),
        ("a bare token", token.to_owned()),
        ("another scheme", format!("DPoP {token}")),
        ("no scheme", format!(" {token}")),
        ("nothing", String::new()),
        ("a scheme alone", "Bearer".to_owned()),
        ("the development tokens that once were", format!("Bearer dev:{}", Uuid::now_v7())),
    ] {
        target.refuses(what, &target.api.with("authorization", &value)).await;
    }
    let not_text = target.api.and_with("authorization", b"Bearer \xff\xfe");
    target.refuses("no text", &not_text).await;
    target.refuses("a cookie", &target.api.with("cookie", &format!("access_token={token}"))).await;
    target.refuses("another header", &target.api.with("x-forwarded-access-token", token)).await;
    let query = Target { path: &format!("{}?access_token={token}", target.path), ..target.clone() };
    query.refuses("a token in the query", target.api).await;
}

#[derive(Clone)]
struct Target<'a> {
    api: &'a Api,
    method: Method,
    path: &'a str,
}

impl Target<'_> {
    async fn send(&self, api: &Api) -> Answer {
        // A server closes some of these connections: others must not share them.
        api.apart().send(self.method.clone(), self.path, None, "").await
    }

    async fn accepts(&self, what: &str, api: &Api) {
        let answer = self.send(api).await;
        assert!(
            !matches!(answer.status.as_u16(), 401 | 403 | 500..),
            "{what}: {} {}",
            answer.status,
            answer.text()
        );
    }

    async fn refuses(&self, what: &str, api: &Api) {
        let answer = self.send(api).await;
        assert_eq!(answer.status, 401, "{what} was answered with {}", answer.text());
        answer.problem(401, "unauthenticated");
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(
            challenge == "Bearer" || challenge.starts_with(r#"Bearer error="invalid_token""#),
            "{what}: {challenge}"
        );
    }
}

/// Every token that can't be right, made from a good one. None of them is answered with anything but a 401.
#[must_use]
pub fn wrong_tokens(issuer: &TestIssuer, good: &TokenBuilder<'_>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    wrong_algorithms(issuer, good, &mut all);
    wrong_keys(issuer, good, &mut all);
    wrong_headers(good, &mut all);
    wrong_claims(good, &mut all);
    wrong_json(issuer, good, &mut all);
    wrong_forms(&good.sign(), &mut all);
    all
}

type Tokens = Vec<(String, String)>;

fn parts(header: &str, payload: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

/// RFC 8725 §2.1 and §2.2: no signature, one of another kind, one that anybody can make.
fn wrong_algorithms(issuer: &TestIssuer, good: &TokenBuilder<'_>, all: &mut Tokens) {
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let message = parts(&good.clone().header("alg", alg).header_json(), &good.claims_json());
        all.push((format!("alg {alg:?} without a signature"), format!("{message}.")));
        all.push((format!("alg {alg:?} and no third part"), message.clone()));
        all.push((
            format!("alg {alg:?} with a good signature"),
            format!("{message}.{}", issuer.signature(&message)),
        ));
    }
    let jwk = issuer.jwk();
    let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap_or_default()).unwrap_or_default();
    let secrets = [
        ("the point", issuer.point().to_vec()),
        ("x", x),
        ("the JWK", jwk.to_string().into_bytes()),
        ("the key's id", issuer.kid().as_bytes().to_vec()),
        ("nothing", Vec::new()),
    ];
    for (name, secret) in secrets {
        let message = parts(&good.clone().header("alg", "HS256").header_json(), &good.claims_json());
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
        all.push((format!("HS256 with {name}"), format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))));
        // The same, claiming to be ES256.
        let message = parts(&good.header_json(), &good.claims_json());
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
        all.push((format!("a MAC with {name}"), format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))));
    }
    for alg in ["ES384", "ES512", "ES256K", "RS256", "PS256", "EdDSA", "es256", "ES256 ", "dir"] {
        all.push((format!("alg {alg:?}"), good.clone().header("alg", alg).sign()));
    }
    let message = parts(&good.header_json(), &good.claims_json());
    for (what, signature) in [
        ("r = s = 0", vec![0; 64]),
        ("r = s = n", [ORDER, ORDER].concat()),
        ("r and s beyond the field", vec![0xff; 64]),
        ("a short signature", vec![1; 63]),
        ("a long signature", vec![1; 65]),
        ("a DER signature", vec![0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01]),
        ("a signature of 4 KB", vec![7; 4096]),
    ] {
        all.push((what.to_owned(), format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))));
    }
}

/// The order of P-256 (FIPS 186-4 D.1.2.3).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// Keys that the token brings along, and keys of somebody else (RFC 8725 §2.6, §3.10).
fn wrong_keys(issuer: &TestIssuer, good: &TokenBuilder<'_>, all: &mut Tokens) {
    let foreign = TestIssuer::with_kid(issuer.kid());
    let signed = |header: Value| foreign.sign_parts(&header.to_string(), &good.claims_json());
    let base = json!({ "typ": "at+jwt", "alg": "ES256", "kid": issuer.kid() });
    let with = |name: &str, value: Value| {
        let mut header = base.clone();
        header[name] = value;
        header
    };
    all.push(("a foreign key under the same kid".to_owned(), signed(base.clone())));
    all.push(("a foreign key that the token brings along".to_owned(), signed(with("jwk", foreign.jwk()))));
    all.push(("a foreign key in a file".to_owned(), signed(with("jku", json!(foreign.jwks_uri())))));
    all.push(("a foreign key on a server".to_owned(), signed(with("jku", json!("http://127.0.0.1:1/jwks")))));
    all.push((
        "a foreign certificate".to_owned(),
        signed(with("x5c", json!([URL_SAFE.encode(foreign.point())]))),
    ));
    all.push((
        "a foreign certificate on a server".to_owned(),
        signed(with("x5u", json!("http://127.0.0.1:1/x"))),
    ));
    for kid in
        ["", "unknown", "../../../../dev/null", "' OR '1'='1", "*", "\u{0}", "key\r\nx: y", &"k".repeat(3000)]
    {
        all.push((format!("kid {:?}", &kid[..kid.len().min(30)]), signed(with("kid", json!(kid)))));
        all.push((
            format!("kid {:?} and a good signature", &kid[..kid.len().min(30)]),
            good.clone().header("kid", kid).sign(),
        ));
    }
    let own = |name: &str, value: Value| good.clone().header(name, value).sign();
    for (name, value) in [
        ("jwk", issuer.jwk()),
        ("jku", json!(issuer.jwks_uri())),
        ("x5c", json!([])),
        ("x5u", json!("https://courses.example.com/x5u")),
        ("x5t", json!("AQAB")),
    ] {
        all.push((format!("a good token that brings {name} along"), own(name, value)));
    }
}

fn wrong_headers(good: &TokenBuilder<'_>, all: &mut Tokens) {
    for typ in
        ["JWT", "jwt", "id_token+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "at+jwt2", "", " at+jwt"]
    {
        all.push((format!("typ {typ:?}"), good.clone().header("typ", typ).sign()));
    }
    for (what, crit) in
        [("exp", json!(["exp"])), ("b64", json!(["b64"])), ("nothing", json!([])), ("null", Value::Null)]
    {
        all.push((format!("crit with {what}"), good.clone().header("crit", crit).sign()));
    }
    for (name, value) in [
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
        ("cty", json!("JWT")),
        ("typ", json!(["at+jwt"])),
        ("typ", Value::Null),
        ("alg", json!(["ES256"])),
        ("alg", Value::Null),
        ("kid", json!(1)),
        ("kid", Value::Null),
    ] {
        all.push((format!("{name} = {value} in the header"), good.clone().header(name, value).sign()));
    }
    for name in ["typ", "alg", "kid"] {
        all.push((format!("no {name}"), good.clone().without_header(name).sign()));
    }
}

fn wrong_claims(good: &TokenBuilder<'_>, all: &mut Tokens) {
    let user = Uuid::now_v7();
    let wrong = [
        ("iss", json!("https://courses.example.com/identity")),
        ("iss", json!("http://localhost:8080/identity/")),
        ("iss", json!("http://localhost:8080")),
        ("iss", json!("https://localhost:8080/identity")),
        ("iss", json!("HTTP://LOCALHOST:8080/identity")),
        ("iss", json!("http://localhost:8080/identity#")),
        ("iss", json!(["http://localhost:8080/identity"])),
        ("iss", Value::Null),
        ("aud", json!("gateway")),
        ("aud", json!("elsewhere")),
        ("aud", json!("")),
        ("aud", json!("*")),
        ("aud", json!([])),
        ("aud", json!([["nested"]])),
        ("aud", json!({ "aud": true })),
        ("aud", json!(true)),
        ("aud", Value::Null),
        ("exp", json!(now() - 31)),
        ("exp", json!(now() - 3600)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!(i64::MIN)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(1e300)),
        ("exp", json!((now() + 300).to_string())),
        ("exp", json!(true)),
        ("exp", Value::Null),
        ("nbf", json!(now() + 120)),
        ("nbf", json!(i64::MAX)),
        ("nbf", json!("now")),
        ("iat", json!(now() + 120)),
        ("iat", json!(i64::MAX)),
        ("iat", json!("now")),
        ("iat", Value::Null),
        ("sub", json!("")),
        ("sub", json!("somebody")),
        ("sub", json!(user.simple().to_string())),
        ("sub", json!(user.braced().to_string())),
        ("sub", json!(user.urn().to_string())),
        ("sub", json!(user.to_string().to_uppercase())),
        ("sub", json!(format!("{user} "))),
        ("sub", json!([user])),
        ("sub", json!(1)),
        ("sub", Value::Null),
        ("client_id", json!("")),
        ("client_id", json!(1)),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("scope", json!(["order.read"])),
        ("scope", json!(1)),
        ("scope", Value::Null),
        ("roles", json!("admin")),
        ("roles", json!(["root"])),
        ("sid", json!("none")),
        ("act", json!("gateway")),
    ];
    for (name, value) in wrong {
        all.push((format!("{name} = {value}"), good.clone().claim(name, value).sign()));
    }
    for name in ["iss", "aud", "exp", "iat", "sub", "client_id", "jti"] {
        all.push((format!("no {name}"), good.clone().without_claim(name).sign()));
    }
    let own_client = good.clone().claim("sub", user).claim("client_id", user);
    all.push(("a client that has a user's id".to_owned(), own_client.sign()));
    let no_user = good.clone().claim("sub", "web").claim("client_id", "web");
    all.push(("a service with roles and a session".to_owned(), no_user.sign()));
    all.push(("a token of 9 KB".to_owned(), good.clone().claim("x", "a".repeat(9 * 1024)).sign()));
    all.push(("a token of 40 KB".to_owned(), good.clone().claim("x", "a".repeat(30 * 1024)).sign()));
}

/// JSON that two programs may read differently, well signed.
fn wrong_json(issuer: &TestIssuer, good: &TokenBuilder<'_>, all: &mut Tokens) {
    let (header, claims) = (good.header_json(), good.claims_json());
    let more = |json: &str, field: &str| format!("{},{field}}}", &json[..json.len() - 1]);
    for field in
        [r#""aud":"elsewhere""#, r#""exp":99999999999"#, r#""sub":"x""#, r#""scope":"a""#, r#""iss":"x""#]
    {
        all.push((format!("{field} twice"), issuer.sign_parts(&header, &more(&claims, field))));
    }
    for field in [r#""alg":"none""#, r#""alg":"ES256""#, r#""typ":"JWT""#, r#""kid":"x""#] {
        all.push((format!("{field} twice in the header"), issuer.sign_parts(&more(&header, field), &claims)));
    }
    for (what, payload) in [
        ("an empty payload", String::new()),
        ("an empty object", "{}".to_owned()),
        ("an array", "[]".to_owned()),
        ("null", "null".to_owned()),
        ("a string", "\"x\"".to_owned()),
        ("no JSON", "hello".to_owned()),
        ("two values", format!("{claims}{claims}")),
        ("something after the end", format!("{claims}x")),
        ("a comma at the end", more(&claims, "")),
        ("half a character", more(&claims, r#""sid":"\ud800""#)),
    ] {
        all.push((format!("claims: {what}"), issuer.sign_parts(&header, &payload)));
        all.push((format!("header: {what}"), issuer.sign_parts(&payload, &claims)));
    }
    all.push((
        "escapes in the header".to_owned(),
        issuer.sign_parts(&header.replace("at+jwt", r"\u0061t+jwt"), &claims),
    ));
}

/// The token's text changed after it was signed.
fn wrong_forms(good: &str, all: &mut Tokens) {
    let fields: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (fields[0], fields[1], fields[2]);
    let message = format!("{header}.{payload}");
    for cut in [1, 2, 10, signature.len() - 1, signature.len(), good.len() / 2, good.len() - 1] {
        all.push((format!("{cut} characters less"), good[..good.len() - cut].to_owned()));
    }
    for (what, token) in [
        ("a dot after it", format!("{good}.")),
        ("two dots after it", format!("{good}..")),
        ("a dot before it", format!(".{good}")),
        ("an empty part inside", format!("{header}..{payload}.{signature}")),
        ("a fourth part", format!("{good}.{signature}")),
        ("five parts, as if encrypted", format!("{header}.{payload}.{signature}.{signature}.{signature}")),
        ("no header", format!(".{payload}.{signature}")),
        ("no payload", format!("{header}..{signature}")),
        ("dots alone", "..".to_owned()),
        ("padding", format!("{good}==")),
        ("padding inside", format!("{header}=.{payload}.{signature}")),
        ("a space inside", format!("{header}. {payload}.{signature}")),
        ("a tab inside", format!("{header}\t.{payload}.{signature}")),
        ("the standard alphabet", format!("{message}.{}", STANDARD_NO_PAD.encode([0xfb; 64]))),
        ("another last character", format!("{message}.{}", not_canonical(signature))),
        ("a signature in capitals", format!("{message}.{}", signature.to_uppercase())),
        ("a part twice", format!("{header}.{header}.{signature}")),
        ("header and payload exchanged", format!("{payload}.{header}.{signature}")),
        (
            "a JSON serialization",
            json!({ "protected": header, "payload": payload, "signature": signature }).to_string(),
        ),
    ] {
        all.push((what.to_owned(), token));
    }
    // One bit in each part.
    for at in [3, header.len() + 10, message.len() + 5] {
        let mut bytes = good.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        all.push((format!("another character at {at}"), String::from_utf8_lossy(&bytes).into_owned()));
    }
}

/// The same bytes in another spelling: the last of 86 characters has four bits that say nothing.
fn not_canonical(signature: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = signature.split_at(signature.len() - 1);
    let index = ALPHABET.iter().position(|letter| last.as_bytes()[0] == *letter).unwrap_or_default();
    format!("{rest}{}", char::from(ALPHABET[index ^ 1]))
}
