//! What ends, and when.

use std::time::Duration;

use platform_components::Client;
use platform_testkit::{Api, Engine, SqlValue, eventually};
use serde_json::Value;

use crate::support::{PASSWORD, Provider, VERIFIER, WEB, basic, claims, file, form, refused};

pub(crate) async fn a_code_works_once_and_its_replay_ends_what_it_gave(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let code = person.code(&[]).await;
    let tokens: Value = provider.redeem("web", &code, WEB).await.expect(200).json();
    let access = tokens["access_token"].as_str().unwrap();
    assert!(provider.is_active(access).await);
    // Whoever sends it.
    refused(&provider.redeem("partner", &code, WEB).await, 400, "invalid_grant");
    assert!(!provider.is_active(access).await, "the access token is still active");
    refused(&provider.refresh("web", tokens["refresh_token"].as_str().unwrap()).await, 400, "invalid_grant");
    refused(&provider.exchange(access, "identity", "").await, 400, "invalid_request");

    // At the same moment: one at most, and then nothing is left.
    let code = person.code(&[]).await;
    let (a, b) = tokio::join!(provider.redeem("web", &code, WEB), provider.redeem("web", &code, WEB));
    let given: Vec<_> = [a, b].into_iter().filter(|answer| answer.status == 200).collect();
    assert!(given.len() <= 1);
    for answer in given {
        let tokens: Value = answer.json();
        refused(
            &provider.refresh("web", tokens["refresh_token"].as_str().unwrap()).await,
            400,
            "invalid_grant",
        );
    }

    // A code waits a minute.
    let late = provider.another(&[("AUTHORIZATION_CODE_SECONDS", "0")]).await;
    let person_there = Api::new(late.url("")).with("cookie", &format!("id={}", person.cookie));
    let answer = person_there.get(&crate::support::address(&[])).await;
    let code = crate::support::parameter(&answer, "code").unwrap();
    refused(&provider.redeem("web", &code, WEB).await, 400, "invalid_grant");
}

pub(crate) async fn a_refresh_token_that_comes_again_ends_its_family(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let tokens = provider.tokens(&person, "openid").await;
    let next = async |token: &str| {
        let answer: Value = provider.refresh("web", token).await.expect(200).json();
        answer["refresh_token"].as_str().unwrap().to_owned()
    };
    let first = tokens["refresh_token"].as_str().unwrap();
    let second = next(first).await;
    let third = next(&second).await;
    // The successor of the first was used: within the grace or not, somebody has a copy.
    refused(&provider.refresh("web", first).await, 400, "invalid_grant");
    refused(&provider.refresh("web", &third).await, 400, "invalid_grant");
    assert!(!provider.is_active(tokens["access_token"].as_str().unwrap()).await);

    // After the grace the one before is a copy too.
    let strict = provider.another(&[("REFRESH_GRACE_SECONDS", "0")]).await;
    let tokens = provider.tokens(&person, "openid").await;
    let first = tokens["refresh_token"].as_str().unwrap();
    let second = next(first).await;
    let there = Api::new(strict.url("")).with("authorization", &crate::support::basic("web", "web-secret"));
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", first)];
    refused(&crate::support::form(&there, "/identity/token", &pairs).await, 400, "invalid_grant");
    refused(&provider.refresh("web", &second).await, 400, "invalid_grant");

    // Somebody who saw an access token knows its family, and can't end it by that.
    let tokens = provider.tokens(&person, "openid").await;
    let family = claims(tokens["access_token"].as_str().unwrap())["jti"]
        .as_str()
        .unwrap()
        .split('.')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(family.len(), 32);
    let forged = format!("{}{}", &"A".repeat(22), &"B".repeat(42));
    refused(&provider.refresh("web", &forged).await, 400, "invalid_grant");
    next(tokens["refresh_token"].as_str().unwrap()).await;
}

