//! A shop for tests: the order service on a database of its own, beside a real catalog and identity.

use catalog::Catalog;
use identity_testkit::TestIdentity;
use order::Ordering;
use platform_service::{TestComponent, spawn_for_test};
use platform_testkit::{Api, Binary, Engine, EngineDatabase, MongoDb, TcpProxy, life, secret_file};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use uuid::Uuid;

/// Nothing listens there: orders need no broker yet, nor does a catalog that only quotes.
const NO_BROKER: &str = "amqp://user:password@127.0.0.1:1/none";

/// A database for the order service.
pub(crate) struct Store {
    engine: Engine,
    url: NamedTempFile,
    secret: NamedTempFile,
    _database: EngineDatabase,
}

impl Store {
    pub(crate) async fn empty(engine: Engine) -> Self {
        let database = engine.database().await;
        let (url, secret) = (secret_file(&database.url()), secret_file("password"));
        Self { engine, url, secret, _database: database }
    }

    fn settings(&self) -> [(&str, &str); 2] {
        [("DATABASE_ENGINE", self.engine.setting()), ("DATABASE_URL_FILE", self.url.path().to_str().unwrap())]
    }

    pub(crate) fn binary(&self) -> Binary {
        let binary = Binary::new(env!("CARGO_BIN_EXE_order"))
            .env("CATALOG_URL", "http://127.0.0.1:1")
            .env("TOKEN_URL", "http://127.0.0.1:1/identity/token")
            .env("CLIENT_SECRET_FILE", self.secret.path().to_str().unwrap());
        self.settings().iter().fold(binary, |binary, (key, value)| binary.env(key, value))
    }
}

/// The order service and the catalog, running.
pub(crate) struct Shop {
    /// The order service's API.
    pub(crate) api: Api,
    /// Between the order service and the catalog.
    pub(crate) catalog_proxy: TcpProxy,
    /// Gives the order service its tokens.
    pub(crate) identity: TestIdentity,
    /// Teaches all courses.
    pub(crate) instructor: Uuid,
    catalog: Api,
    category: String,
    _components: [TestComponent; 2],
    _store: Store,
    _documents: MongoDb,
    _urls: [NamedTempFile; 2],
}

impl Shop {
    pub(crate) async fn open(engine: Engine) -> Self {
        Self::with(engine, TestIdentity::start().await).await
    }

    /// With an identity that may be out of reach.
    pub(crate) async fn with(engine: Engine, identity: TestIdentity) -> Self {
        let documents = MongoDb::database().await;
        let urls = [secret_file(documents.url()), secret_file(NO_BROKER)];
        let file = |index: usize| urls[index].path().to_str().unwrap();
        let settings =
            [("MONGODB_URL_FILE", file(0)), ("AMQP_URL_FILE", file(1)), ("JWKS_URI", identity.jwks_uri())];
        let catalog = spawn_for_test::<Catalog>(&settings).await.unwrap();
        let catalog_proxy = TcpProxy::to(catalog.api.to_string()).await;

        let store = Store::empty(engine).await;
        store.binary().succeeds(&["migrate"]).await;
        let catalog_url = format!("http://{}", catalog_proxy.address());
        let [engine, url] = store.settings();
        let settings = [
            engine,
            url,
            ("CATALOG_URL", &catalog_url),
            ("JWKS_URI", identity.jwks_uri()),
            ("TOKEN_URL", identity.token_url()),
            ("CLIENT_SECRET_FILE", identity.client_secret_file()),
        ];
        let order = spawn_for_test::<Ordering>(&settings).await.unwrap();
        for component in [&catalog, &order] {
            life::ready(&Api::new(component.admin_url(""))).await;
        }

        let instructor = Uuid::now_v7();
        let catalog_api = Api::new(catalog.url("")).as_user(instructor);
        let category: Value =
            catalog_api.post("/v1/categories", json!({ "name": "Programming" })).await.expect(201).json();
        Self {
            api: Api::new(order.url("")),
            catalog_proxy,
            identity,
            instructor,
            catalog: catalog_api,
            category: category["id"].as_str().unwrap().to_owned(),
            _components: [catalog, order],
            _store: store,
            _documents: documents,
            _urls: urls,
        }
    }

    /// A published course's id.
    pub(crate) async fn course(&self, name: &str, amount: i64) -> String {
        let body = json!({
            "name": name, "category_id": self.category, "price": { "amount": amount, "currency": "TRY" },
        });
        let course: Value = self.catalog.post("/v1/courses", body).await.expect(201).json();
        course["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn rename(&self, course: &str, name: &str) {
        let path = format!("/v1/courses/{course}");
        let tag = self.catalog.get(&path).await.expect(200).header("etag").unwrap().to_owned();
        let renamed = self.catalog.with("if-match", &tag).patch(&path, json!({ "name": name })).await;
        assert!(renamed.status.is_success(), "{}", renamed.text());
    }
}

/// The body of an order for these courses.
pub(crate) fn order_of(courses: &[&str]) -> Value {
    let lines: Vec<_> = courses.iter().map(|course| json!({ "course_id": course })).collect();
    json!({
        "address": {
            "province": "İzmir", "district": "Karşıyaka", "street": "Cemal Gürsel Cd.",
            "zip_code": "35600", "line": "No 12, D 3",
        },
        "lines": lines,
    })
}
