//! How the identity service starts, migrates, loses its database, recovers and stops.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::time::Duration;

use identity::Identity;
use platform_service::{Component as _, spawn_for_test};
use platform_testkit::{Api, Binary, Postgres, TcpProxy, eventually, golden, secret_file};
use serde_json::Value;

const KEYRING: &str = r#"{"current":"a","keys":{"a":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}}"#;
const BINARY: &str = env!("CARGO_BIN_EXE_identity");

#[tokio::test]
async fn a_wrong_setting_is_refused_with_one_line_that_names_it() {
    let url = secret_file("postgres://user:password@127.0.0.1:1/none");
    let keyring = secret_file(KEYRING);
    let good = Binary::new(BINARY)
        .env("DATABASE_URL_FILE", url.path().to_str().unwrap())
        .env("KEYRING_FILE", keyring.path().to_str().unwrap());
    let not_a_url = secret_file("nonsense");
    let empty = secret_file("");
    for (key, value) in [
        ("LISTEN_ADDR", "nowhere"),
        ("LISTEN_ADDR", ""),
        ("PUBLIC_URL", "courses.example.com"),
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
        ("REQUEST_TIMEOUT_SECONDS", "soon"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud=shouting"),
        ("INSECURE_DEV_WRITES", "maybe"),
    ] {
        good.clone().env(key, value).refuses(key).await;
    }
    good.clone().without("DATABASE_URL_FILE").refuses("DATABASE_URL_FILE").await;
    good.clone().without("PUBLIC_URL").refuses("PUBLIC_URL").await;
    good.clone().without("KEYRING_FILE").refuses("KEYRING_FILE").await;
    let public = good.env("PUBLIC_URL", "https://courses.example.com").env("INSECURE_DEV_WRITES", "true");
    public.refuses("INSECURE_DEV_WRITES").await;
}

#[tokio::test]
async fn help_documents_every_setting() {
    let help = Binary::new(BINARY).succeeds(&["--help"]).await;
    for key in
        ["LISTEN_ADDR", "ADMIN_ADDR", "PUBLIC_URL", "DATABASE_URL_FILE", "DATABASE_ENGINE", "KEYRING_FILE"]
    {
        assert!(help.contains(&format!("[env: {key}]")), "{key} is missing in:\n{help}");
    }
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
    let ready = || async { admin.get("/readyz").await.status == 200 };
    let away = || async { !ready().await };
    eventually(Duration::from_secs(5), away).await;
    admin.get("/livez").await.assert_status(200);
    let report: Value = admin.get("/readyz").await.expect(503).json();
    assert_eq!(report["dependencies"][0]["name"], "postgres", "{report}");
    let busy = api.get("/identity/jwks").await;
    busy.problem(503, "unavailable");
    assert!(busy.header("retry-after").is_some());
    api.get("/identity/.well-known/openid-configuration").await.assert_status(200);

    proxy.heal();
    eventually(Duration::from_secs(10), ready).await;
    let keys: Value = api.get("/identity/jwks").await.expect(200).json();

    proxy.refuse();
    proxy.reset();
    eventually(Duration::from_secs(15), away).await;
    // What is known is served on.
    assert_eq!(api.get("/identity/jwks").await.expect(200).json::<Value>(), keys);
    proxy.heal();
    eventually(Duration::from_secs(15), ready).await;
}

#[tokio::test]
async fn sigterm_ends_it_with_success() {
    let url = secret_file("postgres://user:password@127.0.0.1:1/none");
    let keyring = secret_file(KEYRING);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let binary = Binary::new(BINARY)
        .env("DATABASE_URL_FILE", url.path().to_str().unwrap())
        .env("KEYRING_FILE", keyring.path().to_str().unwrap())
        .env("ADMIN_ADDR", &port.to_string());
    let running = binary.start();
    let admin = Api::new(format!("http://{port}"));
    let alive = || async {
        let answer = admin.try_send(http::Method::GET, "/livez", None, "").await;
        answer.is_ok_and(|answer| answer.status == 200)
    };
    eventually(Duration::from_secs(10), alive).await;
    let (code, log) = running.terminate().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("password"), "a secret is in the log: {log}");
}

#[test]
fn the_api_description_is_up_to_date() {
    golden(
        concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"),
        &Identity::openapi().to_pretty_json().unwrap(),
    );
}
