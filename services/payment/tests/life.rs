//! How the payment service starts, migrates, loses its database, recovers and stops.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use payment::Payment;
use platform_service::{Component as _, spawn_for_test};
use platform_testkit::{Api, Binary, Postgres, TcpProxy, TestIssuer, golden, life, secret_file};
use serde_json::json;
use uuid::Uuid;

const BINARY: &str = env!("CARGO_BIN_EXE_payment");
const NO_DATABASE: &str = "postgres://user:password@127.0.0.1:1/none";

#[tokio::test]
async fn a_wrong_setting_is_refused_with_one_line_that_names_it() {
    let (url, not_a_url, empty) = (secret_file(NO_DATABASE), secret_file("nonsense"), secret_file(""));
    let good = Binary::new(BINARY).env("DATABASE_URL_FILE", url.path().to_str().unwrap());
    let wrong = [
        ("DATABASE_URL_FILE", ""),
        ("DATABASE_URL_FILE", "/no/such/file"),
        ("DATABASE_URL_FILE", not_a_url.path().to_str().unwrap()),
        ("DATABASE_URL_FILE", empty.path().to_str().unwrap()),
        ("DATABASE_MAX_CONNECTIONS", "0"),
    ];
    life::refuses_with_tokens(&good, &wrong, &["DATABASE_URL_FILE"]).await;
}

#[tokio::test]
async fn help_documents_every_setting() {
    life::help_documents(
        &Binary::new(BINARY),
        &["JWKS_URI", "DATABASE_URL_FILE", "DATABASE_MAX_CONNECTIONS"],
    )
    .await;
}

#[tokio::test]
async fn migrations_may_run_twice_and_at_the_same_time() {
    let database = Postgres::database().await;
    let url = secret_file(database.url());
    let binary = Binary::new(BINARY).env("DATABASE_URL_FILE", url.path().to_str().unwrap());
    tokio::join!(binary.succeeds(&["migrate"]), binary.succeeds(&["migrate"]), binary.succeeds(&["migrate"]));
    binary.succeeds(&["migrate"]).await;
}

#[tokio::test]
async fn a_database_that_is_away_is_named_and_waited_for() {
    let database = Postgres::database().await;
    let direct = secret_file(database.url());
    Binary::new(BINARY)
        .env("DATABASE_URL_FILE", direct.path().to_str().unwrap())
        .succeeds(&["migrate"])
        .await;
    let proxy = TcpProxy::to(database.address()).await;
    proxy.refuse();
    let url = secret_file(&database.url_through(proxy.address()));
    let settings =
        [("DATABASE_URL_FILE", url.path().to_str().unwrap()), ("JWKS_URI", TestIssuer::shared().jwks_uri())];

    let component = spawn_for_test::<Payment>(&settings).await.unwrap();
    let (api, admin) = (Api::new(component.url("")), Api::new(component.admin_url("")));
    life::not_ready_for(&admin, "postgres").await;
    let user = api.as_user(Uuid::now_v7());
    let card =
        json!({ "number": "4242424242424242", "expiry": "2045-09", "cvc": "123", "holder": "A. Yılmaz" });
    let busy = user.post("/v1/cards", card.clone()).await;
    busy.problem(503, "unavailable");
    assert!(busy.header("retry-after").is_some());

    proxy.heal();
    life::ready(&admin).await;
    user.post("/v1/cards", card.clone()).await.assert_status(201);

    proxy.refuse();
    proxy.reset();
    life::not_ready_for(&admin, "postgres").await;
    proxy.heal();
    life::ready(&admin).await;
    user.post("/v1/cards", card).await.assert_status(201);
}

#[tokio::test]
async fn sigterm_ends_it_with_success() {
    let url = secret_file(NO_DATABASE);
    life::ends_on_sigterm(Binary::new(BINARY).env("DATABASE_URL_FILE", url.path().to_str().unwrap())).await;
}

#[test]
fn the_api_description_is_up_to_date() {
    golden(
        concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"),
        &Payment::openapi().to_pretty_json().unwrap(),
    );
}
