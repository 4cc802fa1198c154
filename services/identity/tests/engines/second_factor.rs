//! A second factor over JSON, and what tokens say of it.

use http::Method;
use platform_testkit::{Api, Engine, SqlValue, bad_input};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::authenticator::{code, wrong_code};
use crate::support::{PASSWORD, Person, Provider, WEB, claims, fields, form, location, parameter, refused};

const PATH: &str = "/identity/v1/account/second-factor";
const CODE: &str = "/identity/sign-in/code";

/// Calls with a token of this person, who signed in as long ago as their session says.
async fn calling(provider: &Provider, person: &Person, scope: &str) -> Api {
    let tokens = provider.tokens(person, scope).await;
    provider.api.with("authorization", &format!("Bearer {}", tokens["access_token"].as_str().unwrap()))
}

/// Sets a second factor up; gives the key and the recovery codes.
async fn turned_on(own: &Api) -> (String, Vec<String>) {
    let secret: Value = own.post(PATH, json!({})).await.expect(200).json();
    let key = secret["secret"].as_str().unwrap().to_owned();
    let codes: Value = own.put(PATH, json!({ "code": code(&key, 0) })).await.expect(200).json();
    (key, serde_json::from_value(codes["recovery_codes"].clone()).unwrap())
}

/// As if time had passed: what was accepted may be accepted again.
async fn later(provider: &Provider, account: Uuid) {
    provider.change("UPDATE second_factors SET last_step = 0 WHERE account_id = {1}", account).await;
}

/// Somebody's browser after signing in with two factors, and where it is led then.
async fn signed_in(provider: &Provider, person: &Person, page: &str, code: &str) -> (Person, String) {
    let shown = provider.api.get(page).await.expect(200);
    let form_cookie = shown.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let csrf = fields(&shown.text()).into_iter().find(|(name, _)| name == "csrf").unwrap().1;
    let browser = provider.api.with("cookie", &form_cookie);
    let pairs = [("csrf", csrf.as_str()), ("email", person.email.as_str()), ("password", PASSWORD)];
    let asked = form(&browser, page, &pairs).await.expect(303);
    let there = location(&asked);
    assert!(there.starts_with(CODE), "{there}");
    let step = asked.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let browser = provider.api.with("cookie", &format!("{form_cookie}; {step}"));
    let entered = form(&browser, &there, &[("csrf", csrf.as_str()), ("code", code)]).await.expect(303);
    let cookies = entered.headers.get_all("set-cookie").iter().filter_map(|it| it.to_str().ok());
    let cookie = cookies.filter_map(|it| it.strip_prefix("id=")).next().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let api = provider.api.with("cookie", &format!("id={cookie}"));
    let (account, email, session) = (person.account, person.email.clone(), person.session);
    (Person { api, account, session, email, cookie }, location(&entered))
}

