//! What somebody agrees to, and takes back.

use platform_testkit::{Api, Engine};
use serde_json::{Value, json};

use crate::support::{Person, Provider, address, fields, form, location, parameter, refused};

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

/// Agrees to what a client of others asks for; gives the code.
async fn agreed(provider: &Provider, person: &Person, request: &[(&str, &str)]) -> String {
    let page = person.authorize(request).await.expect(200);
    let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let browser = provider.api.with("cookie", &format!("id={}; {cookie}", person.cookie));
    let hidden = fields(&page.text());
    let mut pairs: Vec<_> = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    pairs.push(("decision", "allow"));
    parameter(&form(&browser, "/identity/consent", &pairs).await, "code").unwrap()
}

/// Calls with somebody's token of client `web`.
async fn managing(provider: &Provider, person: &Person) -> Api {
    let tokens = provider.tokens(person, "openid account.manage").await;
    provider.api.with("authorization", &format!("Bearer {}", tokens["access_token"].as_str().unwrap()))
}

const APPLICATIONS: &str = "/identity/v1/account/applications";
const PARTNER: &str = "https://partner.example/cb?from=shop";

pub(crate) async fn what_was_agreed_to_is_seen_and_taken_back_and_ends_at_once(engine: Engine) {
    let provider = Provider::start(engine).await;
    let (person, other) = (provider.person().await, provider.person().await);
    let request = [("client_id", "partner"), ("redirect_uri", PARTNER), ("scope", "openid order.read")];
    let own = managing(&provider, &person).await;
    assert_eq!(own.get(APPLICATIONS).await.expect(200).json::<Value>(), json!({ "items": [] }));
    for by_page in [true, false] {
        let code = agreed(&provider, &person, &request).await;
        let tokens: Value = provider.redeem("partner", &code, PARTNER).await.expect(200).json();
        let (access, refresh) =
            (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
        // And one more code that it has not exchanged yet.
        let pending = person.code(&request).await;
        assert!(provider.is_active(refresh).await);
        let list: Value = own.get(APPLICATIONS).await.expect(200).json();
        let item = &list["items"][0];
        assert_eq!((&item["client_id"], &item["name"]), (&json!("partner"), &json!("Partner & Co")));
        assert_eq!(
            (&item["scopes"], list["items"].as_array().unwrap().len()),
            (&json!(["openid", "order.read"]), 1)
        );
        assert!(item["given_at"].is_string());

        // It is nobody else's to see or to take back, and ours is no such application.
        let others = managing(&provider, &other).await;
        assert_eq!(others.get(APPLICATIONS).await.expect(200).json::<Value>(), json!({ "items": [] }));
        for (api, client) in [(&others, "partner"), (&own, "web"), (&own, "nobody"), (&own, "%ff")] {
            let answer = api.delete(&format!("{APPLICATIONS}/{client}")).await;
            assert!(matches!(answer.status.as_u16(), 400 | 404), "{client}: {}", answer.text());
        }
        assert!(provider.is_active(refresh).await);

        if by_page {
            let page = person.api.get("/identity/account").await.expect(200);
            let text = page.text();
            assert!(text.contains("Partner &#38; Co") || text.contains("Partner &amp; Co"), "{text}");
            let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
            let csrf = fields(&text).into_iter().find(|(name, _)| name == "csrf").unwrap().1;
            let pairs = [("csrf", csrf.as_str()), ("client_id", "partner")];
            // Another site can't take it back.
            form(&person.api, "/identity/account/applications", &pairs).await.assert_status(403);
            let browser = provider.api.with("cookie", &format!("id={}; {cookie}", person.cookie));
            let done = form(&browser, "/identity/account/applications", &pairs).await;
            assert_eq!(location(&done), "/identity/account?notice=withdrawn");
            let text = browser.get("/identity/account?notice=withdrawn").await.expect(200).text();
            assert!(!text.contains("partner"), "{text}");
        } else {
            own.delete(&format!("{APPLICATIONS}/partner")).await.assert_status(204);
            own.delete(&format!("{APPLICATIONS}/partner")).await.problem(404, "not-found");
        }
        refused(&provider.refresh("partner", refresh).await, 400, "invalid_grant");
        refused(&provider.redeem("partner", &pending, PARTNER).await, 400, "invalid_grant");
        let bearer = provider.api.with("authorization", &format!("Bearer {access}"));
        bearer.get("/identity/userinfo").await.assert_status(401);
        let silent = person.authorize(&[&request[..], &[("prompt", "none")]].concat()).await;
        assert_eq!(parameter(&silent, "error").as_deref(), Some("consent_required"));
        // Who took it back stays signed in, here and in the shop.
        assert_eq!(own.get(APPLICATIONS).await.expect(200).json::<Value>(), json!({ "items": [] }));
    }
}

pub(crate) async fn a_code_that_is_exchanged_while_its_consent_is_taken_back_gives_nothing(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let request = [("client_id", "partner"), ("redirect_uri", PARTNER), ("scope", "openid order.read")];
    let own = managing(&provider, &person).await;
    for _ in 0..5 {
        let code = agreed(&provider, &person, &request).await;
        let path = format!("{APPLICATIONS}/partner");
        let (exchanged, withdrawn) =
            tokio::join!(provider.redeem("partner", &code, PARTNER), own.delete(&path));
        withdrawn.assert_status(204);
        // Whichever came first: what it gave, if anything, is worth nothing.
        if exchanged.status == 200 {
            let tokens: Value = exchanged.json();
            let refresh = tokens["refresh_token"].as_str().unwrap();
            refused(&provider.refresh("partner", refresh).await, 400, "invalid_grant");
        } else {
            refused(&exchanged, 400, "invalid_grant");
        }
    }
}

pub(crate) async fn the_page_says_for_how_long(engine: Engine) {
    let settings = [("SESSION_DAYS", "7"), ("REFRESH_MAX_DAYS", "45")];
    let provider = Provider::with(engine, &settings, Vec::new()).await;
    let person = provider.person().await;
    for (client, uri, scope, days) in [
        ("partner", PARTNER, "openid", "7"),
        ("partner", PARTNER, "openid offline_access", "45"),
        ("plain", "app://plain", "openid", "1"),
    ] {
        let request = [("client_id", client), ("redirect_uri", uri), ("scope", scope)];
        let page = person.api.with("accept-language", "en").get(&address(&request)).await.expect(200).text();
        assert!(page.contains(&format!("for up to {days} days")), "{client} {scope}: {page}");
        assert!(page.contains("action=\"/identity/sign-out\""), "{page}");
    }
}
