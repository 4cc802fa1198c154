//! Tokens for services, exchanged tokens, and those for a password.

use platform_testkit::Engine;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{PASSWORD, Provider, claims, refused};

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
    provider.change("UPDATE accounts SET email_verified_at = {now} WHERE id = {1}", person.account).await;
    let all: Value = provider.exchange(token, "catalog", "").await.expect(200).json();
    assert_eq!(all["scope"], "catalog.teach catalog.learn");
    // A role that is gone takes its scopes along.
    provider.change("UPDATE accounts SET instructor = {no} WHERE id = {1}", person.account).await;
    let rest: Value = provider.exchange(token, "catalog", "").await.expect(200).json();
    assert_eq!(rest["scope"], "catalog.learn");
    assert_eq!(claims(rest["access_token"].as_str().unwrap())["roles"], json!(["student"]));
    // Only the gateway exchanges.
    let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
    refused(&provider.form_as("web", "/identity/token", &[grant]).await, 400, "unauthorized_client");
    // Signed out.
    provider.change("UPDATE sessions SET ended_at = {now} WHERE id = {1}", person.session).await;
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
