//! How the identity service starts, migrates, loses its database, recovers and stops.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use identity::Identity;
use platform_service::{Component as _, spawn_for_test};
use platform_testkit::{Api, Binary, Postgres, TcpProxy, golden, life, secret_file};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_identity");
const KEYRING: &str = r#"{"current":"a","keys":{"a":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}}"#;
/// Nothing listens there: events wait.
const NO_BROKER: &str = "amqp://user:password@127.0.0.1:1/none";
const NO_DATABASE: &str = "postgres://user:password@127.0.0.1:1/none";

#[tokio::test]
async fn a_wrong_setting_is_refused_with_one_line_that_names_it() {
    let (url, not_a_url, empty) = (secret_file(NO_DATABASE), secret_file("nonsense"), secret_file(""));
    let (keyring, broker) = (secret_file(KEYRING), secret_file(NO_BROKER));
    let weak = secret_file(r#"{"email":"root@example.com","password":"password123"}"#);
    let good = Binary::new(BINARY)
        .env("DATABASE_URL_FILE", url.path().to_str().unwrap())
        .env("AMQP_URL_FILE", broker.path().to_str().unwrap())
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
        ("CLIENTS_FILE", ""),
        ("CLIENTS_FILE", "/no/such/file"),
        ("CLIENTS_FILE", not_a_url.path().to_str().unwrap()),
        ("KEY_ROTATION_DAYS", "1"),
        ("REFRESH_MAX_DAYS", "0"),
        ("ACCESS_TOKEN_SECONDS", "soon"),
        ("ACCESS_TOKEN_SECONDS", "3601"),
        ("SERVICE_TOKEN_SECONDS", "3601"),
        ("REFRESH_GRACE_SECONDS", "3601"),
        ("AUTHORIZATION_CODE_SECONDS", "601"),
        ("PASSWORD_GRANT", "maybe"),
        ("AMQP_URL_FILE", not_a_url.path().to_str().unwrap()),
        ("FIRST_ADMIN_FILE", not_a_url.path().to_str().unwrap()),
        ("FIRST_ADMIN_FILE", weak.path().to_str().unwrap()),
        ("SIGN_UP", "maybe"),
        ("REQUIRE_VERIFIED_EMAIL", "maybe"),
        ("SESSION_DAYS", "0"),
        ("ARGON2_MEMORY_KIB", "7"),
        ("PASSWORD_MEMORY_MIB", "0"),
        ("SIGN_IN_FREE_FAILURES", "-1"),
        ("SMTP_PORT", "0"),
        ("SMTP_TLS", "ssl"),
        ("SMTP_FROM", "nobody"),
        ("SMTP_CA_FILE", "/no/such/file"),
        ("RESET_LINK_MINUTES", "0"),
    ];
    life::refuses(&good, &wrong, &["DATABASE_URL_FILE", "KEYRING_FILE", "AMQP_URL_FILE"]).await;
}

#[tokio::test]
async fn help_documents_every_setting() {
    let keys = [
        "DATABASE_URL_FILE",
        "DATABASE_ENGINE",
        "KEYRING_FILE",
        "AMQP_URL_FILE",
        "FIRST_ADMIN_FILE",
        "SIGN_UP",
        "REQUIRE_VERIFIED_EMAIL",
        "SESSION_DAYS",
        "ARGON2_MEMORY_KIB",
        "PASSWORD_MEMORY_MIB",
        "SMTP_HOST",
        "SMTP_PORT",
        "SMTP_TLS",
        "SMTP_FROM",
        "SMTP_USERNAME_FILE",
        "SMTP_PASSWORD_FILE",
        "SMTP_CA_FILE",
        "MAIL_DIR",
    ];
    life::help_documents(&Binary::new(BINARY), &keys).await;
}

#[tokio::test]
async fn a_database_that_is_away_is_named_and_waited_for() {
    let database = Postgres::database().await;
    let (direct, keyring) = (secret_file(database.url()), secret_file(KEYRING));
    let keyring = keyring.path().to_str().unwrap();
    let binary = Binary::new(BINARY).env("DATABASE_URL_FILE", direct.path().to_str().unwrap());
    let broker = secret_file(NO_BROKER);
    let broker = broker.path().to_str().unwrap();
    binary.env("KEYRING_FILE", keyring).env("AMQP_URL_FILE", broker).succeeds(&["migrate"]).await;
    let proxy = TcpProxy::to(database.address()).await;
    proxy.refuse();
    let url = secret_file(&database.url_through(proxy.address()));
    let settings = [
        ("DATABASE_URL_FILE", url.path().to_str().unwrap()),
        ("KEYRING_FILE", keyring),
        ("AMQP_URL_FILE", broker),
    ];

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
    let (keyring, broker) = (secret_file(KEYRING), secret_file(NO_BROKER));
    let binary = Binary::new(BINARY)
        .env("DATABASE_URL_FILE", url.path().to_str().unwrap())
        .env("AMQP_URL_FILE", broker.path().to_str().unwrap());
    life::ends_on_sigterm(binary.env("KEYRING_FILE", keyring.path().to_str().unwrap())).await;
}

#[test]
fn the_api_description_is_up_to_date() {
    golden(
        concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"),
        &Identity::openapi().to_pretty_json().unwrap(),
    );
}
