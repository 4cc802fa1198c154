//! Photos over HTTP, in a real folder.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::io::Cursor;

use http::Method;
use photostock::Photostock;
use platform_service::{Component as _, TestComponent, spawn_for_test};
use platform_testkit::{Answer, Api, TestIssuer, bad_tokens, routes};
use serde_json::Value;
use uuid::Uuid;

struct Running {
    api: Api,
    _component: TestComponent,
    folder: tempfile::TempDir,
}

async fn photostock() -> Running {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("PHOTOS_DIR", folder.path().to_str().unwrap()),
        ("JWKS_URI", TestIssuer::shared().jwks_uri()),
        ("MAX_PHOTO_BYTES", "300000"),
        ("MAX_PHOTO_PIXELS", "2000"),
    ];
    let component = spawn_for_test::<Photostock>(&settings).await.unwrap();
    let api = Api::new(component.url("")).as_user(Uuid::now_v7());
    Running { api, _component: component, folder }
}

fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let pixels =
        image::RgbImage::from_fn(width, height, |x, y| image::Rgb([(x / 8) as u8, (y / 8) as u8, 7]));
    image::DynamicImage::from(pixels).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

async fn upload(api: &Api, bytes: Vec<u8>) -> Answer {
    api.send(Method::POST, "/v1/photos", Some("application/octet-stream"), bytes).await
}

/// The path of a rendition below the service itself.
fn path(photo: &Value, size: usize) -> String {
    photo["renditions"][size]["url"]
        .as_str()
        .unwrap()
        .strip_prefix("http://localhost:8080")
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_photo_is_kept_and_served_for_ever() {
    let running = photostock().await;
    let made = upload(&running.api, picture(1600, 900)).await.expect(201);
    let photo: Value = made.json();
    let id = photo["id"].as_str().unwrap();
    let location = format!("http://localhost:8080/services/photostock/v1/photos/{id}");
    assert_eq!(made.header("location"), Some(location.as_str()));

    let visitor = Api::new(running.api.base());
    let card = visitor.get(&path(&photo, 0)).await.expect(200);
    assert_eq!(card.header("content-type"), Some("image/webp"));
    assert_eq!(card.header("cache-control"), Some("public, max-age=31536000, immutable"));
    let decoded = image::load_from_memory(&card.body).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (480, 270));

    let tag = card.header("etag").unwrap();
    for known in [tag.to_owned(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let same = visitor.with("if-none-match", &known).get(&path(&photo, 0)).await.expect(304);
        assert_eq!(same.header("cache-control"), Some("public, max-age=31536000, immutable"), "{known}");
    }
    assert_ne!(visitor.get(&path(&photo, 1)).await.expect(200).header("etag"), Some(tag));
    let links: Value = visitor.get(&format!("/v1/photos/{id}")).await.expect(200).json();
    assert_eq!(links["card"], photo["renditions"][0]["url"]);
}

#[tokio::test]
async fn a_part_of_a_photo_is_served() {
    let running = photostock().await;
    let photo: Value = upload(&running.api, picture(600, 400)).await.expect(201).json();
    let path = path(&photo, 1);
    let whole = running.api.get(&path).await.expect(200);
    let total = whole.body.len();

    for (range, first, last) in [
        ("bytes=0-9", 0, 9),
        ("bytes=5-", 5, total - 1),
        ("bytes=-4", total - 4, total - 1),
        ("bytes=0-99999999", 0, total - 1),
    ] {
        let part = running.api.with("range", range).get(&path).await.expect(206);
        assert_eq!(
            part.header("content-range"),
            Some(format!("bytes {first}-{last}/{total}").as_str()),
            "{range}"
        );
        assert_eq!(part.body, whole.body[first..=last], "{range}");
    }
    for ignored in ["bytes=9-5", "bytes=x-y", "lines=1-2", "bytes=0-1,4-5", "bytes"] {
        running.api.with("range", ignored).get(&path).await.assert_status(200);
    }
    let beyond = running.api.with("range", "bytes=99999999-").get(&path).await.expect(416);
    assert_eq!(beyond.header("content-range"), Some(format!("bytes */{total}").as_str()));
}

#[tokio::test]
async fn what_is_no_photo_is_refused_and_nothing_is_kept() {
    let running = photostock().await;
    let mut cut = picture(64, 64);
    cut.truncate(100);
    for bytes in [Vec::new(), b"<svg onload=alert(1)>".to_vec(), b"GIF89a".to_vec(), cut, picture(2001, 8)] {
        upload(&running.api, bytes).await.problem(422, "not-a-photo");
    }
    upload(&running.api, vec![0; 300_001]).await.problem(413, "too-large");
    let visitor = Api::new(running.api.base());
    upload(&visitor, picture(8, 8)).await.problem(401, "unauthenticated");
    assert!(!running.folder.path().join("photos").exists());
}

#[tokio::test]
async fn names_never_reach_outside_the_folder() {
    let running = photostock().await;
    std::fs::write(running.folder.path().join("secret.webp"), "secret").unwrap();
    let id = "a".repeat(64);
    for path in [
        "/photos/../secret.webp".to_owned(),
        "/photos/..%2fsecret/card.webp".to_owned(),
        format!("/photos/{id}/card.webp"),
        format!("/photos/{id}/..%2f..%2f..%2fsecret.webp"),
        format!("/photos/{id}/original.webp"),
        format!("/photos/{}/card.webp", "A".repeat(64)),
        "/v1/photos/..%2f..%2fsecret".to_owned(),
    ] {
        running.api.get(&path).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn every_route_demands_what_the_table_says() {
    let running = photostock().await;
    let document = serde_json::to_value(Photostock::openapi()).unwrap();
    routes::check(&Api::new(running.api.base()), "photostock", &document).await;
}

#[tokio::test]
async fn no_wrong_token_is_accepted() {
    let running = photostock().await;
    bad_tokens::check(
        &Api::new(running.api.base()),
        "photostock",
        http::Method::POST,
        "/v1/photos",
        "photo.write",
    )
    .await;
}