pub(crate) async fn a_second_factor_is_managed_over_json_too(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let own = calling(&provider, &person, "openid account.manage").await;
    let none: Value = own.get(PATH).await.expect(200).json();
    assert_eq!(none, json!({ "since": null, "recovery_codes_left": 0 }));
    own.put(PATH, json!({ "code": "123456" })).await.problem(409, "set-up-over");
    for path in ["removal", "recovery-codes"] {
        let answer = own.post(&format!("{PATH}/{path}"), json!({ "code": "123456" })).await;
        answer.problem(409, "second-factor-off");
    }
    let answer = own.post(PATH, json!({})).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let secret: Value = answer.json();
    let key = secret["secret"].as_str().unwrap();
    assert!(secret["uri"].as_str().unwrap().contains(&format!("secret={key}&")), "{secret}");
    let account: Value = own.get("/identity/v1/account").await.expect(200).json();
    assert_eq!(account["second_factor"], false, "it counts before its first code");
    for wrong in [wrong_code(key), "123 45".to_owned(), "１２３４５６".to_owned(), "A".repeat(24)] {
        let problem = own.put(PATH, json!({ "code": wrong })).await.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/code", "{problem}");
    }
    bad_input::check_with(&own, Method::PUT, PATH, &json!({ "code": "000000" })).await;

    let (key, codes) = turned_on(&own).await;
    assert_eq!(codes.len(), 10);
    own.post(PATH, json!({})).await.problem(409, "second-factor-on");
    own.put(PATH, json!({ "code": code(&key, 1) })).await.problem(409, "second-factor-on");
    let shown: Value = own.get(PATH).await.expect(200).json();
    assert!(shown["since"].is_string() && shown["recovery_codes_left"] == 10, "{shown}");
    assert!(!own.get(PATH).await.text().contains(&key));

    let (removal, renewal) = (format!("{PATH}/removal"), format!("{PATH}/recovery-codes"));
    for path in [&removal, &renewal] {
        bad_input::check_with(&own, Method::POST, path, &json!({ "code": "000000" })).await;
    }
    let unblock = "DELETE FROM sign_in_failures";
    provider.sql().await.execute(unblock, &[]).await;
    let renewed: Value = own.post(&renewal, json!({ "code": code(&key, 1) })).await.expect(200).json();
    own.post(&renewal, json!({ "code": codes[0] })).await.problem(422, "invalid-request");
    // What weighs more than a look takes a sign-in of the last minutes.
    provider.change("UPDATE sessions SET auth_time = {now-3600} WHERE id = {1}", person.session).await;
    let stale = calling(&provider, &person, "openid account.manage").await;
    let given = json!({ "code": renewed["recovery_codes"][0] });
    for answer in [
        stale.post(PATH, json!({})).await,
        stale.put(PATH, given.clone()).await,
        stale.post(&removal, given.clone()).await,
        stale.post(&renewal, given.clone()).await,
    ] {
        answer.problem(401, "unauthenticated");
        assert!(answer.header("www-authenticate").unwrap().contains("max_age=\"300\""));
    }
    own.post(&removal, given.clone()).await.assert_status(204);
    own.post(&removal, given).await.problem(409, "second-factor-off");
    assert_eq!(own.get("/identity/v1/account").await.json::<Value>()["second_factor"], false);
}

pub(crate) async fn a_token_says_how_its_user_signed_in(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let amr = |tokens: &Value| claims(tokens["id_token"].as_str().unwrap())["amr"].clone();
    assert_eq!(amr(&provider.tokens(&person, "openid").await), json!(["pwd"]));
    let own = calling(&provider, &person, "openid account.manage").await;
    let (key, codes) = turned_on(&own).await;
    for (given, expected) in
        [(code(&key, 1), json!(["pwd", "otp", "mfa"])), (codes[0].clone(), json!(["pwd", "mfa"]))]
    {
        let (browser, on) = signed_in(&provider, &person, "/identity/sign-in", &given).await;
        assert_eq!(on, "/");
        let tokens = provider.tokens(&browser, "openid account.manage").await;
        assert_eq!(amr(&tokens), expected);
        let next: Value =
            provider.refresh("web", tokens["refresh_token"].as_str().unwrap()).await.expect(200).json();
        assert_eq!(amr(&next), expected, "a refreshed token says the same");
        let bearer = format!("Bearer {}", next["access_token"].as_str().unwrap());
        let userinfo = provider.api.with("authorization", &bearer).get("/identity/userinfo").await;
        assert!(userinfo.expect(200).json::<Value>().get("amr").is_none());
    }

    // Whoever has to sign in again gives both, and gets where they wanted.
    later(&provider, person.account).await;
    let again = location(&person.authorize(&[("prompt", "login")]).await);
    assert!(again.starts_with("/identity/sign-in?"), "{again}");
    let (browser, on) = signed_in(&provider, &person, &again, &code(&key, 1)).await;
    let answer = browser.api.get(&on).await;
    let code = parameter(&answer, "code").unwrap();
    let tokens: Value = provider.redeem("web", &code, WEB).await.expect(200).json();
    assert_eq!(amr(&tokens), json!(["pwd", "otp", "mfa"]));
}

pub(crate) async fn a_password_alone_gives_no_tokens_where_there_is_a_second_factor(engine: Engine) {
    let settings = [("PASSWORD_GRANT", "true"), ("SECOND_FACTOR_REQUIRED_FOR", "instructors")];
    let provider = Provider::with(engine, &settings, Vec::new()).await;
    let person = provider.person().await;
    let attempt = async |password: &str| {
        let pairs = [
            ("grant_type", "password"),
            ("client_id", "script"),
            ("username", person.email.as_str()),
            ("password", password),
            ("scope", "openid"),
        ];
        provider.form("/identity/token", &pairs).await
    };
    attempt(PASSWORD).await.assert_status(200);
    let instructor = "UPDATE accounts SET instructor = {yes} WHERE id = {1}";
    provider.change(instructor, person.account).await;
    let answer = attempt(PASSWORD).await;
    refused(&answer, 400, "invalid_grant");
    assert!(answer.text().contains("second factor"), "{}", answer.text());
    provider.change("UPDATE accounts SET instructor = {no} WHERE id = {1}", person.account).await;
    attempt(PASSWORD).await.assert_status(200);

    let own = calling(&provider, &person, "openid account.manage").await;
    turned_on(&own).await;
    let answer = attempt(PASSWORD).await;
    refused(&answer, 400, "invalid_grant");
    assert!(answer.text().contains("second factor"), "{}", answer.text());
    let wrong = attempt("wrong").await;
    refused(&wrong, 400, "invalid_grant");
    assert!(!wrong.text().contains("second factor"), "{}", wrong.text());
}

