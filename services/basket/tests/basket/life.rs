//! How the basket service starts, loses its servers, recovers and stops.

use basket::Basket;
use platform_service::{Component as _, spawn_for_test};
use platform_testkit::{Api, Binary, Redis, TcpProxy, TestIssuer, golden, life, secret_file};
use serde_json::Value;
use uuid::Uuid;

use crate::{BINARY, NO_BROKER, NO_CATALOG, Shop, add, course, id, path};

const NO_REDIS: &str = "redis://user:password@127.0.0.1:1/0";

#[tokio::test]
async fn a_wrong_setting_is_refused_with_one_line_that_names_it() {
    let (redis, broker, nonsense) = (secret_file(NO_REDIS), secret_file(NO_BROKER), secret_file("nonsense"));
    let good = Binary::new(BINARY)
        .env("REDIS_URL_FILE", path(&redis))
        .env("AMQP_URL_FILE", path(&broker))
        .env("CATALOG_URL", NO_CATALOG);
    let wrong = [
        ("REDIS_URL_FILE", ""),
        ("REDIS_URL_FILE", "/no/such/file"),
        ("REDIS_URL_FILE", path(&nonsense)),
        ("REDIS_KEY_PREFIX", " "),
        ("AMQP_URL_FILE", ""),
        ("AMQP_URL_FILE", path(&nonsense)),
        ("CATALOG_URL", ""),
        ("CATALOG_URL", "catalog:8080"),
        ("BASKET_DAYS", "0"),
    ];
    life::refuses_with_tokens(&good, &wrong, &["REDIS_URL_FILE", "AMQP_URL_FILE", "CATALOG_URL"]).await;
}

#[tokio::test]
async fn help_documents_every_setting() {
    let keys =
        ["JWKS_URI", "REDIS_URL_FILE", "REDIS_KEY_PREFIX", "AMQP_URL_FILE", "CATALOG_URL", "BASKET_DAYS"];
    life::help_documents(&Binary::new(BINARY), &keys).await;
}

#[tokio::test]
async fn a_store_that_is_away_is_named_and_waited_for() {
    let redis = Redis::database().await;
    let proxy = TcpProxy::to(redis.address()).await;
    proxy.refuse();
    let (url, broker) = (secret_file(&redis.url_through(proxy.address())), secret_file(NO_BROKER));
    let settings = [
        ("REDIS_URL_FILE", path(&url)),
        ("AMQP_URL_FILE", path(&broker)),
        ("CATALOG_URL", NO_CATALOG),
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
async fn sigterm_ends_it_with_success() {
    let (redis, broker) = (secret_file(NO_REDIS), secret_file(NO_BROKER));
    let binary = Binary::new(BINARY)
        .env("REDIS_URL_FILE", path(&redis))
        .env("AMQP_URL_FILE", path(&broker))
        .env("CATALOG_URL", NO_CATALOG);
    life::ends_on_sigterm(binary).await;
}

#[test]
fn the_api_description_is_up_to_date() {
    golden(
        concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"),
        &Basket::openapi().to_pretty_json().unwrap(),
    );
}
