//! What is wrong with requests to the endpoints beside *authorize* and *token*, and hints that are only hints.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use http::Method;
use platform_testkit::Engine;
use serde_json::Value;

use crate::flows::{assertion, robot};
use crate::refusals::{FORM, apart, no_server_error, spoiled};
use crate::support::{ISSUER, Provider, claims, encode, fields, location, parameter};

pub(crate) async fn no_fault_in_a_request_to_sign_out_ends_a_session(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let tokens = provider.tokens(&person, "openid").await;
    let hint = tokens["id_token"].as_str().unwrap().to_owned();
    let good = [
        ("id_token_hint", hint.as_str()),
        ("client_id", "web"),
        ("post_logout_redirect_uri", "http://localhost:8080/"),
        ("state", "s"),
    ];
    let cookie = format!("id={}", person.cookie);
    for at in 0..good.len() {
        for (fault, body) in spoiled(&good, at) {
            let what = format!("{} {fault}", good[at].0);
            // What may be absent is not needed, and any text is a state; a hint that is none is asked about.
            if at > 0 && matches!(fault, "missing" | "empty" | "of another type") || at == 3 {
                continue;
            }
            let api = apart(&person.api, fault, &cookie, "cookie");
            let answer = api.send(Method::POST, "/identity/logout", FORM, body).await;
            no_server_error(&answer, &what);
            assert!(matches!(answer.status.as_u16(), 200 | 400 | 413), "{what}: {}", answer.status);
            assert!(answer.header("location").is_none(), "{what}");
            assert!(answer.header("set-cookie").is_none_or(|it| !it.contains("Max-Age=0")), "{what}");
        }
    }
    for wrong in [
        "http://localhost:8080",
        "http://localhost:8080/x",
        "http://localhost:8080/?a",
        "http://localhost:8080/#a",
        "http://LOCALHOST:8080/",
        "http://localhost:8081/",
        "http://localhost/",
        "https://localhost:8080/",
        "http://user@localhost:8080/",
        "http://localhost:8080/./",
        "http://localhost:8080/..",
        "//localhost:8080/",
        "javascript:alert(1)",
        "https://partner.example/bye",
    ] {
        let pairs = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", wrong)];
        person.api.get(&format!("/identity/logout?{}", encode(&pairs))).await.assert_status(400);
    }
    assert!(parameter(&person.authorize(&[]).await, "code").is_some(), "the session is there still");
}

pub(crate) async fn no_fault_in_a_decision_agrees_to_anything(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let request = [
        ("client_id", "partner"),
        ("redirect_uri", "https://partner.example/cb?from=shop"),
        ("scope", "openid order.read"),
    ];
    let page = person.authorize(&request).await.expect(200);
    let form_cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let cookie = format!("id={}; {form_cookie}", person.cookie);
    let browser = provider.api.with("cookie", &cookie);
    let hidden = fields(&page.text());
    let mut good: Vec<_> = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    good.push(("decision", "allow"));
    for at in 0..good.len() {
        let optional = good[at].0 == "state";
        for (fault, body) in spoiled(&good, at) {
            let what = format!("{} {fault}", good[at].0);
            if optional && matches!(fault, "missing" | "empty" | "of another type" | "control characters") {
                continue;
            }
            let answer = apart(&browser, fault, &cookie, "cookie");
            let answer = answer.send(Method::POST, "/identity/consent", FORM, body).await;
            no_server_error(&answer, &what);
            if answer.status == 303 {
                let to = location(&answer);
                let told = to.starts_with("https://partner.example/cb?from=shop&error=");
                assert!(told || to.starts_with("/identity/authorize?"), "{what}: {to}");
            } else {
                assert!(answer.status.is_client_error(), "{what}: {}", answer.status);
            }
        }
    }
    let silent = person.authorize(&[&request[..], &[("prompt", "none")]].concat()).await;
    assert_eq!(parameter(&silent, "error").as_deref(), Some("consent_required"), "something was agreed to");
}

pub(crate) async fn userinfo_refuses_a_form_that_is_wrong(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let tokens = provider.tokens(&person, "openid").await;
    let good = [("access_token", tokens["access_token"].as_str().unwrap())];
    for (fault, body) in spoiled(&good, 0) {
        let answer = platform_testkit::Api::new(provider.api.base());
        let answer = answer.send(Method::POST, "/identity/userinfo", FORM, body).await;
        no_server_error(&answer, fault);
        assert!(matches!(answer.status.as_u16(), 400 | 401), "{fault}: {} {}", answer.status, answer.text());
        assert!(answer.header("www-authenticate").is_some(), "{fault}");
    }
    for kind in [Some("application/json"), Some("text/plain"), Some("multipart/form-data"), Some("")] {
        let answer = provider.api.send(Method::POST, "/identity/userinfo", kind, encode(&good)).await;
        assert!(matches!(answer.status.as_u16(), 400 | 401), "{kind:?}: {}", answer.status);
    }
}

