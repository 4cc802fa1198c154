//! What is wrong with a request, and who is told.

use http::Method;
use platform_testkit::{Answer, Api, Engine};
use serde_json::Value;

use crate::support::{
    CHALLENGE, Provider, VERIFIER, WEB, address, basic, encode, location, parameter, refused,
};

pub(crate) const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

/// Everything that may be wrong with one parameter of a good request: the name of the fault, and the form.
pub(crate) fn spoiled(good: &[(&str, &str)], at: usize) -> Vec<(&'static str, Vec<u8>)> {
    let (name, value) = good[at];
    let rest: Vec<_> =
        good.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, pair)| *pair).collect();
    let with = |more: String| [encode(&rest), more].join("&").into_bytes();
    let raw = |bytes: &[u8]| [encode(&rest).as_bytes(), b"&", name.as_bytes(), b"=", bytes].concat();
    vec![
        ("missing", encode(&rest).into_bytes()),
        ("empty", with(format!("{name}="))),
        ("repeated", with(encode(&[(name, value), (name, value)]))),
        ("long", with(format!("{name}={}", "a".repeat(100_000)))),
        ("longish", with(format!("{name}={}", "a".repeat(9_000)))),
        ("encoded rubbish", raw(b"%ff%fe")),
        ("raw rubbish", raw(b"\xff\xfe\x00")),
        ("of another type", with(format!("{name}[]={value}"))),
        ("control characters", with(format!("{name}=%00%0d%0aX"))),
    ]
}

/// After a body that is too long the server closes the connection: nothing else should wait for it.
pub(crate) fn apart(api: &Api, fault: &str, value: &str, header: &str) -> Api {
    if fault == "long" { Api::new(api.base()).with(header, value) } else { api.clone() }
}

#[track_caller]
pub(crate) fn no_server_error(answer: &Answer, what: &str) {
    assert!(!answer.status.is_server_error(), "{what}: {} {}", answer.status, answer.text());
}

pub(crate) async fn every_parameter_of_authorize_is_refused_in_the_right_place(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let good = [
        ("client_id", "web"),
        ("redirect_uri", WEB),
        ("response_type", "code"),
        ("scope", "openid"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "s"),
        ("nonce", "n"),
        ("prompt", "none"),
        ("max_age", "100"),
    ];
    for at in 0..good.len() {
        for (fault, form) in spoiled(&good, at) {
            let what = format!("{} {fault}", good[at].0);
            let posted = apart(&person.api, fault, &format!("id={}", person.cookie), "cookie");
            let posted = posted.send(Method::POST, "/identity/authorize", FORM, form.clone()).await;
            let mut answers = vec![posted];
            // What is no text is no address either.
            if form.len() < 60_000 && form.is_ascii() && !form.contains(&0) {
                let query = String::from_utf8(form).unwrap();
                answers.push(person.api.get(&format!("/identity/authorize?{query}")).await);
            }
            for answer in answers {
                no_server_error(&answer, &what);
                let page =
                    answer.status == 400 && answer.header("content-type").unwrap().starts_with("text/html");
                let optional = at > 5 && matches!(fault, "missing" | "empty" | "of another type");
                match (at, fault) {
                    // Client and address: nobody is told but the person.
                    (0 | 1, _) => assert!(page, "{what}: {} {}", answer.status, answer.text()),
                    (_, "long" | "encoded rubbish" | "raw rubbish") => {
                        assert!(page, "{what}: {}", answer.status);
                    }
                    _ if optional => {
                        assert!(parameter(&answer, "code").is_some(), "{what}: {}", location(&answer));
                    }
                    // Any text is a state.
                    (6, "control characters") => assert!(parameter(&answer, "code").is_some(), "{what}"),
                    _ => {
                        let error = parameter(&answer, "error").unwrap_or_default();
                        assert!(
                            location(&answer).starts_with(&format!("{WEB}?")),
                            "{what}: {}",
                            location(&answer)
                        );
                        assert!(parameter(&answer, "code").is_none() && !error.is_empty(), "{what}");
                        assert!(parameter(&answer, "iss").is_some(), "{what}");
                        let state = parameter(&answer, "state");
                        assert_eq!(state.is_some(), at != 6, "{what}: {state:?}");
                    }
                }
            }
        }
    }
    for wrong in [
        "http://localhost:8080/auth/callback/",
        "http://localhost:8080/auth/Callback",
        "http://localhost:8080/auth/callback?a=b",
        "http://localhost:8080/auth/callback#a",
        "http://localhost:8080/auth/../auth/callback",
        "http://localhost:8080/auth/callback/..",
        "http://localhost:8081/auth/callback",
        "http://localhost/auth/callback",
        "https://localhost:8080/auth/callback",
        "http://user@localhost:8080/auth/callback",
        "http://localhost:8080@evil.example/auth/callback",
        "http://evil.example/auth/callback",
        "//localhost:8080/auth/callback",
        "/auth/callback",
        "javascript:alert(1)",
        " http://localhost:8080/auth/callback",
    ] {
        person.authorize(&[("redirect_uri", wrong)]).await.assert_status(400);
        let code = person.code(&[]).await;
        refused(&provider.redeem("web", &code, wrong).await, 400, "invalid_grant");
    }
    // A client can't be told by way of another's address.
    person.authorize(&[("client_id", "partner")]).await.assert_status(400);
    // One without this grant is none here.
    person.authorize(&[("client_id", "order")]).await.assert_status(400);
    assert!(address(&[("scope", "")]).contains("state="));
}

