//! What works: codes, refresh tokens, and each way to authenticate.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_testkit::{Answer, Engine};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{ISSUER, Provider, WEB, basic, claims, form, location, parameter, refused};

pub(crate) async fn a_code_becomes_tokens_that_say_who_signed_in(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person_who_is(true, false).await;
    let scope = "openid profile email roles order.buy catalog.teach catalog.admin";
    let answer = person.authorize(&[("scope", scope), ("nonce", "n-1")]).await;
    assert!(location(&answer).starts_with(&format!("{WEB}?code=")), "{}", location(&answer));
    assert_eq!(parameter(&answer, "state").as_deref(), Some("some state"));
    assert_eq!(parameter(&answer, "iss").as_deref(), Some(ISSUER), "RFC 9207");
    assert_eq!(answer.header("cache-control"), Some("no-store"));

    let code = parameter(&answer, "code").unwrap();
    let answer = provider.redeem("web", &code, WEB).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let tokens: Value = answer.json();
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 300);
    assert_eq!(
        tokens["scope"], "openid profile email roles order.buy catalog.teach",
        "an instructor, no admin"
    );
    let access = claims(tokens["access_token"].as_str().unwrap());
    assert_eq!(access["iss"], ISSUER);
    assert_eq!(access["aud"], "gateway");
    assert_eq!(access["sub"], person.account.to_string());
    assert_eq!(access["client_id"], "web");
    assert_eq!(access["sid"], person.session.to_string());
    assert_eq!(access["roles"], json!(["student", "instructor"]));
    let id = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(id["iss"], ISSUER);
    assert_eq!(id["aud"], "web");
    assert_eq!(id["nonce"], "n-1");
    assert_eq!(id["sid"], access["sid"]);
    assert_eq!(id["auth_time"], access["auth_time"]);
    assert!(id["at_hash"].is_string());

    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let api = provider.api.with("authorization", &bearer);
    let expected = json!({"sub": person.account.to_string(), "name": "Ada", "locale": "tr",
        "email": person.email, "email_verified": false, "roles": ["student", "instructor"]});
    let told = |answer: Answer| {
        let mut told: Value = answer.expect(200).json();
        assert!(told.as_object_mut().unwrap().remove("updated_at").is_some_and(|at| at.is_i64()));
        told
    };
    assert_eq!(told(api.get("/identity/userinfo").await), expected);
    assert_eq!(told(form(&api, "/identity/userinfo", &[]).await), expected);
    let token = tokens["access_token"].as_str().unwrap();
    let in_form = form(&provider.api, "/identity/userinfo", &[("access_token", token)]).await;
    assert_eq!(told(in_form), expected);

    let seen = provider.form_as("gateway", "/identity/introspect", &[("token", token)]).await;
    let seen: Value = seen.expect(200).json();
    assert_eq!((&seen["active"], &seen["sub"], &seen["jti"]), (&json!(true), &access["sub"], &access["jti"]));
}

pub(crate) async fn a_refresh_token_gives_the_next_one_and_the_lost_answer_again(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let tokens = provider.tokens(&person, "openid profile order.read").await;
    let first = tokens["refresh_token"].as_str().unwrap();
    let answer: Value = provider.refresh("web", first).await.expect(200).json();
    let second = answer["refresh_token"].as_str().unwrap();
    assert_ne!(first, second);
    let (before, after) = (tokens["id_token"].as_str().unwrap(), answer["id_token"].as_str().unwrap());
    for claim in ["iss", "sub", "aud", "auth_time", "sid"] {
        assert_eq!(claims(before)[claim], claims(after)[claim], "{claim}");
    }
    // The answer was lost: the same again.
    let again: Value = provider.refresh("web", first).await.expect(200).json();
    assert_eq!(again["refresh_token"], answer["refresh_token"]);

    let less = [("grant_type", "refresh_token"), ("refresh_token", second), ("scope", "order.read")];
    let less: Value = provider.form_as("web", "/identity/token", &less).await.expect(200).json();
    assert_eq!(less["scope"], "order.read");
    assert!(less.get("id_token").is_none());
    let third = less["refresh_token"].as_str().unwrap();
    let more = [("grant_type", "refresh_token"), ("refresh_token", third), ("scope", "order.read order.buy")];
    refused(&provider.form_as("web", "/identity/token", &more).await, 400, "invalid_scope");
    let all: Value = provider.refresh("web", third).await.expect(200).json();
    assert_eq!(all["scope"], "openid profile order.read", "what was granted stays granted");
}

