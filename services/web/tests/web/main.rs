//! The shop's pages as browsers and the cluster see them: through the real gateway on a real catalog.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod kept;
mod life;
mod pages;

use std::time::Duration;

use catalog::Catalog;
use gateway::Gateway;
use platform_components::Name;
use platform_service::{Component, TestComponent, spawn_for_test};
use platform_testkit::{Api, MongoDb, Redis, TestIssuer, eventually, secret_file};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use uuid::Uuid;
use web::Web;

const BINARY: &str = env!("CARGO_BIN_EXE_web");
/// Far more than anything here takes.
const SOON: Duration = Duration::from_secs(30);

struct Shop {
    /// The pages, as a browser that prefers English.
    web: Api,
    catalog: Api,
    components: [TestComponent; 3],
    _stores: (MongoDb, Redis),
    /// The last one holds the gateway's routes.
    files: [NamedTempFile; 4],
}

impl Shop {
    async fn open() -> Self {
        let stores = (MongoDb::database().await, Redis::database().await);
        let broker = secret_file("amqp://user:password@127.0.0.1:1/none");
        let (mongodb, redis) = (secret_file(stores.0.url()), secret_file(stores.1.url()));
        let settings = [
            ("MONGODB_URL_FILE", path(&mongodb)),
            ("AMQP_URL_FILE", path(&broker)),
            ("JWKS_URI", TestIssuer::shared().jwks_uri()),
        ];
        let catalog = start::<Catalog>(&settings).await;
        let mut routes = platform_components::routes_file(|name| match name {
            Name::Catalog => catalog.url(""),
            _ => "http://127.0.0.1:1".to_owned(),
        });
        // Nobody is there to exchange tokens, and no page needs one.
        routes.routes.iter_mut().for_each(|route| route.exchange = false);
        let routes = secret_file(&serde_norway::to_string(&routes).unwrap());
        let settings = [("ROUTES_FILE", path(&routes)), ("JWKS_URI", TestIssuer::shared().jwks_uri())];
        let gateway = start::<Gateway>(&settings).await;
        let (gateway_url, prefix) = (gateway.url(""), stores.1.prefix().to_owned());
        let web = start::<Web>(&[
            ("GATEWAY_URL", &gateway_url),
            ("REDIS_URL_FILE", path(&redis)),
            ("REDIS_KEY_PREFIX", &prefix),
        ])
        .await;
        Self {
            web: Api::new(web.url("")).with("accept-language", "en"),
            catalog: Api::new(catalog.url("")),
            components: [catalog, gateway, web],
            _stores: stores,
            files: [mongodb, redis, broker, routes],
        }
    }

    async fn category(&self, name: &str) -> Value {
        let api = self.catalog.as_user(Uuid::now_v7());
        api.post("/v1/categories", json!({ "name": name })).await.expect(201).json()
    }

    async fn course(&self, name: &str, category: &Value) -> Value {
        let body = json!({
            "name": name, "category_id": category["id"], "language": "tr",
            "price": { "amount": 129_990, "currency": "TRY" }, "description": "İlk satır\n\nSon satır",
        });
        self.catalog.as_user(Uuid::now_v7()).post("/v1/courses", body).await.expect(201).json()
    }
}

async fn start<C: Component>(settings: &[(&str, &str)]) -> TestComponent
where
    C::Settings: Sync,
{
    let component = spawn_for_test::<C>(settings).await.unwrap();
    let admin = Api::new(component.admin_url(""));
    eventually(SOON, || async { admin.get("/readyz").await.status == 200 }).await;
    component
}

fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}
