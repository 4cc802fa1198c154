//! Journeys through a running platform, on the cluster or as local processes alike: everything goes
//! through the gateway, as a browser or an API client would go.
//!
//! The platform is found by `BASE_URL`, or by `.run/env`, which `make up` and `make dev` write. A journey
//! makes what it needs under new ids and must not change what was there before, so that it can run against
//! a platform that people use, as often as one likes.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a journey that cannot go on must fail"
)]

mod browser;
pub mod people;

use std::path::Path;

use platform_testkit::Api;
use serde_json::{Value, json};
use uuid::Uuid;

pub use browser::{Browser, Page};
pub use people::{Person, administrator, new_instructor, new_user};

/// A visitor of the running platform.
///
/// # Panics
/// When no platform runs.
#[must_use]
pub fn visitor() -> Api {
    Api::new(base_url())
}

/// The platform's public address.
///
/// # Panics
/// When no platform runs.
#[must_use]
pub fn base_url() -> String {
    setting("BASE_URL").unwrap_or_else(|| {
        panic!("no running platform: `make up` or `make dev` starts one, or name it in BASE_URL")
    })
}

/// A value of the environment, else of `.run/env`; none when it is empty.
pub(crate) fn setting(key: &str) -> Option<String> {
    let written = || {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.run/env");
        let text = std::fs::read_to_string(file).ok()?;
        text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=').map(str::to_owned))
    };
    std::env::var(key).ok().or_else(written).filter(|value| !value.is_empty())
}

/// A name that no other journey uses, for what has a name of its own.
#[must_use]
pub fn unique(what: &str) -> String {
    let id = Uuid::new_v4().simple().to_string();
    format!("{what} {}", &id[..12])
}

/// A course in the catalog.
#[derive(Clone, Debug)]
pub struct Course {
    /// Its id.
    pub id: Uuid,
    /// Its name as it was made.
    pub name: String,
    /// Who may change it.
    pub owner: Api,
}

impl Course {
    /// A new course of a new instructor, in a category that is there or in a new one.
    pub async fn new() -> Self {
        let owner = new_instructor().await;
        let listed: Value = owner.get("/services/catalog/v1/categories").await.expect(200).json();
        let category = match listed["items"].as_array().and_then(|items| items.first()) {
            Some(category) => category["id"].clone(),
            None => {
                let wanted = json!({ "name": unique("Journeys") });
                let made = administrator().await.post("/services/catalog/v1/categories", wanted).await;
                made.expect(201).json::<Value>()["id"].clone()
            }
        };
        let name = unique("Journey");
        let wanted =
            json!({ "name": name, "category_id": category, "price": { "amount": 4990, "currency": "TRY" } });
        let made: Value = owner.post("/services/catalog/v1/courses", wanted).await.expect(201).json();
        Self { id: id(&made), name, owner }
    }

    /// Where the catalog has it.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/services/catalog/v1/courses/{}", self.id)
    }

    /// Gives it another name, as its instructor.
    pub async fn rename(&self, name: &str) {
        let now = self.owner.get(&self.path()).await.expect(200);
        let version = now.header("etag").expect("a course has an ETag").to_owned();
        self.owner
            .with("if-match", &version)
            .patch(&self.path(), json!({ "name": name }))
            .await
            .assert_status(200);
    }
}

/// The id in a document.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn id(document: &Value) -> Uuid {
    document["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no id in {document}"))
}
