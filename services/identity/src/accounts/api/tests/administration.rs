//! What administrators may do, and who is one.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{PASSWORD, World};
use crate::accounts::service::FirstAdmin;
use crate::accounts::{AccountError, Email, Password};
use crate::sessions::Methods;

#[tokio::test]
async fn the_first_administrator_is_made_once_whatever_becomes_of_them() {
    let world = World::new(false).await;
    let email = Email::parse("root@example.com").unwrap();
    let make = async || world.accounts.first_admin(&email, Password::typed(PASSWORD)).await.unwrap();
    let root = world.account("root@example.com").await;
    assert_eq!(make().await, FirstAdmin::AddressTaken, "somebody else has the address");
    world.accounts.delete(root).await.unwrap();
    assert_eq!((make().await, make().await), (FirstAdmin::Made, FirstAdmin::Known));

    let root = world.accounts.find_by_email("root@example.com").await.unwrap().unwrap().id;
    let sql =
        "UPDATE accounts SET email = 'other@example.com', email_key = 'other@example.com' WHERE id = $1";
    sqlx::query(sql).bind(root).execute(&world.pool).await.unwrap();
    assert_eq!(make().await, FirstAdmin::Known, "they have another address now");
    let refused = world.accounts.delete(root).await;
    assert!(matches!(refused, Err(AccountError::LastAdministrator)), "{refused:?}");
    // As if somebody else had been an administrator meanwhile.
    let left = "UPDATE accounts SET email = NULL, email_key = NULL, password_hash = NULL, deleted_at = now()
                WHERE id = $1";
    sqlx::query(left).bind(root).execute(&world.pool).await.unwrap();
    assert_eq!(make().await, FirstAdmin::Known, "they left");
    assert!(world.accounts.find_by_email("root@example.com").await.unwrap().is_none());
}

#[tokio::test]
async fn administrators_find_lock_and_promote_others_but_not_themselves() {
    let world = World::new(false).await;
    let root = world.account("root@example.com").await;
    let mut users = Vec::new();
    for number in 0..5 {
        users.push(world.account(&format!("user{number}@example.com")).await);
    }
    let admin = world.calling(root, "identity.admin");
    // The scope is not the role.
    admin.get("/identity/v1/users").await.problem(403, "insufficient-scope");
    world.make_admin(root).await;
    let mut path = "/identity/v1/users?search=USER&limit=2".to_owned();
    let mut found = Vec::new();
    loop {
        let answer = admin.get(&path).await.expect(200);
        let page: Value = answer.json();
        found.extend(page["items"].as_array().unwrap().iter().map(|user| user["id"].clone()));
        match page["next"].as_str() {
            Some(next) => {
                assert!(answer.header("link").unwrap().contains("search=USER"));
                path = format!("/identity/v1/users?search=USER&limit=2&cursor={next}");
            }
            None => break,
        }
    }
    let newest_first: Vec<_> = users.iter().rev().map(|id| json!(id)).collect();
    assert_eq!(found, newest_first);
    for wrong in
        ["limit=0", "cursor=x", "search=a&search=b", "colour=red", &format!("search={}", "x".repeat(300))]
    {
        admin.get(&format!("/identity/v1/users?{wrong}")).await.problem(400, "malformed-request");
    }
    assert_eq!(admin.get("/identity/v1/users?search=%25").await.json::<Value>()["items"], json!([]));

    let user = users[0];
    let account = world.accounts.find(user).await.unwrap().unwrap();
    let (session, _) =
        world.sessions.sign_in(&http::HeaderMap::new(), &account, Methods::Password).await.unwrap().unwrap();
    let lock = format!("/identity/v1/users/{user}/lock");
    let locked: Value = admin.put(&lock, json!({})).await.expect(200).json();
    assert!(locked["locked_at"].is_string());
    assert_eq!(admin.put(&lock, json!({})).await.expect(200).json::<Value>(), locked, "locking twice");
    assert!(world.sessions.find(session.id).await.unwrap().is_none());
    assert!(admin.delete(&lock).await.expect(200).json::<Value>()["locked_at"].is_null());

    let roles = format!("/identity/v1/users/{user}/roles");
    let both = json!({ "instructor": true, "admin": true });
    let promoted: Value = admin.put(&roles, both.clone()).await.expect(200).json();
    assert_eq!(promoted["roles"], json!(["student", "instructor", "admin"]));
    assert_eq!(
        world.events(user).await.iter().filter(|(kind, _)| kind == "identity.role.granted.v1").count(),
        2
    );
    let own = format!("/identity/v1/users/{root}");
    admin.put(&format!("{own}/lock"), json!({})).await.problem(409, "own-account");
    admin.delete(&format!("{own}/lock")).await.problem(409, "own-account");
    let nothing = json!({ "instructor": true, "admin": false });
    admin.put(&format!("{own}/roles"), nothing).await.problem(409, "own-account");
    admin.delete(&format!("/identity/v1/users/{user}/sessions")).await.assert_status(204);

    let nobody = Uuid::now_v7();
    admin.get(&format!("/identity/v1/users/{nobody}")).await.problem(404, "not-found");
    admin.put(&format!("/identity/v1/users/{nobody}/lock"), json!({})).await.problem(404, "not-found");
    for other in [world.own(root), world.api.clone()] {
        for answer in [
            other.get("/identity/v1/users").await,
            other.get(&own).await,
            other.put(&lock, json!({})).await,
            other.delete(&lock).await,
            other.put(&roles, both.clone()).await,
            other.delete(&format!("/identity/v1/users/{user}/sessions")).await,
        ] {
            assert!(matches!(answer.status.as_u16(), 401 | 403), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn an_administrators_token_ends_with_the_role_and_with_the_lock() {
    let world = World::new(false).await;
    let (root, eve) = (world.account("root@example.com").await, world.account("eve@example.com").await);
    world.make_admin(root).await;
    world.make_admin(eve).await;
    let (root_calls, eve_calls) =
        (world.calling(root, "identity.admin"), world.calling(eve, "identity.admin"));
    let (roles, lock) = (format!("/identity/v1/users/{eve}/roles"), format!("/identity/v1/users/{eve}/lock"));
    let back = json!({ "instructor": false, "admin": true });
    eve_calls.get("/identity/v1/users").await.assert_status(200);

    root_calls.put(&roles, json!({ "instructor": false, "admin": false })).await.assert_status(200);
    eve_calls.put(&roles, back.clone()).await.problem(403, "insufficient-scope");
    eve_calls.get("/identity/v1/users").await.problem(403, "insufficient-scope");
    root_calls.put(&roles, back).await.assert_status(200);
    eve_calls.get("/identity/v1/users").await.assert_status(200);

    root_calls.put(&lock, json!({})).await.assert_status(200);
    eve_calls.delete(&lock).await.problem(401, "unauthenticated");
    world.own(eve).get("/identity/v1/account").await.problem(401, "unauthenticated");
    assert!(world.accounts.find(eve).await.unwrap().unwrap().locked_at.is_some());
}
