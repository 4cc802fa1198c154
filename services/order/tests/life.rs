//! How the order service starts, migrates, loses its database, recovers and stops.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use order::Ordering;
use platform_service::{Component as _, spawn_for_test};
use platform_testkit::{Api, Binary, Postgres, TcpProxy, TestIssuer, golden, life, secret_file};
use tempfile::NamedTempFile;
use uuid::Uuid;

const BINARY: &str = env!("CARGO_BIN_EXE_order");
const NO_CATALOG: &str = "http://127.0.0.1:1";
const NO_IDENTITY: &str = "http://127.0.0.1:1/identity/token";
const NO_DATABASE: &str = "postgres://user:password@127.0.0.1:1/none";

#[tokio::test]
async fn a_wrong_setting_is_refused_with_one_line_that_names_it() {
    let (url, not_a_url, empty) = (secret_file(NO_DATABASE), secret_file("nonsense"), secret_file(""));
    let secret = secret_file("password");
    let good = binary(&url, &secret);
    let wrong = [
        ("DATABASE_URL_FILE", ""),
        ("DATABASE_URL_FILE", "/no/such/file"),
        ("DATABASE_URL_FILE", not_a_url.path().to_str().unwrap()),
        ("DATABASE_URL_FILE", empty.path().to_str().unwrap()),
        ("DATABASE_MAX_CONNECTIONS", "0"),
        ("DATABASE_ENGINE", "oracle"),
        ("DATABASE_ENGINE", ""),
        ("CATALOG_URL", ""),
        ("CATALOG_URL", "catalog:8080"),
        ("TOKEN_URL", ""),
        ("TOKEN_URL", "identity:8080"),
        ("CLIENT_SECRET_FILE", "/no/such/file"),
        ("CLIENT_SECRET_FILE", empty.path().to_str().unwrap()),
    ];
    let required = ["DATABASE_URL_FILE", "CATALOG_URL", "TOKEN_URL", "CLIENT_SECRET_FILE"];
    life::refuses_with_tokens(&good, &wrong, &required).await;
}

#[tokio::test]
async fn help_documents_every_setting() {
    let keys = [
        "JWKS_URI",
        "TOKEN_URL",
        "CLIENT_SECRET_FILE",
        "DATABASE_URL_FILE",
        "DATABASE_ENGINE",
        "CATALOG_URL",
    ];
    life::help_documents(&Binary::new(BINARY), &keys).await;
}

#[tokio::test]
async fn a_database_that_is_away_is_named_and_waited_for_and_the_catalog_only_named() {
    let database = Postgres::database().await;
    let (direct, secret) = (secret_file(database.url()), secret_file("password"));
    binary(&direct, &secret).succeeds(&["migrate"]).await;
    let proxy = TcpProxy::to(database.address()).await;
    proxy.refuse();
    let url = secret_file(&database.url_through(proxy.address()));
    let settings = [
        ("DATABASE_URL_FILE", url.path().to_str().unwrap()),
        ("CATALOG_URL", NO_CATALOG),
        ("TOKEN_URL", NO_IDENTITY),
        ("CLIENT_SECRET_FILE", secret.path().to_str().unwrap()),
        ("JWKS_URI", TestIssuer::shared().jwks_uri()),
    ];

    let component = spawn_for_test::<Ordering>(&settings).await.unwrap();
    let (api, admin) = (Api::new(component.url("")), Api::new(component.admin_url("")));
    life::not_ready_for(&admin, "postgres").await;
    let user = api.as_user(Uuid::now_v7());
    let busy = user.get("/v1/orders").await;
    busy.problem(503, "unavailable");
    assert!(busy.header("retry-after").is_some());

    proxy.heal();
    // Without catalog and identity nothing new is sold, and what was sold is still shown.
    life::ready_without(&admin, "catalog").await;
    life::ready_without(&admin, "identity-tokens").await;
    user.get("/v1/orders").await.assert_status(200);

    proxy.refuse();
    proxy.reset();
    life::not_ready_for(&admin, "postgres").await;
    proxy.heal();
    life::ready(&admin).await;
    user.get("/v1/orders").await.assert_status(200);
}

#[tokio::test]
async fn sigterm_ends_it_with_success() {
    let (url, secret) = (secret_file(NO_DATABASE), secret_file("password"));
    life::ends_on_sigterm(binary(&url, &secret)).await;
}

/// The binary with settings that are right, and peers that are not there.
fn binary(url: &NamedTempFile, secret: &NamedTempFile) -> Binary {
    Binary::new(BINARY)
        .env("DATABASE_URL_FILE", url.path().to_str().unwrap())
        .env("CATALOG_URL", NO_CATALOG)
        .env("TOKEN_URL", NO_IDENTITY)
        .env("CLIENT_SECRET_FILE", secret.path().to_str().unwrap())
}

#[test]
fn the_api_description_is_up_to_date() {
    golden(
        concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"),
        &Ordering::openapi().to_pretty_json().unwrap(),
    );
}
