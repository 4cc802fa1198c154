//! What the gateway keeps of the catalog's answers: visitors get it from there, and nobody who changed something sees
//! what was before.

use gateway::Gateway;
use platform_testkit::{Answer, Api, TestIssuer, eventually};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{SOON, Shop, path, start};

const COURSES: &str = "/services/catalog/v1/courses";

/// Whether an answer came from what is kept, without asking the catalog.
fn is_kept(answer: &Answer) -> bool {
    answer.header("cache-status").is_some_and(|status| status.starts_with("gateway; hit"))
}

/// Reads as a visitor until the gateway has it.
async fn visit(gateway: &Api, path: &str) {
    eventually(SOON, || async { is_kept(&gateway.get(path).await.expect(200)) }).await;
}

/// A client with the token of an instructor who is also an administrator.
fn instructor(gateway: &Api, id: Uuid) -> Api {
    let token = TestIssuer::shared().any_user(id).claim("aud", ["gateway", "catalog"]);
    gateway.with_token(&token.sign())
}

/// A course's address at the gateway, and who made it.
async fn course(shop: &Shop) -> (String, Uuid) {
    let course = shop.course("Rust", &shop.category("Yazılım").await).await;
    let text = |field: &str| course[field].as_str().unwrap().to_owned();
    (format!("{COURSES}/{}", text("id")), text("owner").parse().unwrap())
}

#[tokio::test]
async fn who_changes_something_sees_the_change_at_every_gateway_and_visitors_at_the_same_one() {
    let shop = Shop::open().await;
    let (course, owner) = course(&shop).await;
    let here = Api::new(shop.components[1].url(""));
    let settings = [("ROUTES_FILE", path(&shop.files[3])), ("JWKS_URI", TestIssuer::shared().jwks_uri())];
    let another = start::<Gateway>(&settings).await;
    let there = Api::new(another.url(""));
    let owners = [instructor(&here, owner), instructor(&there, owner)];

    let list = format!("{COURSES}?limit=24");
    for (number, read) in [course.as_str(), &list, &course, &list].into_iter().enumerate() {
        let name = format!("Rust {number}");
        visit(&here, read).await;
        visit(&there, read).await;
        let version = owners[0].get(&course).await.expect(200).header("etag").unwrap().to_owned();
        let change = owners[0].with("if-match", &version).patch(&course, json!({ "name": name })).await;
        change.assert_status(200);
        for owner in &owners {
            let seen = owner.get(read).await.expect(200);
            assert!(seen.text().contains(&name) && !is_kept(&seen), "{read}: {seen:?}");
        }
        let visitor = here.get(read).await.expect(200);
        assert!(visitor.text().contains(&name), "{read}: {visitor:?}");
        // The other gateway knows nothing of the change: what it keeps for visitors gets old.
        eventually(SOON, || async { there.get(read).await.expect(200).text().contains(&name) }).await;
    }
}

#[tokio::test]
async fn what_is_new_is_in_lists_at_once() {
    let shop = Shop::open().await;
    let gateway = Api::new(shop.components[1].url(""));
    let instructor = instructor(&gateway, Uuid::now_v7());
    let (courses, categories) = (format!("{COURSES}?limit=100"), "/services/catalog/v1/categories");
    for number in 0..3 {
        let name = format!("New {number}");
        visit(&gateway, &courses).await;
        visit(&gateway, categories).await;
        let category: Value = instructor.post(categories, json!({ "name": name })).await.expect(201).json();
        assert!(gateway.get(categories).await.expect(200).text().contains(&name));
        let price = json!({ "amount": 1, "currency": "TRY" });
        let course = json!({ "name": name, "category_id": category["id"], "price": price });
        instructor.post(COURSES, course).await.assert_status(201);
        assert!(gateway.get(&courses).await.expect(200).text().contains(&name));
    }
}

#[tokio::test]
async fn while_the_catalog_is_away_visitors_see_what_was_there_and_nobody_else_does() {
    let shop = Shop::open().await;
    let (course, owner) = course(&shop).await;
    let gateway = Api::new(shop.components[1].url(""));
    let owner = instructor(&gateway, owner);
    let before = gateway.get(&course).await.expect(200);
    visit(&gateway, &course).await;
    let [catalog, _gateway, _web] = shop.components;
    catalog.stop().await.unwrap();
    owner.get(&course).await.problem(503, "unavailable");
    let after = gateway.get(&course).await.expect(200);
    assert_eq!((after.text(), after.header("etag")), (before.text(), before.header("etag")));
    // Nobody asked for this one before.
    gateway.get(&format!("{course}?x=1")).await.problem(503, "unavailable");
}
