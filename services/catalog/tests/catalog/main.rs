//! The catalog as its users and its cluster see it, each test on a database of its own.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod categories;
mod courses;
mod kept;
mod life;
mod tokens;

use std::time::Duration;

use catalog::Catalog;
use platform_service::{TestComponent, spawn_for_test};
use platform_testkit::{Api, Binary, MongoDb, TestIssuer, eventually, secret_file};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use uuid::Uuid;

const BINARY: &str = env!("CARGO_BIN_EXE_catalog");
/// Nothing listens there: what these tests look at must work without the broker.
const NO_BROKER: &str = "amqp://user:password@127.0.0.1:1/none";

struct Running {
    api: Api,
    component: TestComponent,
    database: MongoDb,
    urls: [NamedTempFile; 2],
}

impl Running {
    /// Another replica on the same database.
    async fn replica(&self) -> (Api, TestComponent) {
        let [database, broker] = &self.urls;
        spawn(database, broker).await
    }
}

/// A migrated and ready catalog.
async fn catalog() -> Running {
    let database = MongoDb::database().await;
    let urls = [secret_file(database.url()), secret_file(NO_BROKER)];
    binary(&urls[0], &urls[1]).succeeds(&["migrate"]).await;
    let (api, component) = spawn(&urls[0], &urls[1]).await;
    Running { api, component, database, urls }
}

fn binary(database: &NamedTempFile, broker: &NamedTempFile) -> Binary {
    Binary::new(BINARY)
        .env("MONGODB_URL_FILE", database.path().to_str().unwrap())
        .env("AMQP_URL_FILE", broker.path().to_str().unwrap())
}

async fn spawn(database: &NamedTempFile, broker: &NamedTempFile) -> (Api, TestComponent) {
    let settings = [
        ("MONGODB_URL_FILE", database.path().to_str().unwrap()),
        ("AMQP_URL_FILE", broker.path().to_str().unwrap()),
        ("JWKS_URI", TestIssuer::shared().jwks_uri()),
    ];
    let component = spawn_for_test::<Catalog>(&settings).await.unwrap();
    let admin = Api::new(component.admin_url(""));
    eventually(Duration::from_secs(10), || async { admin.get("/readyz").await.status == 200 }).await;
    (Api::new(component.url("")), component)
}

/// A category's id.
async fn category(api: &Api, name: &str) -> String {
    let made = api.as_user(Uuid::now_v7()).post("/v1/categories", json!({ "name": name })).await.expect(201);
    made.json::<Value>()["id"].as_str().unwrap().to_owned()
}
