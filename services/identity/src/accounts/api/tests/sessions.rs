//! Sessions, and what ends with them.

use platform_testkit::TestIssuer;
use serde_json::{Value, json};
use time::Duration;
use uuid::Uuid;

use super::{PASSWORD, World};
use crate::sessions::Methods;

#[tokio::test]
async fn sessions_end_with_their_refresh_tokens_and_for_their_owner_only() {
    let world = World::new(false).await;
    let (ada, eve) = (world.account("ada@example.com").await, world.account("eve@example.com").await);
    let account = world.accounts.find(ada).await.unwrap().unwrap();
    let headers = http::HeaderMap::new();
    let (one, _) = world.sessions.sign_in(&headers, &account, Methods::Password).await.unwrap().unwrap();
    let (two, _) = world.sessions.sign_in(&headers, &account, Methods::Password).await.unwrap().unwrap();
    for session in [Some(one.id), Some(two.id), None] {
        sqlx::query(
            "INSERT INTO refresh_families (id, client_id, account_id, session_id, scope, auth_time, current_hash,
                                           rotated_at, created_at, idle_until, expires_at)
             VALUES ($1, 'web', $2, $3, 'openid', now(), sha256('x'), now(), now(), now(), now())",
        )
        .bind(Uuid::now_v7())
        .bind(ada)
        .bind(session)
        .execute(&world.pool)
        .await
        .unwrap();
    }
    let alive = || async {
        let sql = "SELECT count(*) FROM refresh_families WHERE revoked_at IS NULL";
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&world.pool).await.unwrap()
    };
    let token = TestIssuer::shared().user("gateway", ada).scope("account.manage").claim("sid", one.id).sign();
    let own = world.api.with_token(&token);
    let list: Value = own.get("/identity/v1/account/sessions").await.expect(200).json();
    let items = list["items"].as_array().unwrap();
    let current: Vec<_> = items.iter().filter(|it| it["current"] == true).map(|it| &it["id"]).collect();
    assert_eq!((items.len(), current), (2, vec![&json!(one.id)]));

    let path = format!("/identity/v1/account/sessions/{}", two.id);
    world.own(eve).delete(&path).await.problem(404, "not-found");
    assert_eq!(alive().await, 3);
    own.delete(&path).await.assert_status(204);
    assert_eq!(alive().await, 2);
    own.delete(&path).await.problem(404, "not-found");
    own.delete("/identity/v1/account/sessions/x").await.problem(404, "not-found");

    // A new password leaves the session that it was given in, and nothing else.
    let change = json!({ "current_password": PASSWORD, "new_password": "another horse battery" });
    own.put("/identity/v1/account/password", change).await.assert_status(204);
    assert_eq!(alive().await, 1);
    assert!(world.sessions.find(one.id).await.unwrap().is_some());
    own.delete("/identity/v1/account/sessions").await.assert_status(204);
    assert_eq!(alive().await, 0);
    assert!(world.sessions.find(one.id).await.unwrap().is_none());
    // The token of the session that has just ended.
    let answer = own.get("/identity/v1/account").await.expect(401);
    assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer error="invalid_token""#));
}

#[tokio::test]
async fn nobody_is_signed_in_whose_account_changed_since_the_password_was_checked() {
    let world = World::new(false).await;
    let ada = world.account("ada@example.com").await;
    let (checked, headers) = (world.accounts.find(ada).await.unwrap().unwrap(), http::HeaderMap::new());
    // Nothing that matters: another name.
    let named = "UPDATE accounts SET name = 'Ada L.', version = version + 1 WHERE id = $1";
    sqlx::query(named).bind(ada).execute(&world.pool).await.unwrap();
    assert!(world.sessions.sign_in(&headers, &checked, Methods::Password).await.unwrap().is_some());
    world.accounts.set_locked(ada, true).await.unwrap();
    assert!(world.sessions.sign_in(&headers, &checked, Methods::Password).await.unwrap().is_none());
    world.accounts.set_locked(ada, false).await.unwrap();
    let change = json!({ "current_password": PASSWORD, "new_password": "another horse battery" });
    world.own(ada).put("/identity/v1/account/password", change).await.assert_status(204);
    assert!(world.sessions.sign_in(&headers, &checked, Methods::Password).await.unwrap().is_none());
    assert!(world.sessions.of_account(ada).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_session_ends_when_its_time_is_over_however_much_it_was_used() {
    let world = World::new(false).await;
    let ada = world.account("ada@example.com").await;
    let account = world.accounts.find(ada).await.unwrap().unwrap();
    let (session, cookie) =
        world.sessions.sign_in(&http::HeaderMap::new(), &account, Methods::Password).await.unwrap().unwrap();
    assert_eq!(session.expires_at, session.created_at + Duration::DAY);
    let cookie = cookie.to_str().unwrap().split(';').next().unwrap().parse().unwrap();
    let headers = http::HeaderMap::from_iter([(http::header::COOKIE, cookie)]);
    assert!(world.sessions.current(&headers).await.unwrap().is_some());
    let over =
        "UPDATE sessions SET expires_at = now() - interval '1 second', last_seen_at = now() WHERE id = $1";
    sqlx::query(over).bind(session.id).execute(&world.pool).await.unwrap();
    assert!(world.sessions.current(&headers).await.unwrap().is_none());
    assert!(world.sessions.find(session.id).await.unwrap().is_none());
    assert!(world.sessions.of_account(ada).await.unwrap().is_empty());
}
