//! What works.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_testkit::Engine;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    CHALLENGE, ISSUER, PASSWORD, Person, Provider, VERIFIER, WEB, address, basic, claims, fields, form,
    location, parameter, query, refused,
};

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
    assert_eq!(api.get("/identity/userinfo").await.expect(200).json::<Value>(), expected);
    assert_eq!(form(&api, "/identity/userinfo", &[]).await.expect(200).json::<Value>(), expected);
    let token = tokens["access_token"].as_str().unwrap();
    let in_form = form(&provider.api, "/identity/userinfo", &[("access_token", token)]).await;
    assert_eq!(in_form.expect(200).json::<Value>(), expected);

    let told = provider.form_as("gateway", "/identity/introspect", &[("token", token)]).await;
    let told: Value = told.expect(200).json();
    assert_eq!((&told["active"], &told["sub"], &told["jti"]), (&json!(true), &access["sub"], &access["jti"]));
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
fn robot(pair: &EcdsaKeyPair) -> platform_components::Client {
    let point = pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    serde_json::from_value(json!({"id":"robot","type":"confidential","firstParty":true,
        "jwks":{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":x,"y":y}]},
        "grants":["client_credentials"],"scopes":["order.sys.status","payment.sys.charge"]}))
    .unwrap()
}

fn assertion(pair: &EcdsaKeyPair, audience: &str) -> String {
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

pub(crate) async fn a_service_gets_tokens_for_one_audience(engine: Engine) {
    let provider = Provider::start(engine).await;
    let get = async |client: &str, scope: &str| {
        let pairs = [("grant_type", "client_credentials"), ("scope", scope)];
        provider.form_as(client, "/identity/token", &pairs).await
    };
    let answer: Value = get("order", "payment.sys.charge").await.expect(200).json();
    let token = claims(answer["access_token"].as_str().unwrap());
    assert_eq!((&token["sub"], &token["client_id"]), (&json!("order"), &json!("order")));
    assert_eq!(token["aud"], "payment");
    for claim in ["sid", "roles", "auth_time", "act"] {
        assert!(token.get(claim).is_none(), "{claim}");
    }
    assert!(answer.get("refresh_token").is_none() && answer.get("id_token").is_none());
    refused(&get("order", "payment.sys.charge basket.sys.read").await, 400, "invalid_scope");
    refused(&get("order", "catalog.sys.photos").await, 400, "invalid_scope");
    refused(&get("order", "order.read").await, 400, "invalid_scope");
    refused(&get("web", "openid").await, 400, "invalid_scope");
    refused(&get("gateway", "").await, 400, "unauthorized_client");
    refused(&get("partner", "order.read").await, 400, "invalid_scope");

    // The visitor's token is used through the gateway, and exchanged there.
    let visitor: Value = get("web", "").await.expect(200).json();
    let visitor = visitor["access_token"].as_str().unwrap();
    assert_eq!(claims(visitor)["aud"], "gateway");
    let exchanged: Value = provider.exchange(visitor, "basket", "").await.expect(200).json();
    let exchanged = claims(exchanged["access_token"].as_str().unwrap());
    assert_eq!((&exchanged["sub"], &exchanged["aud"]), (&json!("web"), &json!("basket")));
    assert_eq!(exchanged["scope"], "basket.use");
    assert_eq!(exchanged["act"]["sub"], "gateway");
}

pub(crate) async fn a_token_is_exchanged_for_less_and_never_for_more(engine: Engine) {
    let provider = Provider::with(engine, &[("REQUIRE_VERIFIED_EMAIL", "true")], Vec::new()).await;
    let person = provider.person_who_is(true, false).await;
    let tokens = provider.tokens(&person, "openid order.buy order.read catalog.teach catalog.learn").await;
    let token = tokens["access_token"].as_str().unwrap();
    let answer: Value = provider.exchange(token, "order", "order.read order.sales").await.expect(200).json();
    assert_eq!(answer["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!(answer["scope"], "order.read");
    let exchanged = claims(answer["access_token"].as_str().unwrap());
    let subject = claims(token);
    for claim in ["sub", "sid", "auth_time", "roles", "client_id", "iss"] {
        assert_eq!(exchanged[claim], subject[claim], "{claim}");
    }
    assert_eq!(exchanged["aud"], "order");
    assert_eq!(exchanged["act"], json!({"sub": "gateway"}));
    assert_ne!(exchanged["jti"], subject["jti"]);
    assert!(exchanged["exp"].as_i64() <= subject["exp"].as_i64());
    // What came out does not go in again.
    let out = answer["access_token"].as_str().unwrap();
    refused(&provider.exchange(out, "order", "order.read").await, 400, "invalid_request");

    refused(&provider.exchange(token, "order", "order.sales").await, 400, "invalid_scope");
    refused(&provider.exchange(token, "payment", "").await, 400, "invalid_scope");
    refused(&provider.exchange(token, "nowhere", "").await, 400, "invalid_target");
    refused(&provider.exchange("rubbish", "order", "").await, 400, "invalid_request");
    refused(
        &provider.exchange(tokens["id_token"].as_str().unwrap(), "order", "").await,
        400,
        "invalid_request",
    );
    // Buying and teaching take a verified e-mail address.
    refused(&provider.exchange(token, "order", "order.buy").await, 400, "invalid_scope");
    let rest: Value = provider.exchange(token, "catalog", "").await.expect(200).json();
    assert_eq!(rest["scope"], "catalog.learn");
    let pool = provider.pool().await;
    let verify =
        sqlx::query("UPDATE accounts SET email_verified_at = now() WHERE id = $1").bind(person.account);
    verify.execute(&pool).await.unwrap();
    let all: Value = provider.exchange(token, "catalog", "").await.expect(200).json();
    assert_eq!(all["scope"], "catalog.teach catalog.learn");
    // A role that is gone takes its scopes along.
    sqlx::query("UPDATE accounts SET instructor = false WHERE id = $1")
        .bind(person.account)
        .execute(&pool)
        .await
        .unwrap();
    let rest: Value = provider.exchange(token, "catalog", "").await.expect(200).json();
    assert_eq!(rest["scope"], "catalog.learn");
    assert_eq!(claims(rest["access_token"].as_str().unwrap())["roles"], json!(["student"]));
    // Only the gateway exchanges.
    let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
    refused(&provider.form_as("web", "/identity/token", &[grant]).await, 400, "unauthorized_client");
    // Signed out.
    sqlx::query("UPDATE sessions SET ended_at = now() WHERE id = $1")
        .bind(person.session)
        .execute(&pool)
        .await
        .unwrap();
    refused(&provider.exchange(token, "order", "order.read").await, 400, "invalid_request");
}

pub(crate) async fn a_password_gives_tokens_where_it_may(engine: Engine) {
    let provider = Provider::with(engine, &[("PASSWORD_GRANT", "true")], Vec::new()).await;
    let email = format!("ada.{}@example.com", Uuid::new_v4().simple());
    let body = json!({"email": email, "password": PASSWORD, "name": "Ada", "city": ""});
    provider.api.post("/identity/v1/accounts", body).await.assert_status(201);
    let attempt = async |password: &str, scope: &str| {
        let pairs = [
            ("grant_type", "password"),
            ("client_id", "script"),
            ("username", &email),
            ("password", password),
            ("scope", scope),
        ];
        provider.form("/identity/token", &pairs).await
    };
    let tokens: Value = attempt(PASSWORD, "openid catalog.learn").await.expect(200).json();
    let access = claims(tokens["access_token"].as_str().unwrap());
    assert!(access.get("sid").is_none() && access["auth_time"].is_i64());
    assert!(claims(tokens["id_token"].as_str().unwrap()).get("sid").is_none());
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let pairs = [("grant_type", "refresh_token"), ("client_id", "script"), ("refresh_token", refresh)];
    provider.form("/identity/token", &pairs).await.assert_status(200);
    assert!(provider.is_active(tokens["access_token"].as_str().unwrap()).await);
    provider.exchange(tokens["access_token"].as_str().unwrap(), "catalog", "").await.assert_status(200);
    refused(&attempt("wrong", "openid").await, 400, "invalid_grant");
    refused(&attempt(PASSWORD, "catalog.admin").await, 400, "invalid_scope");
    refused(&attempt(PASSWORD, "order.buy").await, 400, "invalid_scope");

    let off = Provider::start(engine).await;
    let pairs = [("grant_type", "password"), ("client_id", "script"), ("username", "x"), ("password", "x")];
    refused(&off.form("/identity/token", &pairs).await, 400, "unsupported_grant_type");
}

/// Whether the browser is sent to the sign-in page, and where that page leads back to.
fn sign_in(answer: &platform_testkit::Answer) -> Option<String> {
    let there = location(answer).starts_with("/identity/sign-in?");
    there.then(|| parameter(answer, "continue").unwrap())
}

pub(crate) async fn prompt_max_age_and_hint_decide_whether_somebody_signs_in_again(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let nobody = Person { api: provider.api.clone(), cookie: String::new(), email: String::new(), ..person };
    let person = provider.person().await;
    // Nobody is signed in.
    let back = sign_in(&nobody.authorize(&[("login_hint", "ada@example.com")]).await).unwrap();
    assert!(back.starts_with("/identity/authorize?client_id=web&") && back.contains("login_hint="), "{back}");
    assert_eq!(
        parameter(&nobody.authorize(&[("prompt", "none")]).await, "error").as_deref(),
        Some("login_required")
    );
    // Coming back signed in gives a code.
    assert!(parameter(&person.api.get(&back).await, "code").is_some());

    // The session is a minute old.
    for (changed, again) in [
        (("prompt", "login"), true),
        (("prompt", "select_account"), true),
        (("prompt", "none"), false),
        (("max_age", "30"), true),
        (("max_age", "0"), true),
        (("max_age", "3600"), false),
    ] {
        let answer = person.authorize(&[changed]).await;
        assert_eq!(sign_in(&answer).is_some(), again, "{changed:?}");
        if let Some(back) = sign_in(&answer) {
            assert!(!back.contains("prompt="), "{back}");
            // Without having signed in again they don't get through …
            assert!(sign_in(&person.api.get(&back).await).is_some(), "{back}");
            let pool = provider.pool().await;
            let renew = "UPDATE sessions SET auth_time = now() + interval '1 second' WHERE id = $1";
            sqlx::query(renew).bind(person.session).execute(&pool).await.unwrap();
            // … and with it they do, whatever max_age is.
            assert!(parameter(&person.api.get(&back).await, "code").is_some(), "{changed:?}: {back}");
            let age = "UPDATE sessions SET auth_time = now() - interval '1 minute' WHERE id = $1";
            sqlx::query(age).bind(person.session).execute(&pool).await.unwrap();
        }
    }
    let stale = person.authorize(&[("prompt", "none"), ("max_age", "30")]).await;
    assert_eq!(parameter(&stale, "error").as_deref(), Some("login_required"));

    // Somebody else is expected.
    let hint = provider.tokens(&person, "openid").await["id_token"].as_str().unwrap().to_owned();
    assert!(parameter(&person.authorize(&[("id_token_hint", &hint)]).await, "code").is_some());
    let other = provider.person().await;
    assert!(sign_in(&other.authorize(&[("id_token_hint", &hint)]).await).is_some());
    let silent = other.authorize(&[("id_token_hint", &hint), ("prompt", "none")]).await;
    assert_eq!(parameter(&silent, "error").as_deref(), Some("login_required"));
    // POST is as good as GET.
    let pairs = [
        ("client_id", "web"),
        ("redirect_uri", WEB),
        ("response_type", "code"),
        ("scope", "openid"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    assert!(parameter(&form(&person.api, "/identity/authorize", &pairs).await, "code").is_some());
}

pub(crate) async fn a_client_of_others_is_agreed_to_once(engine: Engine) {
    const ADDRESS: &str = "https://partner.example/cb?from=shop";
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let partner = [("client_id", "partner"), ("redirect_uri", ADDRESS), ("scope", "openid order.read")];
    let silent = person.authorize(&[&partner[..], &[("prompt", "none")]].concat()).await;
    assert_eq!(parameter(&silent, "error").as_deref(), Some("consent_required"));
    assert!(location(&silent).starts_with("https://partner.example/cb?from=shop&error="));

    let page = person.authorize(&partner).await.expect(200);
    assert!(
        page.text().contains("Partner &amp; Co") || page.text().contains("Partner &#38; Co"),
        "{}",
        page.text()
    );
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("form-action 'self' https://partner.example;")
    );
    let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let browser = provider.api.with("cookie", &format!("id={}; {cookie}", person.cookie));
    let hidden = fields(&page.text());
    let decide = async |api: &platform_testkit::Api, decision: &str| {
        let mut pairs: Vec<(&str, &str)> =
            hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        pairs.push(("decision", decision));
        form(api, "/identity/consent", &pairs).await
    };
    // Another site can't agree in somebody's name.
    decide(&person.api, "allow").await.assert_status(403);
    decide(&browser, "maybe").await.assert_status(400);
    assert_eq!(parameter(&decide(&browser, "deny").await, "error").as_deref(), Some("access_denied"));
    let agreed = decide(&browser, "allow").await;
    let code = parameter(&agreed, "code").unwrap();
    assert_eq!(parameter(&agreed, "state").as_deref(), Some("some state"));
    let tokens: Value = provider.redeem("partner", &code, ADDRESS).await.expect(200).json();
    assert_eq!(tokens["scope"], "openid order.read");

    // Once is enough, for the same or less, not for more.
    assert!(
        parameter(&person.authorize(&[&partner[..2], &[("scope", "openid")]].concat()).await, "code")
            .is_some()
    );
    assert!(
        parameter(&person.authorize(&[&partner[..], &[("prompt", "none")]].concat()).await, "code").is_some()
    );
    person.authorize(&[&partner[..2], &[("scope", "openid email")]].concat()).await.assert_status(200);
    person.authorize(&[&partner[..], &[("prompt", "consent")]].concat()).await.assert_status(200);
    // Ours are not asked about, unless they want it.
    person.authorize(&[("prompt", "consent")]).await.assert_status(200);
    // Another person who is there by now is asked anew.
    let other = provider.person().await;
    let swapped = provider.api.with("cookie", &format!("id={}; {cookie}", other.cookie));
    assert!(location(&decide(&swapped, "allow").await).starts_with("/identity/authorize?"));
}

pub(crate) async fn an_app_that_anybody_could_be_is_agreed_to_each_time(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    for uri in ["app://cb", "http://127.0.0.1:51004/cb"] {
        let app = [("client_id", "mobile"), ("redirect_uri", uri), ("scope", "openid")];
        for _ in 0..2 {
            let page = person.authorize(&app).await.expect(200);
            let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
            let browser = provider.api.with("cookie", &format!("id={}; {cookie}", person.cookie));
            let hidden = fields(&page.text());
            let mut pairs: Vec<_> =
                hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            pairs.push(("decision", "allow"));
            let agreed = form(&browser, "/identity/consent", &pairs).await;
            assert!(parameter(&agreed, "code").is_some(), "{uri}");
            let silent = person.authorize(&[&app[..], &[("prompt", "none")]].concat()).await;
            assert_eq!(parameter(&silent, "error").as_deref(), Some("consent_required"), "{uri}");
        }
    }
}

pub(crate) async fn a_native_app_may_listen_on_any_port(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let request = |uri: &'static str| [("client_id", "mobile"), ("redirect_uri", uri), ("prompt", "none")];
    for uri in ["http://127.0.0.1:51004/cb", "http://127.0.0.1/cb", "app://cb"] {
        let answer = person.authorize(&request(uri)).await;
        assert!(
            location(&answer).starts_with(&format!("{uri}?error=consent_required")),
            "{}",
            location(&answer)
        );
    }
    for uri in
        ["http://127.0.0.1:51004/cb2", "http://localhost:51004/cb", "http://[::1]:51004/cb", "app://cb/"]
    {
        person.authorize(&request(uri)).await.assert_status(400);
    }
}

pub(crate) async fn signing_out_ends_what_the_session_gave(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let tokens = provider.tokens(&person, "openid order.read").await;
    let (access, refresh) =
        (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    let hint = tokens["id_token"].as_str().unwrap();
    let home = "http://localhost:8080/";
    // Nothing happens by a link alone, nor with somebody else's hint.
    let other = provider.person().await;
    for api in [&person.api, &other.api] {
        let bare = api.get("/identity/logout").await.expect(200);
        assert!(bare.text().contains("/identity/logout"), "{}", bare.text());
    }
    other.api.get(&format!("/identity/logout?id_token_hint={hint}")).await.assert_status(200);
    person
        .api
        .get("/identity/logout?post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F&client_id=web")
        .await
        .assert_status(400);
    person
        .api
        .get("/identity/logout?post_logout_redirect_uri=http%3A%2F%2Flocalhost%3A8080%2F")
        .await
        .assert_status(400);
    person
        .api
        .get(&format!("/identity/logout?id_token_hint={hint}&client_id=partner"))
        .await
        .assert_status(400);
    assert!(provider.is_active(access).await);

    let target = format!(
        "/identity/logout?id_token_hint={hint}&post_logout_redirect_uri={}&state=a+b",
        "http%3A%2F%2Flocalhost%3A8080%2F"
    );
    let answer = person.api.get(&target).await;
    assert_eq!(location(&answer), format!("{home}?state=a+b"));
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert!(person.api.get(&address(&[])).await.header("location").unwrap().starts_with("/identity/sign-in"));
    refused(&provider.refresh("web", refresh).await, 400, "invalid_grant");
    refused(&provider.exchange(access, "order", "order.read").await, 400, "invalid_request");
    let gone = || async { !provider.is_active(access).await };
    platform_testkit::eventually(std::time::Duration::from_secs(10), gone).await;
    provider
        .api
        .with("authorization", &format!("Bearer {access}"))
        .get("/identity/userinfo")
        .await
        .assert_status(401);

    // With the page that asks.
    let page = other
        .api
        .get("/identity/logout?client_id=web&post_logout_redirect_uri=http%3A%2F%2Flocalhost%3A8080%2F")
        .await;
    let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let browser = provider.api.with("cookie", &format!("id={}; {cookie}", other.cookie));
    let hidden = fields(&page.text());
    let pairs: Vec<(&str, &str)> =
        hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    form(&other.api, "/identity/logout", &pairs).await.assert_status(200);
    assert!(parameter(&other.authorize(&[]).await, "code").is_some(), "a form of another site ends nothing");
    assert_eq!(location(&form(&browser, "/identity/logout", &pairs).await), home);
    assert!(query(&other.authorize(&[]).await).iter().any(|(name, _)| name == "continue"));
    assert!(!VERIFIER.is_empty());
}