pub(crate) async fn every_parameter_of_token_is_refused_with_an_oauth_error(engine: Engine) {
    let provider = Provider::with(engine, &[("PASSWORD_GRANT", "true")], Vec::new()).await;
    let person = provider.person().await;
    let tokens = provider.tokens(&person, "openid order.read").await;
    let (access, refresh) =
        (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    let code = person.code(&[]).await;
    let access_token = "urn:ietf:params:oauth:token-type:access_token";
    let token = "/identity/token";
    // The client, the endpoint, a good request, and which of its parameters may be absent.
    type Case<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, &'a [&'a str]);
    let cases: [Case<'_>; 7] = [
        ("order", token, vec![("grant_type", "client_credentials"), ("scope", "order.none")], &[]),
        (
            "web",
            token,
            vec![
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", WEB),
                ("code_verifier", VERIFIER),
                ("client_id", "web"),
            ],
            &["client_id"],
        ),
        (
            "web",
            token,
            vec![("grant_type", "refresh_token"), ("refresh_token", refresh), ("scope", "order.read")],
            &["scope"],
        ),
        (
            "gateway",
            token,
            vec![
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                ("subject_token", access),
                ("subject_token_type", access_token),
                ("requested_token_type", access_token),
                ("audience", "order"),
                ("scope", "order.read"),
            ],
            &["scope", "requested_token_type"],
        ),
        (
            "",
            token,
            vec![("grant_type", "password"), ("client_id", "script"), ("username", "x"), ("password", "x")],
            &[],
        ),
        ("gateway", "/identity/introspect", vec![("token", access)], &[]),
        (
            "web",
            "/identity/revoke",
            vec![("token", "rubbish"), ("token_type_hint", "access_token")],
            &["token_type_hint"],
        ),
    ];
    for (client, path, good, optional) in cases {
        let api = if client.is_empty() {
            provider.api.clone()
        } else {
            provider.api.with("authorization", &basic(client, &format!("{client}-secret")))
        };
        for at in 0..good.len() {
            for (fault, form) in spoiled(&good, at) {
                let (name, what) = (good[at].0, format!("{path} {} {fault}", good[at].0));
                let may_be_absent =
                    optional.contains(&name) && matches!(fault, "missing" | "empty" | "of another type");
                // A code or a token must not be used up by a request that is fine; and what is only a text is.
                let any_text = path != token && matches!(fault, "longish" | "control characters");
                if may_be_absent || any_text {
                    continue;
                }
                let secret = basic(client, &format!("{client}-secret"));
                let api = if client.is_empty() {
                    api.clone()
                } else {
                    apart(&api, fault, &secret, "authorization")
                };
                let answer = api.send(Method::POST, path, FORM, form).await;
                no_server_error(&answer, &what);
                assert!(answer.status.is_client_error(), "{what}: {} {}", answer.status, answer.text());
                let body: Value = answer.json();
                let error = body["error"].as_str().unwrap_or_default();
                let known = [
                    "invalid_request",
                    "invalid_grant",
                    "invalid_scope",
                    "invalid_client",
                    "unsupported_grant_type",
                    "unauthorized_client",
                    "invalid_target",
                ];
                assert!(known.contains(&error), "{what}: {}", answer.text());
                let description = body["error_description"].as_str().unwrap();
                let plain = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
                assert!(description.bytes().all(plain), "{what}: {description}");
                assert!(answer.header("cache-control") == Some("no-store"), "{what}");
                if matches!(fault, "repeated" | "encoded rubbish" | "raw rubbish") {
                    let target = fault == "repeated" && name == "audience";
                    assert_eq!(error, if target { "invalid_target" } else { "invalid_request" }, "{what}");
                }
            }
        }
    }
    // Nothing of that used anything up.
    provider.redeem("web", &code, WEB).await.assert_status(200);
    provider.refresh("web", refresh).await.assert_status(200);
    refused(&provider.form(token, &[("grant_type", "implicit")]).await, 400, "unsupported_grant_type");
    refused(&provider.form_as("web", token, &[("grant_type", "password")]).await, 400, "unauthorized_client");
    for verifier in
        [&VERIFIER[1..], &VERIFIER.replace('d', "e"), "short", &"a".repeat(129), &format!("{VERIFIER}+")]
    {
        let code = person.code(&[]).await;
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", WEB),
            ("code_verifier", verifier),
        ];
        let answer = provider.form_as("web", token, &pairs).await;
        assert!(answer.status == 400, "{verifier}: {}", answer.text());
    }
}

