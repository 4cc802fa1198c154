//! Categories over HTTP, on a real server of MongoDB's protocol.

use crate::catalog;
use platform_testkit::bad_input;
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn a_category_is_made_renamed_and_keeps_its_address() {
    let running = catalog().await;
    let user = running.api.as_user(Uuid::now_v7());

    let made = user.post("/v1/categories", json!({ "name": " İş Dünyası " })).await.expect(201);
    let category: Value = made.json();
    let path = format!("/v1/categories/{}", category["id"].as_str().unwrap());
    assert_eq!(
        made.header("location"),
        Some(format!("http://localhost:8080/services/catalog{path}").as_str())
    );
    assert_eq!(
        (category["slug"].as_str(), category["name"].as_str()),
        (Some("is-dunyasi"), Some("İş Dünyası"))
    );

    let tag = made.header("etag").unwrap();
    let renamed = user.with("if-match", tag).patch(&path, json!({ "name": "Business" })).await.expect(200);
    assert_eq!(
        renamed.json::<Value>(),
        json!({ "id": category["id"], "slug": "is-dunyasi", "name": "Business" })
    );
    let seen = running.api.get(&path).await.expect(200);
    assert_eq!((seen.json::<Value>(), seen.header("etag")), (renamed.json(), renamed.header("etag")));

    user.with("if-match", tag)
        .patch(&path, json!({ "name": "Late" }))
        .await
        .problem(412, "precondition-failed");
    user.patch(&path, json!({ "name": "Blind" })).await.problem(428, "precondition-required");
    let list: Value = running.api.get("/v1/categories").await.expect(200).json();
    assert_eq!(list["items"], json!([seen.json::<Value>()]));
}

#[tokio::test]
async fn two_categories_never_have_one_address_whatever_races() {
    let running = catalog().await;
    let attempts = (0..6).map(|_| {
        let api = running.api.as_user(Uuid::now_v7());
        tokio::spawn(
            async move { api.post("/v1/categories", json!({ "name": "Müzik" })).await.status.as_u16() },
        )
    });
    let mut statuses = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        statuses.push(attempt.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
    let again = running.api.as_user(Uuid::now_v7()).post("/v1/categories", json!({ "name": "muzik" })).await;
    again.problem(409, "category-exists");
}

#[tokio::test]
async fn the_list_is_sorted_and_shows_each_category_once_over_its_pages() {
    let running = catalog().await;
    for name in ["Ütü", "Çeviri", "Biçki", "Dans", "Ağaç"] {
        crate::category(&running.api, name).await;
    }
    let mut names = Vec::new();
    let mut path = "/v1/categories?limit=2".to_owned();
    loop {
        let page: Value = running.api.get(&path).await.expect(200).json();
        names.extend(
            page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/categories?limit=2&cursor={next}");
    }
    assert_eq!(names, ["Ağaç", "Biçki", "Çeviri", "Dans", "Ütü"]);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_body_is_told_and_nothing_is_stored() {
    let running = catalog().await;
    let user = running.api.as_user(Uuid::now_v7());
    bad_input::check_with(&user, http::Method::POST, "/v1/categories", &json!({ "name": "Good" })).await;
    for name in ["", "  ", "two\nlines", &"ş".repeat(121)] {
        let problem =
            user.post("/v1/categories", json!({ "name": name })).await.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/name");
    }
    let list: Value = running.api.get("/v1/categories").await.expect(200).json();
    assert_eq!(list["items"], json!([]));
    running.api.post("/v1/categories", json!({ "name": "Nobody" })).await.problem(401, "unauthenticated");
}