pub(crate) async fn hints_are_followed_and_what_is_not_supported_is_ignored(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    for (locales, language) in
        [("en-GB tr", Some("en")), ("de fr tr-TR en", Some("tr")), ("de", None), ("", None), ("\u{0}", None)]
    {
        let hints = [("ui_locales", locales), ("login_hint", "Ada+1@example.com")];
        let answer = provider.api.get(&crate::support::address(&hints)).await;
        assert_eq!(parameter(&answer, "lang").as_deref(), language, "{locales:?}");
        let page = provider.api.get(&location(&answer)).await.expect(200).text();
        assert!(page.contains("value=\"Ada+1@example.com\""), "{page}");
        let shown = format!("<html lang=\"{}\">", language.unwrap_or("tr"));
        assert!(page.contains(&shown), "{locales:?}");
    }
    // Shown as a text, and not at all when it can't be an address.
    let sly = [("login_hint", "\"><script>alert(1)</script>")];
    let page = provider.api.get(&location(&provider.api.get(&crate::support::address(&sly)).await)).await;
    assert!(!page.text().contains("<script>"), "{}", page.text());
    let long = "a".repeat(1000);
    let answer = provider.api.get(&crate::support::address(&[("login_hint", &long)])).await;
    assert_eq!(parameter(&answer, "login_hint"), None);

    // OpenID Connect Core §3.1.2.1 and §5.5.1.1: voluntary, so that nothing is refused, and nothing is claimed.
    let ignored = [
        ("acr_values", "urn:mace:incommon:iap:silver phr"),
        ("claims", r#"{"id_token":{"acr":{"values":["x"]}}}"#),
        ("display", "popup"),
        ("claims_locales", "fr"),
        ("something", "else"),
    ];
    let code = person.code(&ignored).await;
    let tokens: Value = provider.redeem("web", &code, crate::support::WEB).await.expect(200).json();
    assert!(claims(tokens["id_token"].as_str().unwrap()).get("acr").is_none());
}

pub(crate) async fn userinfo_says_when_it_changed_last(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let tokens = provider.tokens(&person, "openid profile account.manage").await;
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let api = provider.api.with("authorization", &bearer);
    let updated = async || {
        let answer: Value = api.get("/identity/userinfo").await.expect(200).json();
        answer["updated_at"].as_i64().unwrap()
    };
    // A row of before it was kept says when the account was made.
    let made = "UPDATE accounts SET updated_at = NULL, created_at = {now-7200} WHERE id = {1}";
    provider.change(made, person.account).await;
    let made = updated().await;
    let teach = api.post("/identity/v1/account/teaching", serde_json::json!({})).await.expect(200);
    assert_eq!(updated().await, made, "a role is no claim of the profile");
    let change = api.with("if-match", teach.header("etag").unwrap());
    let changed = change.patch("/identity/v1/account", serde_json::json!({ "name": "Ada L." })).await;
    changed.assert_status(200);
    assert!(updated().await >= made + 7000);
}

pub(crate) async fn no_fault_in_what_a_client_shows_lets_it_in(engine: Engine) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let provider = Provider::with(engine, &[], vec![robot(&pair)]).await;
    let jwt = assertion(&pair, ISSUER);
    let grant = [("grant_type", "client_credentials"), ("scope", "payment.sys.charge")];
    let by_secret = [("client_id", "order"), ("client_secret", "order-secret")];
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let by_key = [("client_assertion_type", kind), ("client_assertion", jwt.as_str())];
    for shown in [by_secret, by_key] {
        let good = [&grant[..], &shown].concat();
        for at in 2..good.len() {
            for (fault, body) in spoiled(&good, at) {
                let what = format!("{} {fault}", good[at].0);
                let api = platform_testkit::Api::new(provider.api.base());
                let answer = api.send(Method::POST, "/identity/token", FORM, body).await;
                no_server_error(&answer, &what);
                assert!(matches!(answer.status.as_u16(), 400 | 401 | 413), "{what}: {}", answer.text());
                let error = answer.json::<Value>()["error"].as_str().unwrap_or_default().to_owned();
                assert!(matches!(&*error, "invalid_client" | "invalid_request"), "{what}: {}", answer.text());
            }
        }
        // None of that used the assertion up.
        provider.form("/identity/token", &good).await.assert_status(200);
    }
}
