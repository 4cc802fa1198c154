//! Orders over HTTP on every engine that there is: the same tests for PostgreSQL, always, and for SQL Server
//! where SQLSERVER_URL names one, with the real catalog and identity beside them.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod support;

use std::time::Duration;

use identity_testkit::TestIdentity;
use order::Ordering;
use platform_service::Component as _;
use platform_testkit::{Api, Engine, bad_input, bad_tokens, engine_tests, eventually, routes};
use serde_json::{Value, json};
use support::{Shop, Store, order_of};
use uuid::Uuid;

engine_tests! {
    an_order_is_stored_at_the_catalogs_prices_and_found_by_its_buyer,
    somebody_elses_order_is_not_there,
    a_list_shows_each_order_once_over_its_pages,
    the_same_request_makes_one_order_whatever_races,
    a_key_belongs_to_one_body_and_one_buyer,
    a_repeated_request_is_answered_when_the_catalog_is_away,
    without_identity_nothing_new_is_sold_until_it_is_back,
    what_is_not_for_sale_is_not_bought,
    an_order_keeps_what_was_bought_as_it_was,
    whatever_is_wrong_with_a_body_is_told_and_nothing_is_stored,
    the_largest_order_with_the_longest_texts_is_stored_whole,
    migrations_may_run_twice_and_at_the_same_time,
    every_route_demands_what_the_table_says,
    no_wrong_token_is_accepted,
}

/// A new buyer with a new key for each request.
fn buyer(shop: &Shop) -> Api {
    shop.api.as_user(Uuid::now_v7())
}

fn keyed(api: &Api) -> Api {
    api.with("idempotency-key", &Uuid::now_v7().to_string())
}

async fn an_order_is_stored_at_the_catalogs_prices_and_found_by_its_buyer(engine: Engine) {
    let shop = Shop::open(engine).await;
    let (one, two) = (shop.course("Rust", 1999).await, shop.course("Şarkı söyleme", 500).await);
    let buyer = buyer(&shop);

    let made = keyed(&buyer).post("/v1/orders", order_of(&[&one, &two])).await.expect(201);
    let order: Value = made.json();
    let id = order["id"].as_str().unwrap();
    let location = format!("http://localhost:8080/services/order/v1/orders/{id}");
    assert_eq!(made.header("location"), Some(location.as_str()));
    assert_eq!(order["state"], "submitted");
    assert_eq!(order["number"].as_str().unwrap().len(), 11);
    assert_eq!(order["total"], json!({ "amount": 2499, "currency": "TRY" }));
    assert_eq!(order["lines"][1]["name"], "Şarkı söyleme");
    assert_eq!(order["lines"][1]["price"], json!({ "amount": 500, "currency": "TRY" }));
    assert_eq!(order["address"], order_of(&[])["address"]);

    let found = buyer.get(&format!("/v1/orders/{id}")).await.expect(200);
    assert_eq!(found.json::<Value>(), order);
    assert_eq!(found.header("etag"), Some("\"1\""));
}

async fn somebody_elses_order_is_not_there(engine: Engine) {
    let shop = Shop::open(engine).await;
    let course = shop.course("Rust", 1999).await;
    let buyer = buyer(&shop);
    let order: Value = keyed(&buyer).post("/v1/orders", order_of(&[&course])).await.expect(201).json();
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());

    let other = shop.api.as_user(Uuid::now_v7());
    other.get(&path).await.problem(404, "not-found");
    assert_eq!(other.get("/v1/orders").await.expect(200).json::<Value>()["items"], json!([]));
    shop.api.get(&path).await.problem(401, "unauthenticated");
    keyed(&shop.api).post("/v1/orders", order_of(&[&course])).await.problem(401, "unauthenticated");
    buyer.get("/v1/orders/not-a-uuid").await.problem(404, "not-found");
}

async fn a_list_shows_each_order_once_over_its_pages(engine: Engine) {
    let shop = Shop::open(engine).await;
    let course = shop.course("Rust", 1999).await;
    let buyer = buyer(&shop);
    let mut placed = Vec::new();
    for _ in 0..5 {
        let order: Value = keyed(&buyer).post("/v1/orders", order_of(&[&course])).await.expect(201).json();
        placed.push(order);
    }
    placed.reverse();

    let mut seen = Vec::new();
    let mut path = "/v1/orders?limit=2".to_owned();
    loop {
        let answer = buyer.get(&path).await.expect(200);
        let page: Value = answer.json();
        seen.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        assert!(answer.header("link").unwrap().contains("/services/order/v1/orders?limit=2&cursor="));
        path = format!("/v1/orders?limit=2&cursor={next}");
    }
    assert_eq!(seen, placed);
    for wrong in ["limit=0", "limit=101", "cursor=x", "colour=red"] {
        buyer.get(&format!("/v1/orders?{wrong}")).await.problem(400, "malformed-request");
    }
}

