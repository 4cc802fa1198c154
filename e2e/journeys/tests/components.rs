//! Each of the nine components answers through the gateway, over its own store.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::io::Cursor;

use http::Method;
use platform_journeys::{Course, base_url, id, new_instructor, new_user, unique, visitor};
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn identity_publishes_where_it_is_and_its_keys() {
    let issuer = format!("{}/identity", base_url());
    for path in
        ["/identity/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/identity"]
    {
        let found: Value = visitor().get(path).await.expect(200).json();
        assert_eq!(found["issuer"], issuer, "{path}");
    }
    let keys: Value = visitor().get("/identity/jwks").await.expect(200).json();
    let key = &keys["keys"][0];
    assert_eq!(
        (key["kty"].as_str(), key["crv"].as_str(), key["alg"].as_str()),
        (Some("EC"), Some("P-256"), Some("ES256"))
    );
    assert!(key["kid"].is_string() && key.get("d").is_none(), "{key}");
}

#[tokio::test]
async fn catalog_keeps_a_course() {
    let course = Course::new().await;
    let found: Value = visitor().get(&course.path()).await.expect(200).json();
    assert_eq!((id(&found), found["name"].as_str()), (course.id, Some(course.name.as_str())));
}

#[tokio::test]
async fn basket_keeps_what_was_put_into_it() {
    let course = Course::new().await;
    let user = new_user().await;
    user.post("/services/basket/v1/basket/items", json!({ "course_id": course.id })).await.assert_status(201);
    let basket: Value = user.get("/services/basket/v1/basket").await.expect(200).json();
    assert_eq!(basket["items"][0]["name"], course.name);
    assert_eq!(basket["total"], json!({ "amount": 4990, "currency": "TRY" }));
}

#[tokio::test]
async fn discount_keeps_a_coupon() {
    let instructor = new_instructor().await;
    let wanted = json!({ "reduction": { "percent": 20 } });
    let made: Value = instructor.post("/services/discount/v1/coupons", wanted).await.expect(201).json();
    let path = format!("/services/discount/v1/coupons/{}", id(&made));
    let found: Value = instructor.get(&path).await.expect(200).json();
    assert_eq!(found["code"], made["code"]);
    new_instructor().await.get(&path).await.problem(404, "not-found");
}

#[tokio::test]
async fn order_keeps_what_was_bought_at_the_price_of_the_catalog() {
    let course = Course::new().await;
    let buyer = new_user().await;
    let wanted = json!({
        "address": {
            "province": "İzmir", "district": "Karşıyaka", "street": "Cemal Gürsel Cd.",
            "zip_code": "35600", "line": "No 12, D 3",
        },
        "lines": [{ "course_id": course.id }],
    });
    let once = buyer.with("idempotency-key", &Uuid::new_v4().to_string());
    let placed: Value = once.post("/services/order/v1/orders", wanted.clone()).await.expect(201).json();
    let again: Value = once.post("/services/order/v1/orders", wanted).await.expect(201).json();
    assert_eq!(again, placed, "the same key is the same order");
    let path = format!("/services/order/v1/orders/{}", id(&placed));
    let found: Value = buyer.get(&path).await.expect(200).json();
    assert_eq!(found["total"], json!({ "amount": 4990, "currency": "TRY" }));
    new_user().await.get(&path).await.problem(404, "not-found");
}

#[tokio::test]
async fn payment_takes_a_card_and_lets_no_user_charge_it() {
    let buyer = new_user().await;
    let card =
        json!({ "number": "4242424242424242", "expiry": "2045-09", "cvc": "123", "holder": "Ayşe Yılmaz" });
    let token: Value = buyer.post("/services/payment/v1/cards", card).await.expect(201).json();
    assert!(token["card_token"].is_string() && !token.to_string().contains("4242424242424242"), "{token}");
    let charge = json!({ "card_token": token["card_token"] });
    for path in ["/services/payment/v1/payments", "/services/payment/internal/v1/payments"] {
        let refused = buyer.post(path, charge.clone()).await;
        assert!(matches!(refused.status.as_u16(), 404 | 405), "{path} answered {}", refused.status);
    }
}

#[tokio::test]
async fn photostock_keeps_a_photo_and_serves_it_to_everybody() {
    let mut png = Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(640, 360).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let made = new_instructor()
        .await
        .send(
            Method::POST,
            "/services/photostock/v1/photos",
            Some("application/octet-stream"),
            png.into_inner(),
        )
        .await
        .expect(201);
    let photo: Value = made.json();
    let address = photo["renditions"][0]["url"].as_str().unwrap();
    let path = address.strip_prefix(&base_url()).expect("photos have the platform's own address");
    assert_eq!(visitor().get(path).await.expect(200).header("content-type"), Some("image/webp"));
}

#[tokio::test]
async fn gateway_describes_every_api_and_opens_nothing_else() {
    for service in ["identity", "catalog", "basket", "discount", "order", "payment", "photostock"] {
        let described: Value =
            visitor().get(&format!("/services/{service}/openapi.json")).await.expect(200).json();
        assert!(described["openapi"].is_string(), "{service}");
        let internal = visitor().get(&format!("/services/{service}/internal/v1/anything")).await;
        assert_eq!(internal.status, 404, "{service}");
    }
}

#[tokio::test]
async fn web_shows_a_page() {
    let home = visitor().get("/").await.expect(200);
    assert!(home.header("content-type").unwrap().starts_with("text/html"));
    assert!(home.header("content-security-policy").is_some());
}

#[tokio::test]
async fn what_is_nowhere_is_a_problem_and_names_are_not_given_away() {
    let name = unique("nobody").replace(' ', "-");
    visitor().get(&format!("/services/{name}/v1/things")).await.assert_status(404);
    visitor()
        .get(&format!("/services/catalog/v1/courses/{}", Uuid::new_v4()))
        .await
        .problem(404, "not-found");
}
