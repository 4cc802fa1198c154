//! How the catalog service starts, migrates, loses its servers, recovers and stops.

use std::time::Duration;

use crate::{BINARY, NO_BROKER, binary};
use catalog::Catalog;
use platform_service::{Component as _, spawn_for_test};
use platform_testkit::{Api, Binary, MongoDb, TcpProxy, TestIssuer, eventually, golden, life, secret_file};
use serde_json::{Value, json};
use uuid::Uuid;

const NO_DATABASE: &str = "mongodb://user:password@127.0.0.1:1/none";

#[tokio::test]
async fn a_wrong_setting_is_refused_with_one_line_that_names_it() {
    let (database, broker) = (secret_file(NO_DATABASE), secret_file(NO_BROKER));
    let good = binary(&database, &broker);
    let wrong = ["nonsense", "", "postgres://127.0.0.1/catalog", "mongodb://127.0.0.1"].map(secret_file);
    for file in &wrong {
        good.clone().env("MONGODB_URL_FILE", file.path().to_str().unwrap()).refuses("MONGODB_URL_FILE").await;
    }
    let wrong = [
        ("MONGODB_URL_FILE", ""),
        ("MONGODB_URL_FILE", "/no/such/file"),
        ("MONGODB_MAX_CONNECTIONS", "0"),
        ("AMQP_URL_FILE", ""),
        ("AMQP_URL_FILE", wrong[0].path().to_str().unwrap()),
        ("CURRENCY", "lira"),
    ];
    life::refuses_with_tokens(&good, &wrong, &["MONGODB_URL_FILE", "AMQP_URL_FILE"]).await;
}

#[tokio::test]
async fn help_documents_every_setting() {
    life::help_documents(
        &Binary::new(BINARY),
        &["JWKS_URI", "MONGODB_URL_FILE", "AMQP_URL_FILE", "CURRENCY"],
    )
    .await;
}

#[tokio::test]
async fn migrations_and_demo_data_may_come_twice_and_at_the_same_time() {
    let running = crate::catalog().await;
    let (database, broker) = (secret_file(running.database.url()), secret_file(NO_BROKER));
    let binary = binary(&database, &broker);
    tokio::join!(binary.succeeds(&["migrate"]), binary.succeeds(&["migrate"]), binary.succeeds(&["migrate"]));
    tokio::join!(binary.succeeds(&["seed"]), binary.succeeds(&["seed"]));
    let count = |list: &str| {
        let (api, path) = (running.api.clone(), format!("/v1/{list}?limit=100"));
        async move { api.get(&path).await.expect(200).json::<Value>()["items"].as_array().unwrap().len() }
    };
    let there = || async { (count("categories").await, count("courses").await) == (6, 12) };
    eventually(Duration::from_secs(15), there).await;

    let courses: Value = running.api.get("/v1/courses").await.expect(200).json();
    let course = &courses["items"][0];
    let path = format!("/v1/courses/{}", course["id"].as_str().unwrap());
    let owner =
        running.api.as_user(course["owner"].as_str().unwrap().parse().unwrap()).with("if-match", "\"1\"");
    owner.patch(&path, json!({ "name": "Renamed" })).await.assert_status(200);
    binary.succeeds(&["seed"]).await;
    let after: Value = running.api.get(&path).await.expect(200).json();
    assert_eq!(after["name"], "Renamed", "demo data came over what somebody changed");
    assert!(there().await);
}

#[tokio::test]
async fn a_database_that_is_away_is_named_and_waited_for() {
    let database = MongoDb::database().await;
    let (direct, broker) = (secret_file(database.url()), secret_file(NO_BROKER));
    binary(&direct, &broker).succeeds(&["migrate"]).await;
    let proxy = TcpProxy::to(database.address()).await;
    proxy.refuse();
    let url = secret_file(&database.url_through(proxy.address()));
    let settings = [
        ("MONGODB_URL_FILE", url.path().to_str().unwrap()),
        ("AMQP_URL_FILE", broker.path().to_str().unwrap()),
        ("JWKS_URI", TestIssuer::shared().jwks_uri()),
    ];

    let component = spawn_for_test::<Catalog>(&settings).await.unwrap();
    let (api, admin) = (Api::new(component.url("")), Api::new(component.admin_url("")));
    life::not_ready_for(&admin, "mongodb").await;
    let user = api.as_user(Uuid::now_v7());
    let busy = user.post("/v1/categories", json!({ "name": "Yazılım" })).await;
    busy.problem(503, "unavailable");
    assert!(busy.header("retry-after").is_some());
    api.get("/v1/courses").await.problem(503, "unavailable");

    proxy.heal();
    life::ready(&admin).await;
    user.post("/v1/categories", json!({ "name": "Yazılım" })).await.assert_status(201);

    proxy.refuse();
    proxy.reset();
    life::not_ready_for(&admin, "mongodb").await;
    let list: Value = api.get("/v1/categories").await.expect(200).json();
    assert_eq!(list["items"][0]["name"], "Yazılım", "lists need no database once they are filled");
    proxy.heal();
    life::ready(&admin).await;
    user.post("/v1/categories", json!({ "name": "Müzik" })).await.assert_status(201);
}

#[tokio::test]
async fn a_broker_that_is_away_is_told_and_takes_nothing_down() {
    let running = crate::catalog().await;
    let admin = Api::new(running.component.admin_url(""));
    life::ready_without(&admin, "rabbitmq").await;
}

#[tokio::test]
async fn sigterm_ends_it_with_success() {
    let (database, broker) = (secret_file(NO_DATABASE), secret_file(NO_BROKER));
    life::ends_on_sigterm(binary(&database, &broker)).await;
}

#[test]
fn the_api_description_is_up_to_date() {
    golden(
        concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"),
        &Catalog::openapi().to_pretty_json().unwrap(),
    );
}
