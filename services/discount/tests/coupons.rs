//! Coupons over HTTP, on a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use discount::Discount;
use platform_service::{Component as _, TestComponent, spawn_for_test};
use platform_testkit::{Api, Binary, Postgres, TestIssuer, bad_input, bad_tokens, life, routes, secret_file};
use serde_json::{Value, json};
use uuid::Uuid;

struct Running {
    api: Api,
    _component: TestComponent,
    _database: Postgres,
    _url: tempfile::NamedTempFile,
}

async fn discount() -> Running {
    let database = Postgres::database().await;
    let url = secret_file(database.url());
    let path = url.path().to_str().unwrap();
    Binary::new(env!("CARGO_BIN_EXE_discount")).env("DATABASE_URL_FILE", path).succeeds(&["migrate"]).await;
    let settings = [("DATABASE_URL_FILE", path), ("JWKS_URI", TestIssuer::shared().jwks_uri())];
    let component = spawn_for_test::<Discount>(&settings).await.unwrap();
    Running { api: Api::new(component.url("")), _component: component, _database: database, _url: url }
}

fn percent(code: &str) -> Value {
    json!({ "code": code, "reduction": { "percent": 20 } })
}

#[tokio::test]
async fn a_coupon_is_stored_and_found_by_its_owner() {
    let running = discount().await;
    let owner = running.api.as_user(Uuid::now_v7());

    let made = owner.post("/v1/coupons", percent("summer-26")).await.expect(201);
    let coupon: Value = made.json();
    let id = coupon["id"].as_str().unwrap();
    let location = format!("http://localhost:8080/services/discount/v1/coupons/{id}");
    assert_eq!(made.header("location"), Some(location.as_str()));
    assert_eq!(coupon["code"], "SUMMER-26");

    let found = owner.get(&format!("/v1/coupons/{id}")).await.expect(200);
    assert_eq!(found.json::<Value>(), coupon);
    assert_eq!(found.header("etag"), Some("\"1\""));
}

#[tokio::test]
async fn somebody_elses_coupon_is_not_there() {
    let running = discount().await;
    let owner = running.api.as_user(Uuid::now_v7());
    let coupon: Value = owner.post("/v1/coupons", percent("MINE")).await.expect(201).json();
    let path = format!("/v1/coupons/{}", coupon["id"].as_str().unwrap());

    running.api.as_user(Uuid::now_v7()).get(&path).await.problem(404, "not-found");
    running.api.get(&path).await.problem(401, "unauthenticated");
    running.api.get("/v1/coupons/not-a-uuid").await.problem(401, "unauthenticated");
    owner.get("/v1/coupons/not-a-uuid").await.problem(404, "not-found");
}

