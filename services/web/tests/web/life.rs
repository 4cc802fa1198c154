//! How the web shop starts, misses what it needs and stops.

use std::time::Duration;

use platform_service::{Component as _, spawn_for_test};
use platform_testkit::{Api, Binary, eventually, golden, secret_file};
use serde_json::Value;
use web::Web;

use crate::{BINARY, path};

const NO_REDIS: &str = "redis://user:password@127.0.0.1:1/0";
const NO_GATEWAY: &str = "http://127.0.0.1:1";

#[tokio::test]
async fn a_wrong_setting_is_refused_with_one_line_that_names_it() {
    let (redis, wrong) = (secret_file(NO_REDIS), secret_file("nonsense"));
    let good = Binary::new(BINARY).env("REDIS_URL_FILE", path(&redis)).env("GATEWAY_URL", NO_GATEWAY);
    for (key, value) in [
        ("LISTEN_ADDR", "nowhere"),
        ("PUBLIC_URL", "courses.example.com"),
        ("REDIS_URL_FILE", ""),
        ("REDIS_URL_FILE", "/no/such/file"),
        ("REDIS_URL_FILE", path(&wrong)),
        ("GATEWAY_URL", ""),
        ("GATEWAY_URL", "gateway:8080"),
        ("LOG_FORMAT", "xml"),
    ] {
        good.clone().env(key, value).refuses(key).await;
    }
    for key in ["REDIS_URL_FILE", "GATEWAY_URL", "PUBLIC_URL"] {
        good.clone().without(key).refuses(key).await;
    }
}

#[tokio::test]
async fn help_documents_every_setting() {
    let help = Binary::new(BINARY).succeeds(&["--help"]).await;
    for key in ["LISTEN_ADDR", "PUBLIC_URL", "REDIS_URL_FILE", "REDIS_KEY_PREFIX", "GATEWAY_URL"] {
        assert!(help.contains(&format!("[env: {key}]")), "{key} is missing in:\n{help}");
    }
}

#[tokio::test]
async fn without_redis_and_gateway_it_tells_and_shows_what_it_can() {
    let redis = secret_file(NO_REDIS);
    let settings = [("REDIS_URL_FILE", path(&redis)), ("GATEWAY_URL", NO_GATEWAY)];
    let component = spawn_for_test::<Web>(&settings).await.unwrap();
    let (api, admin) = (Api::new(component.url("")), Api::new(component.admin_url("")));
    let told = || async {
        let answer = admin.get("/readyz").await;
        let report: Value = answer.json();
        let missed = report["dependencies"].as_array().unwrap().iter().filter(|it| it["up"] == false).count();
        if answer.status == 200 && missed == 2 { Ok(()) } else { Err(report) }
    };
    eventually(Duration::from_secs(15), told).await;
    api.get("/").await.assert_status(200);
}

#[tokio::test]
async fn sigterm_ends_it_with_success() {
    let redis = secret_file(NO_REDIS);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let running = Binary::new(BINARY)
        .env("REDIS_URL_FILE", path(&redis))
        .env("GATEWAY_URL", NO_GATEWAY)
        .env("ADMIN_ADDR", &port.to_string())
        .start();
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
    golden(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"), &Web::openapi().to_pretty_json().unwrap());
}
