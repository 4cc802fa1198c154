//! How the basket service starts, loses its servers, recovers and stops.

use std::time::Duration;

use basket::Basket;
use platform_service::{Component as _, spawn_for_test};
use platform_testkit::{Api, Binary, Redis, TcpProxy, eventually, golden, secret_file};
use serde_json::Value;
use uuid::Uuid;

use crate::{BINARY, NO_BROKER, NO_CATALOG, Shop, add, course, id, path};

const NO_REDIS: &str = "redis://user:password@127.0.0.1:1/0";

#[tokio::test]
async fn a_wrong_setting_is_refused_with_one_line_that_names_it() {
    let (redis, broker, wrong) = (secret_file(NO_REDIS), secret_file(NO_BROKER), secret_file("nonsense"));
    let good = Binary::new(BINARY)
        .env("REDIS_URL_FILE", path(&redis))
        .env("AMQP_URL_FILE", path(&broker))
        .env("CATALOG_URL", NO_CATALOG);
    for (key, value) in [
        ("LISTEN_ADDR", "nowhere"),
        ("PUBLIC_URL", "courses.example.com"),
        ("REDIS_URL_FILE", ""),
        ("REDIS_URL_FILE", "/no/such/file"),
        ("REDIS_URL_FILE", path(&wrong)),
        ("REDIS_KEY_PREFIX", " "),
        ("AMQP_URL_FILE", ""),
        ("AMQP_URL_FILE", path(&wrong)),
        ("CATALOG_URL", ""),
        ("CATALOG_URL", "catalog:8080"),
        ("BASKET_DAYS", "0"),
        ("LOG_FORMAT", "xml"),
        ("INSECURE_DEV_WRITES", "maybe"),
    ] {
        good.clone().env(key, value).refuses(key).await;
    }
    for key in ["REDIS_URL_FILE", "AMQP_URL_FILE", "CATALOG_URL", "PUBLIC_URL"] {
        good.clone().without(key).refuses(key).await;
    }
    let public = good.env("PUBLIC_URL", "https://courses.example.com").env("INSECURE_DEV_WRITES", "true");
    public.refuses("INSECURE_DEV_WRITES").await;
}

#[tokio::test]
async fn help_documents_every_setting() {
    let help = Binary::new(BINARY).succeeds(&["--help"]).await;
    for key in
        ["LISTEN_ADDR", "PUBLIC_URL", "REDIS_URL_FILE", "REDIS_KEY_PREFIX", "AMQP_URL_FILE", "CATALOG_URL"]
    {
        assert!(help.contains(&format!("[env: {key}]")), "{key} is missing in:\n{help}");
    }
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
        ("INSECURE_DEV_WRITES", "true"),
    ];
    let component = spawn_for_test::<Basket>(&settings).await.unwrap();
    let (api, admin) = (Api::new(component.url("")), Api::new(component.admin_url("")));
    let user = api.as_user(Uuid::now_v7());
    let ready = || async { admin.get("/readyz").await.status == 200 };
    let away = || async { !ready().await };
    eventually(Duration::from_secs(5), away).await;
    admin.get("/livez").await.assert_status(200);
    let report: Value = admin.get("/readyz").await.expect(503).json();
    let names: Vec<_> =
        report["dependencies"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["redis", "catalog", "rabbitmq"], "{report}");
    let busy = user.get("/v1/basket").await;
    busy.problem(503, "unavailable");
    assert!(busy.header("retry-after").is_some());

    proxy.heal();
    eventually(Duration::from_secs(10), ready).await;
    user.get("/v1/basket").await.assert_status(200);

    proxy.cut();
    eventually(Duration::from_secs(15), away).await;
    proxy.heal();
    eventually(Duration::from_secs(15), ready).await;
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
    let told = || async {
        let report: Value = basket.admin.get("/readyz").await.expect(200).json();
        let catalog =
            report["dependencies"].as_array().unwrap().iter().find(|it| it["name"] == "catalog").cloned();
        catalog.filter(|it| it["up"] == false)
    };
    eventually(Duration::from_secs(15), told).await;
}

#[tokio::test]
async fn sigterm_ends_it_with_success() {
    let (redis, broker) = (secret_file(NO_REDIS), secret_file(NO_BROKER));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let running = Binary::new(BINARY)
        .env("REDIS_URL_FILE", path(&redis))
        .env("AMQP_URL_FILE", path(&broker))
        .env("CATALOG_URL", NO_CATALOG)
        .env("ADMIN_ADDR", &port.to_string())
        .start();
    let admin = Api::new(format!("http://{port}"));
    let alive = || async {
        let answer = admin.try_send(http::Method::GET, "/livez", None, "").await;
        answer.is_ok_and(|answer| answer.status == 200)
    };
    eventually(Duration::from_secs(10), alive).await;
    let (code, log) = running.terminate().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("password"), "a secret is in the log: {log}");
}

#[test]
fn the_api_description_is_up_to_date() {
    golden(
        concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"),
        &Basket::openapi().to_pretty_json().unwrap(),
    );
}