#[tokio::test]
async fn anybody_who_knows_a_code_learns_what_it_gives_and_nothing_else() {
    let running = discount().await;
    let owner = running.api.as_user(Uuid::now_v7());
    let body = json!({ "reduction": { "amount": { "amount": 5000, "currency": "TRY" } } });
    let coupon: Value = owner.post("/v1/coupons", body).await.expect(201).json();
    let code = coupon["code"].as_str().unwrap();
    assert_eq!(code.len(), 16, "a code that was not chosen can't be guessed");

    let visitor = running.api.as_user(Uuid::now_v7());
    let offer: Value = visitor.get(&format!("/v1/offers/{}", code.to_lowercase())).await.expect(200).json();
    assert_eq!(offer["reduction"]["amount"], json!({ "amount": 5000, "currency": "TRY" }));
    assert!(offer.get("id").is_none() && offer.get("owner").is_none());
    for unknown in ["NOSUCHCODE", "x", "%F0%9F%92%A9", "' OR 1=1"] {
        visitor.get(&format!("/v1/offers/{unknown}")).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_coupon_gives_nothing_before_it_begins_and_after_it_ends() {
    let running = discount().await;
    let owner = running.api.as_user(Uuid::now_v7());
    for (code, from, until) in [
        ("TOO-EARLY", "2999-01-01T00:00:00Z", Value::Null),
        ("TOO-LATE", "2001-01-01T00:00:00Z", json!("2001-02-01T00:00:00Z")),
    ] {
        let body =
            json!({ "code": code, "reduction": { "percent": 5 }, "valid_from": from, "valid_until": until });
        owner.post("/v1/coupons", body).await.assert_status(201);
        owner.get(&format!("/v1/offers/{code}")).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_code_is_given_once_whatever_races() {
    let running = discount().await;
    let attempts = (0..8).map(|_| {
        let api = running.api.as_user(Uuid::now_v7());
        tokio::spawn(async move { api.post("/v1/coupons", percent("RACE")).await.status.as_u16() })
    });
    let mut statuses = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        statuses.push(attempt.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn a_list_shows_each_coupon_once_over_its_pages() {
    let running = discount().await;
    let owner = running.api.as_user(Uuid::now_v7());
    for number in 0..5 {
        owner.post("/v1/coupons", percent(&format!("PAGE-{number}"))).await.assert_status(201);
    }
    running.api.as_user(Uuid::now_v7()).post("/v1/coupons", percent("OTHER")).await.assert_status(201);

    let mut codes = Vec::new();
    let mut path = "/v1/coupons?limit=2".to_owned();
    loop {
        let answer = owner.get(&path).await.expect(200);
        let page: Value = answer.json();
        let items = page["items"].as_array().unwrap();
        codes.extend(items.iter().map(|item| item["code"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        assert!(answer.header("link").unwrap().contains("/services/discount/v1/coupons?limit=2&cursor="));
        path = format!("/v1/coupons?limit=2&cursor={next}");
    }
    assert_eq!(codes, ["PAGE-4", "PAGE-3", "PAGE-2", "PAGE-1", "PAGE-0"]);
    for wrong in ["limit=0", "limit=101", "limit=x", "cursor=x", "limit=1&limit=2", "colour=red"] {
        owner.get(&format!("/v1/coupons?{wrong}")).await.problem(400, "malformed-request");
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_body_is_told_and_nothing_is_stored() {
    let running = discount().await;
    let owner = running.api.as_user(Uuid::now_v7());
    let example = json!({
        "code": "GOOD", "reduction": { "percent": 20 }, "course_id": Uuid::now_v7(),
        "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2027-01-01T00:00:00Z",
    });
    bad_input::check_with(&owner, http::Method::POST, "/v1/coupons", &example).await;
    for (body, pointer) in [
        (json!({ "reduction": { "percent": 0 } }), "/reduction"),
        (json!({ "reduction": { "percent": 101 } }), "/reduction"),
        (json!({ "reduction": { "amount": { "amount": 0, "currency": "TRY" } } }), "/reduction"),
        (json!({ "reduction": { "percent": 5 }, "code": "no spaces" }), "/code"),
        (
            json!({ "reduction": { "percent": 5 }, "valid_from": "2026-01-02T00:00:00Z", "valid_until": "2026-01-01T00:00:00Z" }),
            "/valid_until",
        ),
    ] {
        let problem = owner.post("/v1/coupons", body).await.problem(422, "invalid-request");
        let pointers: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|it| &it["pointer"]).collect();
        assert!(pointers[0].as_str().unwrap().starts_with(pointer), "{problem}");
    }
    let list: Value = owner.get("/v1/coupons").await.expect(200).json();
    assert_eq!(list["items"], json!([]));
}

#[tokio::test]
async fn every_route_demands_what_the_table_says() {
    let running = discount().await;
    let document = serde_json::to_value(Discount::openapi()).unwrap();
    routes::check(&running.api, "discount", &document).await;
}

#[tokio::test]
async fn no_wrong_token_is_accepted() {
    let running = discount().await;
    bad_tokens::check(&running.api, "discount", http::Method::GET, "/v1/coupons", "discount.manage").await;
}

#[tokio::test]
async fn while_the_keys_were_never_there_a_token_is_put_off_and_not_refused() {
    let database = Postgres::database().await;
    let url = secret_file(database.url());
    let settings = [
        ("DATABASE_URL_FILE", url.path().to_str().unwrap()),
        ("JWKS_URI", "http://127.0.0.1:1/identity/jwks"),
    ];
    let component = spawn_for_test::<Discount>(&settings).await.unwrap();
    life::ready_without(&Api::new(component.admin_url("")), "identity-keys").await;
    let api = Api::new(component.url(""));
    let busy = api.as_user(Uuid::now_v7()).post("/v1/coupons", percent("LATER")).await;
    busy.problem(503, "unavailable");
    assert!(busy.header("retry-after").is_some());
    api.post("/v1/coupons", percent("NOBODY")).await.problem(401, "unauthenticated");
}
