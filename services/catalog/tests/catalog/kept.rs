//! What others may keep of the catalog's answers, and for whom.

use crate::{catalog, category};
use mongodb::bson::{Document, doc};
use platform_testkit::{Answer, Api, TestIssuer};
use serde_json::{Value, json};
use uuid::Uuid;

const FOR_VISITORS: &str = "max-age=2, stale-if-error=60";
const FOR_ONE: &str = "private, no-cache";

fn said(answer: &Answer) -> &str {
    answer.header("cache-control").unwrap_or_default()
}

/// A course of the user's.
async fn course(api: &Api, owner: Uuid, category: &str) -> (Value, String) {
    let body =
        json!({ "name": "Rust", "category_id": category, "price": { "amount": 1, "currency": "TRY" } });
    let course: Value = api.as_user(owner).post("/v1/courses", body).await.expect(201).json();
    let path = format!("/v1/courses/{}", course["id"].as_str().unwrap());
    (course, path)
}

#[tokio::test]
async fn visitors_share_what_everybody_reads_and_who_has_a_token_gets_it_from_the_service() {
    let running = catalog().await;
    let category = category(&running.api, "Yazılım").await;
    let (_, course) = course(&running.api, Uuid::now_v7(), &category).await;
    let issuer = TestIssuer::shared();
    let tokens = [issuer.user("catalog", Uuid::now_v7()), issuer.service("catalog", "web")];
    let tokens = tokens.map(|token| token.scope("catalog.read").sign());
    for path in [
        "/v1/courses",
        "/v1/courses?limit=1",
        "/v1/categories",
        &course,
        &format!("/v1/categories/{category}"),
    ] {
        let visitors = running.api.get(path).await.expect(200);
        assert_eq!(said(&visitors), FOR_VISITORS, "{path}");
        for token in &tokens {
            let own = running.api.with_token(token).get(path).await.expect(200);
            assert_eq!((said(&own), own.header("etag")), (FOR_ONE, visitors.header("etag")), "{path}");
            assert_eq!(own.text(), visitors.text(), "{path}");
        }
    }
}

#[tokio::test]
async fn errors_and_what_a_change_answers_are_kept_by_nobody() {
    let running = catalog().await;
    let category = category(&running.api, "Yazılım").await;
    let (course, path) = course(&running.api, Uuid::now_v7(), &category).await;
    let nowhere = format!("/v1/courses/{}", Uuid::now_v7());
    for wrong in [&nowhere, "/v1/courses?limit=0", "/v1/categories?cursor=x", "/v1/courses/x"] {
        assert_eq!(said(&running.api.get(wrong).await), "no-store", "{wrong}");
    }
    assert_eq!(said(&running.api.with_token("x").get("/v1/courses").await.expect(401)), "no-store");
    let owner = running.api.as_user(course["owner"].as_str().unwrap().parse().unwrap());
    let renamed = owner.with("if-match", "\"1\"").patch(&path, json!({ "name": "Rust 2" })).await.expect(200);
    assert_eq!(said(&renamed), "no-store");
    let made = owner.post("/v1/categories", json!({ "name": "Müzik" })).await.expect(201);
    assert_eq!(said(&made), "no-store");
}

#[tokio::test]
async fn a_draft_is_its_owners_alone_and_kept_by_nobody() {
    let running = catalog().await;
    let category = category(&running.api, "Yazılım").await;
    let owner = Uuid::now_v7();
    let (course, path) = course(&running.api, owner, &category).await;
    // No route makes a draft yet.
    let client = mongodb::Client::with_uri_str(running.database.url()).await.unwrap();
    let courses = client.default_database().unwrap().collection::<Document>("courses");
    let id = doc! { "_id": course["id"].as_str().unwrap() };
    courses.update_one(id, doc! { "$set": { "status": "draft" } }).await.unwrap();

    let own = running.api.as_user(owner).get(&path).await.expect(200);
    assert_eq!((said(&own), &own.json::<Value>()["status"]), ("no-store", &json!("draft")));
    let tag = own.header("etag").unwrap();
    for other in [running.api.clone(), running.api.as_user(Uuid::now_v7())] {
        // Nor does knowing its version tell that it is there.
        for other in [other.clone(), other.with("if-none-match", tag), other.with("if-none-match", "*")] {
            let nothing = other.get(&path).await;
            nothing.problem(404, "not-found");
            assert_eq!(said(&nothing), "no-store");
        }
    }
}

#[tokio::test]
async fn who_has_the_version_is_told_so_until_it_changes() {
    let running = catalog().await;
    let category = category(&running.api, "Yazılım").await;
    let owner = Uuid::now_v7();
    let (_, course) = course(&running.api, owner, &category).await;
    let category = format!("/v1/categories/{category}");
    let owner = running.api.as_user(owner);
    for (path, changed, new) in [
        (course.as_str(), course.as_str(), "Rust 2"),
        ("/v1/courses", &course, "Rust 3"),
        (&category, &category, "Müzik"),
        ("/v1/categories", &category, "Dans"),
    ] {
        let first = running.api.get(path).await.expect(200);
        let tag = first.header("etag").unwrap();
        let knowing = |api: &Api| api.with("if-none-match", tag);
        for (api, keep) in [(&running.api, FOR_VISITORS), (&owner, FOR_ONE)] {
            let known = knowing(api).get(path).await.expect(304);
            assert_eq!(
                (known.body.len(), known.header("etag"), said(&known)),
                (0, Some(tag), keep),
                "{path}"
            );
        }

        let version = owner.get(changed).await.header("etag").unwrap().to_owned();
        let change = owner.with("if-match", &version).patch(changed, json!({ "name": new })).await;
        change.assert_status(200);
        let second = knowing(&running.api).get(path).await.expect(200);
        assert!(second.text().contains(new) && second.header("etag") != Some(tag), "{path}");
    }
}

#[tokio::test]
async fn a_page_of_a_list_has_one_tag_at_every_replica_and_another_than_the_next_page() {
    let running = catalog().await;
    for name in ["Ağaç", "Biçki", "Çeviri"] {
        category(&running.api, name).await;
    }
    // It fills its index at the start, so it knows all of them.
    let (other, _component) = running.replica().await;
    let first = running.api.get("/v1/categories?limit=2").await.expect(200);
    let same = other.get("/v1/categories?limit=2").await.expect(200);
    assert_eq!((same.header("etag"), same.text()), (first.header("etag"), first.text()));
    assert!(first.header("link").is_some());
    let next = first.json::<Value>()["next"].as_str().unwrap().to_owned();
    let next = running.api.get(&format!("/v1/categories?limit=2&cursor={next}")).await.expect(200);
    assert_ne!(next.header("etag"), first.header("etag"));
}
