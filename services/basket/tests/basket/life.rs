//! How the basket service starts, loses its servers, recovers and stops.

use basket::Basket;
use platform_service::{Component as _, spawn_for_test};
use platform_testkit::{Api, Binary, Redis, TcpProxy, TestIssuer, golden, life, secret_file};
use serde_json::Value;
use tempfile::NamedTempFile;
use uuid::Uuid;

use crate::{BINARY, NO_BROKER, NO_CATALOG, NO_IDENTITY, Shop, add, course, id, path};

const NO_REDIS: &str = "redis://user:password@127.0.0.1:1/0";

#[tokio::test]
async fn a_wrong_setting_is_refused_with_one_line_that_names_it() {
    let (redis, broker, nonsense) = (secret_file(NO_REDIS), secret_file(NO_BROKER), secret_file("nonsense"));
    let (secret, empty) = (secret_file("password"), secret_file(""));
    let good = binary(&redis, &broker, &secret);
    let wrong = [
        ("REDIS_URL_FILE", ""),
        ("REDIS_URL_FILE", "/no/such/file"),
        ("REDIS_URL_FILE", path(&nonsense)),
        ("REDIS_KEY_PREFIX", " "),
        ("AMQP_URL_FILE", ""),
        ("AMQP_URL_FILE", path(&nonsense)),
        ("CATALOG_URL", ""),
        ("CATALOG_URL", "catalog:8080"),
        ("TOKEN_URL", ""),
        ("TOKEN_URL", "identity:8080"),
        ("CLIENT_SECRET_FILE", "/no/such/file"),
        ("CLIENT_SECRET_FILE", path(&empty)),
        ("BASKET_DAYS", "0"),
    ];
    let required = ["REDIS_URL_FILE", "AMQP_URL_FILE", "CATALOG_URL", "TOKEN_URL", "CLIENT_SECRET_FILE"];
    life::refuses_with_tokens(&good, &wrong, &required).await;
}

#[tokio::test]
async fn help_documents_every_setting() {
    let keys = [
        "JWKS_URI",
        "TOKEN_URL",
        "CLIENT_SECRET_FILE",
        "REDIS_URL_FILE",
        "REDIS_KEY_PREFIX",
        "AMQP_URL_FILE",
        "CATALOG_URL",
        "BASKET_DAYS",
    ];
    life::help_documents(&Binary::new(BINARY), &keys).await;
}

#[tokio::test]
async fn a_store_that_is_away_is_named_and_waited_for() {
    let redis = Redis::database().await;
    let proxy = TcpProxy::to(redis.address()).await;
    proxy.refuse();
    let (url, broker) = (secret_file(&redis.url_through(proxy.address())), secret_file(NO_BROKER));
    let secret = secret_file("password");
    let settings = [
        ("REDIS_URL_FILE", path(&url)),
        ("AMQP_URL_FILE", path(&broker)),
        ("CATALOG_URL", NO_CATALOG),
        ("TOKEN_URL", NO_IDENTITY),
        ("CLIENT_SECRET_FILE", path(&secret)),
        ("JWKS_URI", TestIssuer::shared().jwks_uri()),
    ];
    let component = spawn_for_test::<Basket>(&settings).await.unwrap();
    let (api, admin) = (Api::new(component.url("")), Api::new(component.admin_url("")));
    let user = api.as_user(Uuid::now_v7());
    life::not_ready_for(&admin, "redis").await;
    let busy = user.get("/v1/basket").await;
    busy.problem(503, "unavailable");
    assert!(busy.header("retry-after").is_some());

    proxy.heal();
    life::ready(&admin).await;
    user.get("/v1/basket").await.assert_status(200);

    proxy.cut();
    life::not_ready_for(&admin, "redis").await;
    proxy.heal();
    life::ready(&admin).await;
    user.get("/v1/basket").await.assert_status(200);
}

#[tokio::test]
async fn without_the_catalog_baskets_are_shown_and_emptied_and_nothing_is_added() {
    let shop = Shop::without_broker().await;
    let catalog = shop.catalog().await;
    let basket = shop.basket(&catalog).await;
    let user = Uuid::now_v7();
    let rust = id(&course(&catalog.api, "Rust").await.1);
    add(&basket.api, user, rust).await.assert_status(201);

    catalog.component.stop().await.unwrap();
    add(&basket.api, user, Uuid::now_v7()).await.problem(503, "unavailable");
    let api = basket.api.as_user(user);
    let shown: Value = api.get("/v1/basket").await.expect(200).json();
    assert_eq!(shown["items"][0]["name"], "Rust");
    api.delete(&format!("/v1/basket/items/{rust}")).await.assert_status(204);
    life::ready_without(&basket.admin, "catalog").await;
}

#[tokio::test]
async fn without_identity_baskets_are_shown_and_nothing_is_added_until_it_is_back() {
    let shop = Shop::without_broker().await;
    let catalog = shop.catalog().await;
    shop.identity.network.refuse();
    let basket = shop.basket(&catalog).await;
    life::ready_without(&basket.admin, "identity-tokens").await;
    let user = Uuid::now_v7();
    let rust = id(&course(&catalog.api, "Rust").await.1);
    let busy = add(&basket.api, user, rust).await;
    busy.problem(503, "unavailable");
    assert!(busy.header("retry-after").is_some());
    basket.api.as_user(user).get("/v1/basket").await.assert_status(200);

    shop.identity.network.heal();
    // After a failure a moment passes before identity is asked again.
    life::ready_with(&basket.admin, "identity-tokens").await;
    add(&basket.api, user, rust).await.assert_status(201);
    // What was given serves on.
    shop.identity.network.refuse();
    shop.identity.network.reset();
    add(&basket.api, user, id(&course(&catalog.api, "SQL").await.1)).await.assert_status(201);
}

#[tokio::test]
async fn sigterm_ends_it_with_success() {
    let (redis, broker, secret) = (secret_file(NO_REDIS), secret_file(NO_BROKER), secret_file("password"));
    life::ends_on_sigterm(binary(&redis, &broker, &secret)).await;
}

/// The binary with settings that are right, and servers that are not there.
fn binary(redis: &NamedTempFile, broker: &NamedTempFile, secret: &NamedTempFile) -> Binary {
    Binary::new(BINARY)
        .env("REDIS_URL_FILE", path(redis))
        .env("AMQP_URL_FILE", path(broker))
        .env("CATALOG_URL", NO_CATALOG)
        .env("TOKEN_URL", NO_IDENTITY)
        .env("CLIENT_SECRET_FILE", path(secret))
}

#[test]
fn the_api_description_is_up_to_date() {
    golden(
        concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"),
        &Basket::openapi().to_pretty_json().unwrap(),
    );
}
