//! When somebody is asked to sign in, and what signing out ends.

use platform_testkit::Engine;

use crate::support::{
    CHALLENGE, Person, Provider, WEB, address, fields, form, location, parameter, query, refused,
};

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
            let renew = "UPDATE sessions SET auth_time = {now+1} WHERE id = {1}";
            provider.change(renew, person.session).await;
            // … and with it they do, whatever max_age is.
            assert!(parameter(&person.api.get(&back).await, "code").is_some(), "{changed:?}: {back}");
            let age = "UPDATE sessions SET auth_time = {now-60} WHERE id = {1}";
            provider.change(age, person.session).await;
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
}