pub(crate) async fn wrong_verbs_and_types_are_refused(engine: Engine) {
    let provider = Provider::start(engine).await;
    let good = encode(&[("grant_type", "client_credentials"), ("scope", "payment.sys.charge")]);
    let api = provider.api.with("authorization", &basic("order", "order-secret"));
    for path in ["/identity/token", "/identity/introspect", "/identity/revoke"] {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
            api.send(method, path, FORM, good.clone()).await.assert_status(405);
        }
        for content_type in
            [None, Some("application/json"), Some("text/plain"), Some("multipart/form-data"), Some("")]
        {
            refused(&api.send(Method::POST, path, content_type, good.clone()).await, 400, "invalid_request");
        }
        refused(&api.send(Method::POST, path, FORM, "").await, 400, "invalid_request");
        let large = Api::new(api.base()).send(Method::POST, path, FORM, "a".repeat(100_000)).await;
        refused(&large, 413, "invalid_request");
    }
    api.send(Method::POST, "/identity/token", Some("application/x-www-form-urlencoded; charset=UTF-8"), good)
        .await
        .assert_status(200);
    for path in ["/identity/authorize", "/identity/logout"] {
        for method in [Method::PUT, Method::DELETE] {
            api.send(method, path, FORM, "").await.assert_status(405);
        }
        api.send(Method::POST, path, Some("application/json"), "{}").await.assert_status(400);
        api.get(path).await.assert_status(if path.ends_with("logout") { 200 } else { 400 });
        no_server_error(&api.get(&format!("{path}?%ff=%fe&&&===")).await, path);
    }
    api.get("/identity/consent").await.assert_status(405);
}

pub(crate) async fn userinfo_refuses_as_rfc_6750_says(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let challenge = |answer: &Answer| answer.header("www-authenticate").unwrap_or_default().to_owned();
    let answer = provider.api.get("/identity/userinfo").await.expect(401);
    assert_eq!(challenge(&answer), "Bearer");
    for wrong in ["Bearer rubbish", "Bearer ", "Bearer a.b.c"] {
        let answer = provider.api.with("authorization", wrong).get("/identity/userinfo").await.expect(401);
        assert!(challenge(&answer).contains("invalid_token"), "{wrong}: {}", challenge(&answer));
    }
    let tokens = provider.tokens(&person, "order.read").await;
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let answer = provider.api.with("authorization", &bearer).get("/identity/userinfo").await.expect(403);
    assert!(challenge(&answer).contains("insufficient_scope") && challenge(&answer).contains("openid"));
    let tokens = provider.tokens(&person, "openid").await;
    let id_token = format!("Bearer {}", tokens["id_token"].as_str().unwrap());
    provider.api.with("authorization", &id_token).get("/identity/userinfo").await.assert_status(401);
    let token = tokens["access_token"].as_str().unwrap();
    let twice = provider.api.with("authorization", &format!("Bearer {token}"));
    let answer =
        twice.send(Method::POST, "/identity/userinfo", FORM, encode(&[("access_token", token)])).await;
    answer.assert_status(400);
    provider.api.get(&format!("/identity/userinfo?access_token={token}")).await.assert_status(401);
    let exchanged = provider.tokens(&person, "order.read openid").await;
    let exchanged: Value =
        provider.exchange(exchanged["access_token"].as_str().unwrap(), "order", "").await.expect(200).json();
    let elsewhere = format!("Bearer {}", exchanged["access_token"].as_str().unwrap());
    provider.api.with("authorization", &elsewhere).get("/identity/userinfo").await.assert_status(401);
}
