//! What a visitor and a buyer see.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::time::Duration;

use platform_journeys::{Course, new_user, unique, visitor};
use platform_testkit::eventually;
use serde_json::{Value, json};

/// Far more than an event or a refreshed page takes.
const SOON: Duration = Duration::from_secs(90);

#[tokio::test]
async fn the_home_page_shows_courses() {
    let course = Course::new().await;
    // Every replica of the catalog keeps its index by itself, and the newest courses come first.
    eventually(SOON, || async {
        let page = visitor().get("/").await.expect(200).text();
        if page.contains(&course.name) { Ok(()) } else { Err(format!("{} is not on the page", course.name)) }
    })
    .await;
}

#[tokio::test]
async fn visitors_share_an_answer_and_who_changes_the_course_sees_the_change_at_once() {
    let course = Course::new().await;
    eventually(SOON, || async {
        let answer = visitor().get(&course.path()).await.expect(200);
        let status = answer.header("cache-status").unwrap_or_default();
        if status.contains("gateway; hit") { Ok(()) } else { Err(status.to_owned()) }
    })
    .await;

    let name = unique("Renamed");
    course.rename(&name).await;
    let seen: Value = course.owner.get(&course.path()).await.expect(200).json();
    assert_eq!(seen["name"], name);
    eventually(SOON, || async {
        let seen: Value = visitor().get(&course.path()).await.expect(200).json();
        if seen["name"] == name { Ok(()) } else { Err(seen["name"].clone()) }
    })
    .await;
}

#[tokio::test]
async fn a_renamed_course_appears_renamed_in_an_open_basket() {
    let course = Course::new().await;
    let buyer = new_user().await;
    buyer
        .post("/services/basket/v1/basket/items", json!({ "course_id": course.id }))
        .await
        .assert_status(201);

    let name = unique("Renamed");
    course.rename(&name).await;

    eventually(SOON, || async {
        let basket: Value = buyer.get("/services/basket/v1/basket").await.expect(200).json();
        let seen = basket["items"][0]["name"].clone();
        if seen == name { Ok(()) } else { Err(seen) }
    })
    .await;
}
