//! The basket as its users and its cluster see it: a real catalog and identity beside it, each on a store of the
//! test's own.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod baskets;
mod life;
mod rename;
mod tokens;

use std::time::Duration;

use basket::Basket;
use catalog::Catalog;
use identity_testkit::TestIdentity;
use platform_service::{Component, TestComponent, spawn_for_test};
use platform_testkit::{Answer, Api, MongoDb, Redis, eventually, secret_file};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use uuid::Uuid;

const BINARY: &str = env!("CARGO_BIN_EXE_basket");
/// Nothing listens there.
const NO_BROKER: &str = "amqp://user:password@127.0.0.1:1/none";
const NO_CATALOG: &str = "http://127.0.0.1:1";
const NO_IDENTITY: &str = "http://127.0.0.1:1/identity/token";
/// Far more than anything here takes.
const SOON: Duration = Duration::from_secs(30);

/// A running component.
struct Running {
    api: Api,
    admin: Api,
    component: TestComponent,
    /// Read again at each attempt to connect.
    #[allow(dead_code, reason = "kept for as long as the component runs")]
    urls: Vec<NamedTempFile>,
}

/// Starts a component and waits until it is ready.
async fn start<C: Component>(settings: &[(&str, &str)]) -> Running
where
    C::Settings: Sync,
{
    let component = spawn_for_test::<C>(settings).await.unwrap();
    let (api, admin) = (Api::new(component.url("")), Api::new(component.admin_url("")));
    eventually(SOON, || async { admin.get("/readyz").await.status == 200 }).await;
    Running { api, admin, component, urls: Vec::new() }
}

/// The stores of both services, how each reaches the broker, and who gives them tokens.
struct Shop {
    mongodb: MongoDb,
    redis: Redis,
    catalog_broker: String,
    basket_broker: String,
    identity: TestIdentity,
}

impl Shop {
    /// A shop whose broker is away.
    async fn without_broker() -> Self {
        Self::with_brokers(NO_BROKER.to_owned(), NO_BROKER.to_owned()).await
    }

    async fn with_brokers(catalog_broker: String, basket_broker: String) -> Self {
        let (mongodb, redis) = (MongoDb::database().await, Redis::database().await);
        Self { mongodb, redis, catalog_broker, basket_broker, identity: TestIdentity::start().await }
    }

    async fn catalog(&self) -> Running {
        let urls = vec![secret_file(self.mongodb.url()), secret_file(&self.catalog_broker)];
        let settings = [
            ("MONGODB_URL_FILE", path(&urls[0])),
            ("AMQP_URL_FILE", path(&urls[1])),
            ("JWKS_URI", self.identity.jwks_uri()),
        ];
        let running = start::<Catalog>(&settings).await;
        Running { urls, ..running }
    }

    async fn basket(&self, catalog: &Running) -> Running {
        let urls = vec![secret_file(self.redis.url()), secret_file(&self.basket_broker)];
        let settings = [
            ("REDIS_URL_FILE", path(&urls[0])),
            ("REDIS_KEY_PREFIX", self.redis.prefix()),
            ("AMQP_URL_FILE", path(&urls[1])),
            ("CATALOG_URL", catalog.api.base()),
            ("JWKS_URI", self.identity.jwks_uri()),
            ("TOKEN_URL", self.identity.token_url()),
            ("CLIENT_SECRET_FILE", self.identity.client_secret_file()),
        ];
        let running = start::<Basket>(&settings).await;
        Running { urls, ..running }
    }
}

fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

/// A course for sale by somebody; its answer has the tag of its version.
async fn course(catalog: &Api, name: &str) -> (Uuid, Answer) {
    let owner = Uuid::now_v7();
    let api = catalog.as_user(owner);
    let category =
        api.post("/v1/categories", json!({ "name": format!("Category {owner}") })).await.expect(201);
    let body = json!({
        "name": name, "category_id": category.json::<Value>()["id"], "price": { "amount": 1999, "currency": "TRY" },
    });
    (owner, api.post("/v1/courses", body).await.expect(201))
}

/// The id in an answer.
fn id(answer: &Answer) -> Uuid {
    answer.json::<Value>()["id"].as_str().unwrap().parse().unwrap()
}

async fn add(basket: &Api, user: Uuid, course: Uuid) -> Answer {
    basket.as_user(user).post("/v1/basket/items", json!({ "course_id": course })).await
}

/// The version of somebody's basket and the name of its only course.
async fn seen(basket: &Api, user: Uuid) -> (i64, String) {
    let basket: Value = basket.as_user(user).get("/v1/basket").await.expect(200).json();
    let name = basket["items"][0]["name"].as_str().unwrap_or_default().to_owned();
    (basket["version"].as_i64().unwrap(), name)
}