async fn the_same_request_makes_one_order_whatever_races(engine: Engine) {
    let shop = Shop::open(engine).await;
    let course = shop.course("Rust", 1999).await;
    let buyer = keyed(&buyer(&shop));
    let attempts = (0..8).map(|_| {
        let (buyer, body) = (buyer.clone(), order_of(&[&course]));
        tokio::spawn(async move { buyer.post("/v1/orders", body).await })
    });
    let mut bodies = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        bodies.push(attempt.await.unwrap().expect(201).body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "the answers differ");
    let list: Value = buyer.get("/v1/orders").await.expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

async fn a_key_belongs_to_one_body_and_one_buyer(engine: Engine) {
    let shop = Shop::open(engine).await;
    let (one, two) = (shop.course("Rust", 1999).await, shop.course("Go", 500).await);
    let key = "k".repeat(255);
    let buyer = buyer(&shop).with("idempotency-key", &key);
    let first = buyer.post("/v1/orders", order_of(&[&one])).await.expect(201);

    buyer.post("/v1/orders", order_of(&[&two])).await.problem(422, "invalid-request");
    let again = buyer.post("/v1/orders", order_of(&[&one])).await.expect(201);
    assert_eq!(again.body, first.body);
    // Keys are compared letter by letter, and only within one buyer's.
    let capitals = buyer.with("idempotency-key", &key.to_uppercase());
    let other = capitals.post("/v1/orders", order_of(&[&one])).await.expect(201);
    assert_ne!(other.body, first.body);
    let somebody = shop.api.as_user(Uuid::now_v7()).with("idempotency-key", &key);
    assert_ne!(somebody.post("/v1/orders", order_of(&[&one])).await.expect(201).body, first.body);
    shop.api
        .as_user(Uuid::now_v7())
        .post("/v1/orders", order_of(&[&one]))
        .await
        .problem(400, "malformed-request");
}

async fn a_repeated_request_is_answered_when_the_catalog_is_away(engine: Engine) {
    let shop = Shop::open(engine).await;
    let course = shop.course("Rust", 1999).await;
    let buyer = buyer(&shop);
    let once = keyed(&buyer);
    let first = once.post("/v1/orders", order_of(&[&course])).await.expect(201);

    shop.catalog_proxy.cut();
    assert_eq!(once.post("/v1/orders", order_of(&[&course])).await.expect(201).body, first.body);
    let new = keyed(&buyer);
    new.post("/v1/orders", order_of(&[&course])).await.problem(503, "unavailable");
    shop.catalog_proxy.heal();
    // Nothing of the failed request is left: its key is free.
    new.post("/v1/orders", order_of(&[&course])).await.assert_status(201);
}

async fn without_identity_nothing_new_is_sold_until_it_is_back(engine: Engine) {
    let identity = TestIdentity::start().await;
    identity.network.refuse();
    let shop = Shop::with(engine, identity).await;
    let course = shop.course("Rust", 1999).await;
    let buyer = keyed(&buyer(&shop));
    let busy = buyer.post("/v1/orders", order_of(&[&course])).await;
    busy.problem(503, "unavailable");
    assert!(busy.header("retry-after").is_some());
    assert_eq!(buyer.get("/v1/orders").await.expect(200).json::<Value>()["items"], json!([]));

    shop.identity.network.heal();
    // A failure is remembered for a moment, also the one of a probe: who comes again as `Retry-After` says is served.
    eventually(Duration::from_secs(10), || async {
        buyer.post("/v1/orders", order_of(&[&course])).await.status == 201
    })
    .await;
    let list: Value = buyer.get("/v1/orders").await.expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

async fn what_is_not_for_sale_is_not_bought(engine: Engine) {
    let shop = Shop::open(engine).await;
    let course = shop.course("Rust", 1999).await;
    let buyer = buyer(&shop);
    let unknown = Uuid::now_v7().to_string();
    keyed(&buyer)
        .post("/v1/orders", order_of(&[&course, &unknown]))
        .await
        .problem(409, "course-not-for-sale");
    let instructor = keyed(&shop.api.as_user(shop.instructor));
    instructor.post("/v1/orders", order_of(&[&course])).await.problem(409, "own-course");
    let mut cheaper = order_of(&[&course]);
    cheaper["expected_total"] = json!({ "amount": 1, "currency": "TRY" });
    keyed(&buyer).post("/v1/orders", cheaper.clone()).await.problem(409, "price-changed");
    assert_eq!(buyer.get("/v1/orders").await.expect(200).json::<Value>()["items"], json!([]));

    cheaper["expected_total"]["amount"] = json!(1999);
    keyed(&buyer).post("/v1/orders", cheaper).await.assert_status(201);
}

async fn an_order_keeps_what_was_bought_as_it_was(engine: Engine) {
    let shop = Shop::open(engine).await;
    let course = shop.course("Rust", 1999).await;
    let buyer = buyer(&shop);
    let order: Value = keyed(&buyer).post("/v1/orders", order_of(&[&course])).await.expect(201).json();
    shop.rename(&course, "Rust, second edition").await;
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    assert_eq!(buyer.get(&path).await.expect(200).json::<Value>(), order);
    let later: Value = keyed(&buyer).post("/v1/orders", order_of(&[&course])).await.expect(201).json();
    assert_eq!(later["lines"][0]["name"], "Rust, second edition");
}

async fn whatever_is_wrong_with_a_body_is_told_and_nothing_is_stored(engine: Engine) {
    let shop = Shop::open(engine).await;
    let course = shop.course("Rust", 1999).await;
    let buyer = keyed(&buyer(&shop));
    let mut example = order_of(&[&course]);
    example["expected_total"] = json!({ "amount": 1999, "currency": "TRY" });
    bad_input::check_with(&buyer, http::Method::POST, "/v1/orders", &example).await;

    let twice = order_of(&[&course, &course]);
    let mut priced = order_of(&[&course]);
    priced["lines"][0]["price"] = json!({ "amount": 1, "currency": "TRY" });
    let mut for_somebody = order_of(&[&course]);
    for_somebody["buyer"] = json!(Uuid::now_v7());
    let mut empty_province = order_of(&[&course]);
    empty_province["address"]["province"] = json!("  ");
    for (body, pointer) in [
        (order_of(&[]), "/lines"),
        (twice, "/lines/1/course_id"),
        (priced, "/lines/0/price"),
        (for_somebody, "/buyer"),
        (empty_province, "/address/province"),
    ] {
        let problem = buyer.post("/v1/orders", body).await.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    assert_eq!(buyer.get("/v1/orders").await.expect(200).json::<Value>()["items"], json!([]));
}

async fn the_largest_order_with_the_longest_texts_is_stored_whole(engine: Engine) {
    let shop = Shop::open(engine).await;
    let mut courses = Vec::new();
    for number in 0..50 {
        courses.push(shop.course(&format!("{number:02}{}", "ğ".repeat(118)), 1).await);
    }
    let mut body = order_of(&courses.iter().map(String::as_str).collect::<Vec<_>>());
    for (field, length) in [("province", 60), ("district", 60), ("street", 120), ("line", 200)] {
        body["address"][field] = json!("😀".repeat(length));
    }
    let buyer = buyer(&shop);
    let order: Value = keyed(&buyer).post("/v1/orders", body.clone()).await.expect(201).json();
    assert_eq!((order["address"].clone(), &order["total"]["amount"]), (body["address"].clone(), &json!(50)));
    let found: Value =
        buyer.get(&format!("/v1/orders/{}", order["id"].as_str().unwrap())).await.expect(200).json();
    assert_eq!(found, order);
}

async fn migrations_may_run_twice_and_at_the_same_time(engine: Engine) {
    let store = Store::empty(engine).await;
    let binary = store.binary();
    tokio::join!(binary.succeeds(&["migrate"]), binary.succeeds(&["migrate"]), binary.succeeds(&["migrate"]));
    binary.succeeds(&["migrate"]).await;
}

async fn every_route_demands_what_the_table_says(engine: Engine) {
    let shop = Shop::open(engine).await;
    let document = serde_json::to_value(Ordering::openapi()).unwrap();
    routes::check(&shop.api, "order", &document).await;
}

async fn no_wrong_token_is_accepted(engine: Engine) {
    let shop = Shop::open(engine).await;
    bad_tokens::check(&shop.api, "order", http::Method::GET, "/v1/orders", "order.read").await;
}
