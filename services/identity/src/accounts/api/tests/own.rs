//! One's own account.

use http::Method;
use platform_testkit::{TestIssuer, bad_input};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{PASSWORD, World};

#[tokio::test]
async fn an_account_is_read_and_changed_by_its_owner_only() {
    let world = World::new(false).await;
    let ada = world.account("ada@example.com").await;
    let own = world.own(ada);
    let answer = own.get("/identity/v1/account").await.expect(200);
    let (tag, document) = (answer.header("etag").unwrap().to_owned(), answer.json::<Value>());
    assert_eq!((&document["email"], &document["roles"]), (&json!("ada@example.com"), &json!(["student"])));
    assert!(!answer.text().contains("argon2"));

    let change = json!({ "name": " Ada Lovelace ", "city": "Londra" });
    own.patch("/identity/v1/account", change.clone()).await.problem(428, "precondition-required");
    let changed = own.with("if-match", &tag).patch("/identity/v1/account", change.clone()).await.expect(200);
    assert_eq!(changed.json::<Value>()["name"], "Ada Lovelace");
    own.with("if-match", &tag)
        .patch("/identity/v1/account", change)
        .await
        .problem(412, "precondition-failed");

    world.api.get("/identity/v1/account").await.problem(401, "unauthenticated");
    world.calling(ada, "order.read").get("/identity/v1/account").await.assert_status(403);
    let elsewhere = TestIssuer::shared().user("order", ada).scope("account.manage").sign();
    world.api.with_token(&elsewhere).get("/identity/v1/account").await.problem(401, "unauthenticated");
    world.own(Uuid::now_v7()).get("/identity/v1/account").await.problem(401, "unauthenticated");
    assert_eq!(world.events(ada).await, [("identity.user.registered.v1".to_owned(), 1)]);
}

#[tokio::test]
async fn teaching_is_for_verified_addresses_where_that_is_demanded_and_told_once() {
    let world = World::new(true).await;
    let ada = world.account("ada@example.com").await;
    let own = world.own(ada);
    own.post("/identity/v1/account/teaching", json!({})).await.problem(403, "email-not-verified");
    let verified = "UPDATE accounts SET email_verified_at = now() WHERE id = $1";
    sqlx::query(verified).bind(ada).execute(&world.pool).await.unwrap();
    for _ in 0..2 {
        let answer = own.post("/identity/v1/account/teaching", json!({})).await.expect(200);
        assert_eq!(answer.json::<Value>()["roles"], json!(["student", "instructor"]));
    }
    let granted = ("identity.role.granted.v1".to_owned(), 2);
    assert_eq!(world.events(ada).await, [("identity.user.registered.v1".to_owned(), 1), granted]);
}

#[tokio::test]
async fn what_can_not_be_undone_wants_a_recent_password() {
    let world = World::new(false).await;
    let ada = world.account("ada@example.com").await;
    let hour_ago = platform_service::now().unix_timestamp() - 3600;
    let token = TestIssuer::shared().user("gateway", ada).without_claim("sid");
    let token = token.scope("account.manage").claim("auth_time", hour_ago);
    let stale = world.api.with_token(&token.sign());
    let change = json!({ "current_password": PASSWORD, "new_password": "another horse battery" });
    let path = "/identity/v1/account/password";
    for answer in [
        stale.put(path, change.clone()).await,
        stale.put("/identity/v1/account/email", json!({ "email": "new@example.com" })).await,
        stale.delete("/identity/v1/account").await,
    ] {
        answer.problem(401, "unauthenticated");
        assert!(answer.header("www-authenticate").unwrap().contains("max_age=\"300\""));
    }
    let own = world.own(ada);
    own.put("/identity/v1/account/email", json!({ "email": "new@example.com" })).await.assert_status(202);
    let wrong = json!({ "current_password": "no", "new_password": "another horse battery" });
    own.put(path, wrong.clone()).await.problem(422, "invalid-request");
    own.put(path, change).await.assert_status(204);
    for _ in 0..4 {
        own.put(path, wrong.clone()).await.assert_status(422);
    }
    assert!(own.put(path, wrong).await.expect(429).header("retry-after").is_some());

    own.delete("/identity/v1/account").await.assert_status(204);
    own.get("/identity/v1/account").await.problem(401, "unauthenticated");
    own.delete("/identity/v1/account").await.problem(401, "unauthenticated");
    let deleted = world.events(ada).await.pop().unwrap();
    assert_eq!(deleted.0, "identity.user.deleted.v1");
    let left: (Option<String>, String, Option<String>) =
        sqlx::query_as("SELECT email, name, password_hash FROM accounts WHERE id = $1")
            .bind(ada)
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(left, (None, String::new(), None));
    let mails: i64 = sqlx::query_scalar("SELECT count(*) FROM mails").fetch_one(&world.pool).await.unwrap();
    assert_eq!(mails, 0, "a mail to somebody who is gone waits");
}

#[tokio::test]
async fn whatever_is_wrong_with_a_body_is_a_4xx() {
    let world = World::new(false).await;
    let ada = world.account("ada@example.com").await;
    let own = world.own(ada);
    let profile = json!({ "name": "Ada", "city": "Londra", "language": "tr" });
    bad_input::check_with(&own.with("if-match", "\"1\""), Method::PATCH, "/identity/v1/account", &profile)
        .await;
    let password = json!({ "current_password": PASSWORD, "new_password": "another horse battery" });
    bad_input::check_with(&own, Method::PUT, "/identity/v1/account/password", &password).await;
    let email = json!({ "email": "new@example.com" });
    bad_input::check_with(&own, Method::PUT, "/identity/v1/account/email", &email).await;
    world.make_admin(ada).await;
    let admin = world.calling(ada, "identity.admin");
    let roles = json!({ "instructor": true, "admin": true });
    bad_input::check_with(&admin, Method::PUT, &format!("/identity/v1/users/{ada}/roles"), &roles).await;
}
