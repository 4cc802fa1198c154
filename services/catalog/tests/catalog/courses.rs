//! Courses over HTTP, on a real server of MongoDB's protocol.

use std::time::Duration;

use crate::{catalog, category};
use platform_testkit::{TestIssuer, bad_input, eventually};
use serde_json::{Value, json};
use uuid::Uuid;

fn course(name: &str, category: &str) -> Value {
    json!({ "name": name, "category_id": category, "price": { "amount": 1999, "currency": "TRY" } })
}

fn path(course: &Value) -> String {
    format!("/v1/courses/{}", course["id"].as_str().unwrap())
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_course_is_made_by_its_owner_and_seen_by_everybody() {
    let running = catalog().await;
    let category = category(&running.api, "Yazılım").await;
    let owner = Uuid::now_v7();
    let mut body = course("Rust'a Giriş", &category);
    body["description"] = "Sahiplik ve ödünç alma".into();
    body["language"] = "tr".into();
    body["picture"] = "0a".repeat(32).into();

    let made = running.api.as_user(owner).post("/v1/courses", body.clone()).await.expect(201);
    let course: Value = made.json();
    let location = format!("http://localhost:8080/services/catalog{}", path(&course));
    assert_eq!(made.header("location"), Some(location.as_str()));
    for field in ["name", "category_id", "price", "description", "language", "picture"] {
        assert_eq!(course[field], body[field], "{field}");
    }
    assert_eq!(course["owner"], owner.to_string());
    assert_eq!(
        (course["slug"].as_str(), course["status"].as_str()),
        (Some("rusta-giris"), Some("published"))
    );
    assert_eq!(running.api.get(&path(&course)).await.expect(200).json::<Value>(), course);

    let listed: Value = running.api.get("/v1/courses").await.expect(200).json();
    let mut card = course.clone();
    card.as_object_mut().unwrap().retain(|field, _| field != "description" && field != "updated_at");
    assert_eq!(listed["items"], json!([card]));
}

#[tokio::test]
async fn only_its_owner_renames_a_course_and_only_the_version_that_was_read() {
    let running = catalog().await;
    let category = category(&running.api, "Yazılım").await;
    let owner = running.api.as_user(Uuid::now_v7());
    let made = owner.post("/v1/courses", course("Rust", &category)).await.expect(201);
    let (course, tag): (Value, _) = (made.json(), made.header("etag").unwrap());
    let path = path(&course);
    let new = json!({ "name": "Rust 2" });

    let other = running.api.as_user(Uuid::now_v7()).with("if-match", tag);
    other.patch(&path, new.clone()).await.problem(404, "not-found");
    running.api.with("if-match", tag).patch(&path, new.clone()).await.problem(401, "unauthenticated");
    owner.patch(&path, new.clone()).await.problem(428, "precondition-required");
    owner.with("if-match", "\"7\"").patch(&path, new.clone()).await.problem(412, "precondition-failed");

    let renamed = owner.with("if-match", tag).patch(&path, new.clone()).await.expect(200);
    let now: Value = renamed.json();
    assert_eq!((now["name"].as_str(), now["slug"].as_str()), (Some("Rust 2"), Some("rust-2")));
    assert_eq!((&now["created_at"], &now["price"]), (&course["created_at"], &course["price"]));
    owner.with("if-match", tag).patch(&path, new.clone()).await.problem(412, "precondition-failed");
    assert_eq!(names(&running.api.get("/v1/courses").await.expect(200).json()), ["Rust 2"]);

    let tag = renamed.header("etag").unwrap();
    let same = owner.with("if-match", tag).patch(&path, new).await.expect(200);
    assert_eq!(same.header("etag"), Some(tag), "the same name again is no change");
}

#[tokio::test]
async fn of_many_renames_of_one_version_one_wins() {
    let running = catalog().await;
    let category = category(&running.api, "Yazılım").await;
    let owner = running.api.as_user(Uuid::now_v7());
    let made = owner.post("/v1/courses", course("Rust", &category)).await.expect(201);
    let path = path(&made.json());
    let attempts = (0..8).map(|number| {
        let api = owner.with("if-match", made.header("etag").unwrap());
        let path = path.clone();
        tokio::spawn(async move {
            api.patch(&path, json!({ "name": format!("Rust {number}") })).await.status.as_u16()
        })
    });
    let mut statuses = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        statuses.push(attempt.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
}

#[tokio::test]
async fn a_request_with_a_key_makes_one_course_however_often_it_comes() {
    let running = catalog().await;
    let category = category(&running.api, "Yazılım").await;
    let user = Uuid::now_v7();
    let owner = running.api.as_user(user).with("idempotency-key", "first");
    let attempts = (0..6).map(|_| {
        let (owner, body) = (owner.clone(), course("Rust", &category));
        tokio::spawn(async move { owner.post("/v1/courses", body).await.expect(201).json::<Value>() })
    });
    let mut made = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        made.push(attempt.await.unwrap());
    }
    assert!(made.iter().all(|course| course == &made[0]), "{made:?}");
    owner.post("/v1/courses", course("Another", &category)).await.problem(422, "invalid-request");

    let other = running.api.as_user(Uuid::now_v7()).with("idempotency-key", "first");
    other.post("/v1/courses", course("Rust", &category)).await.assert_status(201);
    let list: Value = running.api.get(&format!("/v1/courses?owner={user}")).await.expect(200).json();
    assert_eq!(names(&list), ["Rust"]);
    owner
        .with("idempotency-key", "with space")
        .post("/v1/courses", course("X", &category))
        .await
        .problem(400, "malformed-request");
}

#[tokio::test]
async fn lists_are_newest_first_by_owner_and_category_over_their_pages() {
    let running = catalog().await;
    let (software, music) = (category(&running.api, "Yazılım").await, category(&running.api, "Müzik").await);
    let user = Uuid::now_v7();
    let owner = running.api.as_user(user);
    for number in 0..5 {
        owner.post("/v1/courses", course(&format!("Course {number}"), &software)).await.assert_status(201);
    }
    owner.post("/v1/courses", course("Bağlama", &music)).await.assert_status(201);
    running
        .api
        .as_user(Uuid::now_v7())
        .post("/v1/courses", course("Other", &software))
        .await
        .assert_status(201);

    let mut seen = Vec::new();
    let base = format!("/v1/courses?limit=2&owner={user}&category={software}");
    let mut path = base.clone();
    loop {
        let answer = running.api.get(&path).await.expect(200);
        let page: Value = answer.json();
        seen.extend(names(&page).iter().map(|name| (*name).to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        let link = answer.header("link").unwrap();
        assert!(link.contains(&format!(
            "/services/catalog/v1/courses?owner={user}&category={software}&limit=2&cursor="
        )));
        path = format!("{base}&cursor={next}");
    }
    assert_eq!(seen, ["Course 4", "Course 3", "Course 2", "Course 1", "Course 0"]);
    let all: Value = running.api.get("/v1/courses?limit=100").await.expect(200).json();
    assert_eq!(names(&all)[..2], ["Other", "Bağlama"]);
    for wrong in ["limit=0", "limit=x", "cursor=x", "owner=me", "category=1", "colour=red"] {
        running.api.get(&format!("/v1/courses?{wrong}")).await.problem(400, "malformed-request");
    }
}

#[tokio::test]
async fn what_one_replica_writes_the_others_list() {
    let running = catalog().await;
    let (other, _component) = running.replica().await;
    let category = category(&running.api, "Yazılım").await;
    let owner = running.api.as_user(Uuid::now_v7());
    let made = owner.post("/v1/courses", course("Rust", &category)).await.expect(201);
    let listed = |name: &'static str| {
        let other = other.clone();
        move || {
            let other = other.clone();
            async move { names(&other.get("/v1/courses").await.expect(200).json()) == [name] }
        }
    };
    eventually(Duration::from_secs(15), listed("Rust")).await;
    let owner = owner.with("if-match", made.header("etag").unwrap());
    owner.patch(&path(&made.json()), json!({ "name": "Rust 2" })).await.assert_status(200);
    eventually(Duration::from_secs(15), listed("Rust 2")).await;
}

#[tokio::test]
async fn other_services_get_a_quote() {
    let running = catalog().await;
    let category = category(&running.api, "Yazılım").await;
    let owner = Uuid::now_v7();
    let course: Value =
        running.api.as_user(owner).post("/v1/courses", course("Rust", &category)).await.expect(201).json();
    let order = TestIssuer::shared().service("catalog", "order").scope("catalog.sys.quote");
    let order = running.api.with_token(&order.sign());
    let quote: Value = order.get(&format!("/internal{}/quote", path(&course))).await.expect(200).json();
    let expected = json!({
        "course_id": course["id"], "owner": owner, "name": "Rust", "price": course["price"],
        "status": "published", "version": 1,
    });
    assert_eq!(quote, expected);
    order.get(&format!("/internal/v1/courses/{}/quote", Uuid::now_v7())).await.problem(404, "not-found");
}

#[tokio::test]
async fn whatever_is_wrong_with_a_body_is_told_and_nothing_is_stored() {
    let running = catalog().await;
    let category = category(&running.api, "Yazılım").await;
    let owner = running.api.as_user(Uuid::now_v7());
    let mut example = course("Good", &category);
    example["description"] = "All of it".into();
    example["language"] = "en".into();
    example["picture"] = "0a".repeat(32).into();
    bad_input::check_with(&owner, http::Method::POST, "/v1/courses", &example).await;
    for (field, value, pointer) in [
        ("name", json!(""), "/name"),
        ("description", json!("x".repeat(5001)), "/description"),
        ("language", json!("xx"), "/language"),
        ("category_id", json!(Uuid::now_v7()), "/category_id"),
        ("price", json!({ "amount": -1, "currency": "TRY" }), "/price/amount"),
        ("price", json!({ "amount": 10_000_001, "currency": "TRY" }), "/price/amount"),
        ("price", json!({ "amount": 1, "currency": "EUR" }), "/price/currency"),
        ("picture", json!("../../etc/passwd"), "/picture"),
    ] {
        let mut body = example.clone();
        body[field] = value;
        let problem = owner.post("/v1/courses", body).await.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let list: Value = running.api.get("/v1/courses").await.expect(200).json();
    assert_eq!(list["items"], json!([]));
}
