//! How the identity service starts, migrates, loses its database, recovers and stops.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use identity::Identity;
use platform_service::{Component as _, spawn_for_test};
use platform_testkit::{Api, Binary, Postgres, TcpProxy, golden, life, secret_file};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_identity");
const KEYRING: &str = r#"{"current":"a","keys":{"a":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}}"#;
const NO_DATABASE: &str = "postgres://user:password@127.0.0.1:1/none";

#[tokio::test]
async fn a_wrong_setting_is_refused_with_one_line_that_names_it() {
    let (url, not_a_url, empty) = (secret_file(NO_DATABASE), secret_file("nonsense"), secret_file(""));
    let keyring = secret_file(KEYRING);
    let good = Binary::new(BINARY)
        .env("DATABASE_URL_FILE", url.path().to_str().unwrap())
        .env("KEYRING_FILE", keyring.path().to_str().unwrap());
    let wrong = [
        ("DATABASE_URL_FILE", ""),
        ("DATABASE_URL_FILE", "/no/such/file"),
        ("DATABASE_URL_FILE", not_a_url.path().to_str().unwrap()),
        ("DATABASE_URL_FILE", empty.path().to_str().unwrap()),
        ("DATABASE_MAX_CONNECTIONS", "0"),
        ("DATABASE_ENGINE", "oracle"),
        ("DATABASE_ENGINE", ""),
        ("KEYRING_FILE", ""),
        ("KEYRING_FILE", "/no/such/file"),
        ("KEYRING_FILE", not_a_url.path().to_str().unwrap()),
    ];
    life::refuses(&good, &wrong, &["DATABASE_URL_FILE", "KEYRING_FILE"]).await;
}

#[tokio::test]
async fn help_documents_every_setting() {
    life::help_documents(&Binary::new(BINARY), &["DATABASE_URL_FILE", "DATABASE_ENGINE", "KEYRING_FILE"])
        .await;
}

#[tokio::test]
async fn a_database_that_is_away_is_named_and_waited_for() {
    let database = Postgres::database().await;
    let (direct, keyring) = (secret_file(database.url()), secret_file(KEYRING));
    let keyring = keyring.path().to_str().unwrap();
    let binary = Binary::new(BINARY).env("DATABASE_URL_FILE", direct.path().to_str().unwrap());
    binary.env("KEYRING_FILE", keyring).succeeds(&["migrate"]).await;
    let proxy = TcpProxy::to(database.address()).await;
    proxy.refuse();
    let url = secret_file(&database.url_through(proxy.address()));
    let settings = [("DATABASE_URL_FILE", url.path().to_str().unwrap()), ("KEYRING_FILE", keyring)];

    let component = spawn_for_test::<Identity>(&settings).await.unwrap();
    let (api, admin) = (Api::new(component.url("")), Api::new(component.admin_url("")));
    life::not_ready_for(&admin, "postgres").await;
    let busy = api.get("/identity/jwks").await;
    busy.problem(503, "unavailable");
    assert!(busy.header("retry-after").is_some());
    api.get("/identity/.well-known/openid-configuration").await.assert_status(200);

    proxy.heal();
    life::ready(&admin).await;
    let keys: Value = api.get("/identity/jwks").await.expect(200).json();

    proxy.refuse();
    proxy.reset();
    life::not_ready_for(&admin, "postgres").await;
    assert_eq!(
        api.get("/identity/jwks").await.expect(200).json::<Value>(),
        keys,
        "what is known is served on"
    );
    proxy.heal();
    life::ready(&admin).await;
}

#[tokio::test]
async fn sigterm_ends_it_with_success() {
    let url = secret_file(NO_DATABASE);
    let keyring = secret_file(KEYRING);
    let binary = Binary::new(BINARY).env("DATABASE_URL_FILE", url.path().to_str().unwrap());
    life::ends_on_sigterm(binary.env("KEYRING_FILE", keyring.path().to_str().unwrap())).await;
}

#[test]
fn the_api_description_is_up_to_date() {
    golden(
        concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"),
        &Identity::openapi().to_pretty_json().unwrap(),
    );
}
