//! Baskets over HTTP, on a real Redis, beside a real catalog.

use platform_testkit::bad_input;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Shop, add, course, id, seen};

#[tokio::test]
async fn a_basket_is_filled_shown_and_emptied_by_its_owner() {
    let shop = Shop::without_broker().await;
    let catalog = shop.catalog().await;
    let basket = shop.basket(&catalog).await;
    let user = Uuid::now_v7();
    let api = basket.api.as_user(user);
    let empty = api.get("/v1/basket").await.expect(200);
    assert_eq!(empty.json::<Value>(), json!({ "version": 0, "items": [] }));

    let (rust, sql) = (id(&course(&catalog.api, "Rust").await.1), id(&course(&catalog.api, "SQL").await.1));
    let added = add(&basket.api, user, rust).await.expect(201);
    let location = format!("http://localhost:8080/services/basket/v1/basket/items/{rust}");
    assert_eq!(added.header("location"), Some(location.as_str()));
    let both = add(&basket.api, user, sql).await.expect(201);
    let full: Value = both.json();
    let items = full["items"].as_array().unwrap();
    let facts: Vec<_> =
        items.iter().map(|it| (it["name"].as_str().unwrap(), it["quantity"].as_u64())).collect();
    assert_eq!(facts, [("Rust", Some(1)), ("SQL", Some(1))]);
    assert_eq!(full["total"], json!({ "amount": 3998, "currency": "TRY" }));
    let shown = api.get("/v1/basket").await.expect(200);
    assert_eq!((shown.json::<Value>(), shown.header("etag")), (full.clone(), Some("\"2\"")));
    assert_eq!(both.header("etag"), shown.header("etag"));

    let again = add(&basket.api, user, rust).await.expect(200);
    assert_eq!(again.json::<Value>(), full, "adding twice is adding once");

    for course in [rust, sql] {
        api.delete(&format!("/v1/basket/items/{course}")).await.assert_status(204);
        api.delete(&format!("/v1/basket/items/{course}")).await.problem(404, "not-found");
    }
    let emptied: Value = api.get("/v1/basket").await.expect(200).json();
    assert_eq!(emptied, json!({ "id": full["id"], "version": 4, "items": [] }), "a version never goes back");
}

#[tokio::test]
async fn everybody_has_a_basket_of_their_own() {
    let shop = Shop::without_broker().await;
    let catalog = shop.catalog().await;
    let basket = shop.basket(&catalog).await;
    let (ayse, can) = (Uuid::now_v7(), Uuid::now_v7());
    let rust = id(&course(&catalog.api, "Rust").await.1);
    add(&basket.api, ayse, rust).await.assert_status(201);
    assert_eq!(seen(&basket.api, can).await, (0, String::new()));
    basket.api.as_user(can).delete(&format!("/v1/basket/items/{rust}")).await.problem(404, "not-found");
    assert_eq!(seen(&basket.api, ayse).await, (1, "Rust".to_owned()));

    let nobody = &basket.api;
    nobody.get("/v1/basket").await.problem(401, "unauthenticated");
    nobody.post("/v1/basket/items", json!({ "course_id": rust })).await.problem(401, "unauthenticated");
    nobody.delete(&format!("/v1/basket/items/{rust}")).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn what_one_teaches_and_what_is_not_there_stays_out() {
    let shop = Shop::without_broker().await;
    let catalog = shop.catalog().await;
    let basket = shop.basket(&catalog).await;
    let (owner, rust) = course(&catalog.api, "Rust").await;
    add(&basket.api, owner, id(&rust)).await.problem(409, "own-course");
    let problem = add(&basket.api, owner, Uuid::now_v7()).await.problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/course_id");
    assert_eq!(seen(&basket.api, owner).await, (0, String::new()));
}

#[tokio::test]
async fn no_change_is_lost_whatever_races() {
    let shop = Shop::without_broker().await;
    let catalog = shop.catalog().await;
    let basket = shop.basket(&catalog).await;
    let user = Uuid::now_v7();
    let mut courses = Vec::new();
    for number in 0..10 {
        courses.push(id(&course(&catalog.api, &format!("Course {number}")).await.1));
    }
    // Each course twice, all at once.
    let adds = courses.iter().chain(&courses).map(|course| add(&basket.api, user, *course));
    let mut statuses: Vec<_> =
        futures::future::join_all(adds).await.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[200; 10], [201; 10]].concat());
    let full: Value = basket.api.as_user(user).get("/v1/basket").await.expect(200).json();
    assert_eq!((full["items"].as_array().unwrap().len(), full["version"].as_i64()), (10, Some(10)));
    assert_eq!(full["total"]["amount"], 19_990);
}

#[tokio::test]
async fn a_basket_has_an_end() {
    let shop = Shop::without_broker().await;
    let catalog = shop.catalog().await;
    let basket = shop.basket(&catalog).await;
    let user = Uuid::now_v7();
    let mut courses = Vec::new();
    for number in 0..101 {
        courses.push(id(&course(&catalog.api, &format!("Course {number}")).await.1));
    }
    for course in &courses[..100] {
        add(&basket.api, user, *course).await.assert_status(201);
    }
    add(&basket.api, user, courses[100]).await.problem(409, "basket-full");
    add(&basket.api, user, courses[0]).await.assert_status(200);
}

#[tokio::test]
async fn nobody_names_a_price() {
    let shop = Shop::without_broker().await;
    let catalog = shop.catalog().await;
    let basket = shop.basket(&catalog).await;
    let api = basket.api.as_user(Uuid::now_v7());
    let rust = id(&course(&catalog.api, "Rust").await.1);
    bad_input::check_with(&api, http::Method::POST, "/v1/basket/items", &json!({ "course_id": rust })).await;
    let body = json!({ "course_id": rust, "price": { "amount": 1, "currency": "TRY" } });
    api.post("/v1/basket/items", body).await.problem(422, "invalid-request");
    api.delete("/v1/basket/items/not-a-uuid").await.problem(404, "not-found");
    let empty: Value = api.get("/v1/basket").await.expect(200).json();
    assert_eq!(empty["items"], json!([]));
}