pub(crate) async fn what_one_client_has_is_worth_nothing_to_another(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let code = person.code(&[]).await;
    refused(&provider.redeem("partner", &code, WEB).await, 400, "invalid_grant");
    let public = [
        ("grant_type", "authorization_code"),
        ("client_id", "mobile"),
        ("code", &code),
        ("redirect_uri", WEB),
        ("code_verifier", VERIFIER),
    ];
    refused(&provider.form("/identity/token", &public).await, 400, "invalid_grant");
    let tokens: Value = provider.redeem("web", &code, WEB).await.expect(200).json();
    let (access, refresh) =
        (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    refused(&provider.refresh("partner", refresh).await, 400, "invalid_grant");
    let public = [("grant_type", "refresh_token"), ("client_id", "mobile"), ("refresh_token", refresh)];
    refused(&provider.form("/identity/token", &public).await, 400, "invalid_grant");
    for token in [access, refresh] {
        refused(
            &provider.form_as("partner", "/identity/revoke", &[("token", token)]).await,
            400,
            "invalid_grant",
        );
        let told: Value =
            provider.form_as("partner", "/identity/introspect", &[("token", token)]).await.expect(200).json();
        assert_eq!(told, serde_json::json!({"active": false}), "nothing is told about another's token");
    }
    refused(
        &provider.form("/identity/introspect", &[("token", access), ("client_id", "mobile")]).await,
        401,
        "invalid_client",
    );
    assert!(provider.is_active(access).await && provider.is_active(refresh).await);
    provider.refresh("web", refresh).await.assert_status(200);
}

pub(crate) async fn what_ends_on_one_replica_has_ended_on_all_however_many_ask_at_once(engine: Engine) {
    let provider = Provider::start(engine).await;
    let other = provider.another(&[]).await;
    let other = Api::new(other.url(""));
    let person = provider.person().await;
    let service = [("grant_type", "client_credentials"), ("scope", "payment.sys.charge")];
    let mut tokens = Vec::new();
    for number in 0..16 {
        // Services' and people's, half of each to be revoked.
        let (client, answer) = if number % 4 < 2 {
            ("order", provider.form_as("order", "/identity/token", &service).await.expect(200).json())
        } else {
            ("web", provider.tokens(&person, "openid").await)
        };
        let answer: Value = answer;
        tokens.push((client, answer["access_token"].as_str().unwrap().to_owned(), number % 2 == 0));
    }
    let ask = |token: &str| {
        let (api, token) =
            (other.with("authorization", &basic("gateway", "gateway-secret")), token.to_owned());
        tokio::spawn(async move {
            let told: Value =
                form(&api, "/identity/introspect", &[("token", &token)]).await.expect(200).json();
            told["active"].as_bool().unwrap()
        })
    };
    for (revoked, expected) in [(false, true), (true, false)] {
        if revoked {
            for (client, token, _) in tokens.iter().filter(|(.., ends)| *ends) {
                provider.form_as(client, "/identity/revoke", &[("token", token)]).await.assert_status(200);
            }
        }
        let asked: Vec<_> = tokens.iter().map(|(_, token, ends)| (ask(token), *ends)).collect();
        for (answer, ends) in asked {
            assert_eq!(answer.await.unwrap(), expected || !ends);
        }
    }
}

pub(crate) async fn revoking_ends_a_token_or_everything(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let tokens = provider.tokens(&person, "openid").await;
    let (access, refresh) =
        (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    assert!(provider.is_active(access).await);
    for _ in 0..2 {
        // Again is no error (RFC 7009 §2.2).
        provider.form_as("web", "/identity/revoke", &[("token", access)]).await.assert_status(200);
    }
    assert!(!provider.is_active(access).await);
    assert!(provider.is_active(refresh).await);
    let again: Value = provider.refresh("web", refresh).await.expect(200).json();
    let (access, refresh) =
        (again["access_token"].as_str().unwrap(), again["refresh_token"].as_str().unwrap());
    assert!(provider.is_active(access).await);
    let hinted = [("token", refresh), ("token_type_hint", "access_token")];
    provider.form_as("web", "/identity/revoke", &hinted).await.assert_status(200);
    assert!(!provider.is_active(access).await && !provider.is_active(refresh).await);
    refused(&provider.refresh("web", refresh).await, 400, "invalid_grant");
    provider.form_as("web", "/identity/revoke", &[("token", "rubbish")]).await.assert_status(200);

    let service = [("grant_type", "client_credentials"), ("scope", "payment.sys.charge")];
    let service: Value = provider.form_as("order", "/identity/token", &service).await.expect(200).json();
    let service = service["access_token"].as_str().unwrap();
    assert!(provider.is_active(service).await);
    provider.form_as("order", "/identity/revoke", &[("token", service)]).await.assert_status(200);
    assert!(!provider.is_active(service).await);
}

pub(crate) async fn a_removed_client_loses_everything(engine: Engine) {
    let provider = Provider::with(engine, &[("PASSWORD_GRANT", "true")], Vec::new()).await;
    let person = provider.person().await;
    let pairs = [
        ("grant_type", "password"),
        ("client_id", "script"),
        ("username", person.email.as_str()),
        ("password", crate::support::PASSWORD),
        ("scope", "openid catalog.learn"),
    ];
    let tokens: Value = provider.form("/identity/token", &pairs).await.expect(200).json();
    let access = tokens["access_token"].as_str().unwrap();
    assert!(provider.is_active(access).await);

    // A broken file changes nothing.
    let admin = Api::new(provider.replica.admin_url(""));
    std::fs::write(provider.clients.path(), "{").unwrap();
    eventually(Duration::from_secs(20), || async {
        let report = admin.get("/readyz").await;
        report.status == 200 && report.text().contains("it is not a clients file")
    })
    .await;
    assert!(provider.is_active(access).await);

    let none: Vec<Client> = Vec::new();
    std::fs::write(provider.clients.path(), file(none)).unwrap();
    eventually(Duration::from_secs(20), || async { !provider.is_active(access).await }).await;
    refused(&provider.exchange(access, "catalog", "").await, 400, "invalid_request");
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", "script"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    refused(&provider.form("/identity/token", &refresh).await, 401, "invalid_client");
}

pub(crate) async fn a_locked_account_loses_everything(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let tokens = provider.tokens(&person, "openid order.read").await;
    let code = person.code(&[]).await;
    let access = tokens["access_token"].as_str().unwrap();
    provider.change("UPDATE accounts SET locked_at = {now} WHERE id = {1}", person.account).await;
    refused(&provider.exchange(access, "order", "").await, 400, "invalid_request");
    refused(&provider.refresh("web", tokens["refresh_token"].as_str().unwrap()).await, 400, "invalid_grant");
    refused(&provider.redeem("web", &code, WEB).await, 400, "invalid_grant");
    provider
        .api
        .with("authorization", &format!("Bearer {access}"))
        .get("/identity/userinfo")
        .await
        .assert_status(401);
    assert!(person.authorize(&[]).await.header("location").unwrap().starts_with("/identity/sign-in"));
}

/// Once somebody waits for a lock in this database.
async fn somebody_waits(provider: &Provider) {
    let sql = &tokio::sync::Mutex::new(provider.sql().await);
    eventually(Duration::from_secs(10), || async { sql.lock().await.somebody_waits().await }).await;
}

async fn families(provider: &Provider) -> i64 {
    provider.sql().await.number("SELECT {count} FROM refresh_families", &[]).await
}

pub(crate) async fn a_session_that_has_expired_ends_what_may_not_outlive_it(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let tokens = provider.tokens(&person, "openid").await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert!(provider.is_active(refresh).await);
    provider.change("UPDATE sessions SET expires_at = {now} WHERE id = {1}", person.session).await;
    assert!(!provider.is_active(refresh).await, "the refresh token is told to be active");
    refused(&provider.refresh("web", refresh).await, 400, "invalid_grant");
}

pub(crate) async fn a_code_that_is_exchanged_during_a_sign_out_gives_nothing(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let code = person.code(&[]).await;
    // As signing out does it: the session first, then the families that are there.
    let mut tx = provider.sql().await;
    tx.begin().await;
    for statement in [
        "UPDATE sessions SET ended_at = {now} WHERE id = {1}",
        "UPDATE refresh_families SET revoked_at = {now} WHERE session_id = {1}",
    ] {
        tx.execute(statement, &[SqlValue::Id(person.session)]).await;
    }
    let sign_out = async {
        somebody_waits(&provider).await;
        tx.commit().await;
    };
    let (answer, ()) = tokio::join!(provider.redeem("web", &code, WEB), sign_out);
    refused(&answer, 400, "invalid_grant");
    assert_eq!(families(&provider).await, 0);
}

pub(crate) async fn a_password_that_is_changed_while_it_is_checked_gives_nothing(engine: Engine) {
    let provider = Provider::with(engine, &[("PASSWORD_GRANT", "true")], Vec::new()).await;
    let person = provider.person().await;
    let pairs = [
        ("grant_type", "password"),
        ("client_id", "script"),
        ("username", person.email.as_str()),
        ("password", PASSWORD),
        ("scope", "openid"),
    ];
    provider.form("/identity/token", &pairs).await.assert_status(200);
    assert_eq!(families(&provider).await, 1);
    let mut tx = provider.sql().await;
    tx.begin().await;
    let change = "UPDATE accounts SET password_hash = 'another', version = version + 1 WHERE id = {1}";
    tx.execute(change, &[SqlValue::Id(person.account)]).await;
    let change = async {
        somebody_waits(&provider).await;
        tx.commit().await;
    };
    let (answer, ()) = tokio::join!(provider.form("/identity/token", &pairs), change);
    refused(&answer, 400, "invalid_grant");
    assert_eq!(families(&provider).await, 1);
}

pub(crate) async fn what_is_over_is_swept(engine: Engine) {
    let provider = Provider::start(engine).await;
    let person = provider.person().await;
    let old = provider.tokens(&person, "openid").await;
    provider
        .form_as("web", "/identity/revoke", &[("token", old["access_token"].as_str().unwrap())])
        .await
        .assert_status(200);
    let tables = ["authorization_codes", "refresh_families", "revoked_tokens"];
    let mut sql = provider.sql().await;
    for table in tables {
        let aged = sql.execute(&format!("UPDATE {table} SET expires_at = {{now-7200}}"), &[]).await;
        assert_eq!(aged, 1, "{table}");
    }
    let fresh = provider.tokens(&person, "openid").await;
    let sql = &tokio::sync::Mutex::new(sql);
    eventually(Duration::from_secs(60), || async {
        let mut counts = Vec::new();
        for table in tables {
            let statement = format!("SELECT {{count}} FROM {table}");
            counts.push(sql.lock().await.number(&statement, &[]).await);
        }
        counts == [1, 1, 0]
    })
    .await;
    provider.refresh("web", fresh["refresh_token"].as_str().unwrap()).await.assert_status(200);
}