pub(crate) async fn an_administrator_removes_a_second_factor_and_ends_what_it_gave(engine: Engine) {
    let provider = Provider::start(engine).await;
    let (root, person) = (provider.person_who_is(false, true).await, provider.person().await);
    let admin = calling(&provider, &root, "openid account.manage identity.admin").await;
    let own = calling(&provider, &person, "openid account.manage").await;
    turned_on(&own).await;
    let user = format!("/identity/v1/users/{}", person.account);
    let path = format!("{user}/second-factor");
    assert_eq!(admin.get(&user).await.expect(200).json::<Value>()["second_factor"], true);
    own.delete(&path).await.problem(403, "insufficient-scope");
    provider.api.delete(&path).await.problem(401, "unauthenticated");
    admin
        .delete(&format!("/identity/v1/users/{}/second-factor", root.account))
        .await
        .problem(409, "own-account");
    admin
        .delete(&format!("/identity/v1/users/{}/second-factor", Uuid::now_v7()))
        .await
        .problem(404, "not-found");
    admin.delete("/identity/v1/users/x/second-factor").await.problem(404, "not-found");
    own.get(PATH).await.assert_status(200);

    for _ in 0..2 {
        admin.delete(&path).await.assert_status(204);
    }
    own.get(PATH).await.problem(401, "unauthenticated");
    let id = [SqlValue::Id(person.account)];
    for table in ["second_factors", "recovery_codes"] {
        let left = format!("SELECT {{count}} FROM {table} WHERE account_id = {{1}}");
        assert_eq!(provider.sql().await.number(&left, &id).await, 0, "{table}");
    }
    let told = "SELECT {count} FROM sessions WHERE account_id = {1} AND ended_at IS NULL";
    assert_eq!(provider.sql().await.number(told, &id).await, 0);
    assert_eq!(admin.get(&user).await.expect(200).json::<Value>()["second_factor"], false);
    // Where there is nothing to remove, nothing ends.
    let other = provider.person().await;
    admin.delete(&format!("/identity/v1/users/{}/second-factor", other.account)).await.assert_status(204);
    calling(&provider, &other, "openid account.manage").await.get(PATH).await.assert_status(200);
}

pub(crate) async fn a_sign_in_that_began_before_a_second_factor_is_turned_on_gives_nothing(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let own = calling(&provider, &person, "openid account.manage").await;
    // As if a replica had checked the password, and then somebody turned the second factor on.
    own.post(PATH, json!({})).await.assert_status(200);
    let mut tx = provider.sql().await;
    tx.begin().await;
    let on = "UPDATE accounts SET second_factor_at = {now}, version = version + 1 WHERE id = {1}";
    tx.execute(on, &[SqlValue::Id(person.account)]).await;
    let page = provider.api.get("/identity/sign-in").await.expect(200);
    let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let csrf = fields(&page.text()).into_iter().find(|(name, _)| name == "csrf").unwrap().1;
    let pairs = [("csrf", csrf.as_str()), ("email", person.email.as_str()), ("password", PASSWORD)];
    let browser = provider.api.with("cookie", &cookie);
    let commit = async {
        let sql = &tokio::sync::Mutex::new(provider.sql().await);
        let waits = || async { sql.lock().await.somebody_waits().await };
        platform_testkit::eventually(std::time::Duration::from_secs(10), waits).await;
        tx.commit().await;
    };
    let (answer, ()) = tokio::join!(form(&browser, "/identity/sign-in", &pairs), commit);
    answer.assert_status(422);
    let cookies = answer.headers.get_all("set-cookie").iter().filter_map(|it| it.to_str().ok());
    assert_eq!(cookies.filter(|it| it.starts_with("id=")).count(), 0);
}