pub(crate) async fn two_refreshes_at_the_same_moment_get_the_same_successor(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let mut token = provider.tokens(&person, "openid").await["refresh_token"].as_str().unwrap().to_owned();
    for round in 0..5 {
        let (a, b, c) = tokio::join!(
            provider.refresh("web", &token),
            provider.refresh("web", &token),
            provider.refresh("web", &token)
        );
        let next = |answer: platform_testkit::Answer| {
            answer.expect(200).json::<Value>()["refresh_token"].as_str().unwrap().to_owned()
        };
        let (a, b, c) = (next(a), next(b), next(c));
        assert!(a == b && b == c, "round {round}");
        token = a;
    }
}

/// A client with a key of its own.
pub(crate) fn robot(pair: &EcdsaKeyPair) -> platform_components::Client {
    let point = pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    serde_json::from_value(json!({"id":"robot","type":"confidential","firstParty":true,
        "jwks":{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":x,"y":y}]},
        "grants":["client_credentials"],"scopes":["order.sys.status","payment.sys.charge"]}))
    .unwrap()
}

pub(crate) fn assertion(pair: &EcdsaKeyPair, audience: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let claims =
        json!({"iss":"robot","sub":"robot","aud":audience,"exp":now + 60,"iat":now,"jti":Uuid::new_v4()});
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&json!({"alg":"ES256","kid":"1"})), encode(&claims));
    let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

pub(crate) async fn a_client_authenticates_in_each_of_its_ways(engine: Engine) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let provider = Provider::with(engine, &[], vec![robot(&pair)]).await;
    let grant = ("grant_type", "client_credentials");
    let scope = ("scope", "payment.sys.charge");
    provider.form_as("order", "/identity/token", &[grant, scope]).await.assert_status(200);
    let post = [grant, scope, ("client_id", "order"), ("client_secret", "order-secret")];
    provider.form("/identity/token", &post).await.assert_status(200);

    let kind = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    for audience in [ISSUER.to_owned(), format!("{ISSUER}/token")] {
        let jwt = assertion(&pair, &audience);
        let pairs = [grant, scope, kind, ("client_assertion", &jwt)];
        provider.form("/identity/token", &pairs).await.assert_status(200);
        refused(&provider.form("/identity/token", &pairs).await, 401, "invalid_client");
    }
    let jwt = assertion(&pair, "https://elsewhere.example");
    refused(
        &provider.form("/identity/token", &[grant, scope, kind, ("client_assertion", &jwt)]).await,
        401,
        "invalid_client",
    );
    let jwt = assertion(&pair, ISSUER);
    let other = [grant, scope, kind, ("client_assertion", &jwt), ("client_id", "order")];
    refused(&provider.form("/identity/token", &other).await, 400, "invalid_request");

    for (id, secret) in [("order", "web-secret"), ("order", ""), ("nobody", "order-secret"), ("", "")] {
        let api = provider.api.with("authorization", &basic(id, secret));
        refused(&form(&api, "/identity/token", &[grant, scope]).await, 401, "invalid_client");
    }
    // A confidential client must prove who it is, a public one can't.
    refused(&provider.form("/identity/token", &[grant, ("client_id", "order")]).await, 401, "invalid_client");
    let secret = [grant, ("client_id", "mobile"), ("client_secret", "x")];
    refused(&provider.form("/identity/token", &secret).await, 401, "invalid_client");
    // One way at a time (RFC 6749 §2.3).
    let both = [grant, scope, ("client_id", "order"), ("client_secret", "order-secret")];
    refused(&provider.form_as("order", "/identity/token", &both).await, 400, "invalid_request");
}
