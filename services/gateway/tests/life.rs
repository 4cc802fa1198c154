//! How the gateway starts and what it refuses to start with.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use gateway::Gateway;
use platform_service::Component as _;
use platform_testkit::{Binary, golden, secret_file};

const BINARY: &str = env!("CARGO_BIN_EXE_gateway");

#[tokio::test]
async fn a_wrong_setting_is_refused_with_one_line_that_names_it() {
    let routes = secret_file("version: 1\nupstreams: {}\nroutes: []\n");
    let good = Binary::new(BINARY).env("ROUTES_FILE", routes.path().to_str().unwrap());
    good.clone().without("ROUTES_FILE").refuses("ROUTES_FILE").await;
    good.clone().env("REDIS_URL_FILE", "/no/such/file").refuses("REDIS_URL_FILE").await;
    good.clone().env("REDIS_KEY_PREFIX", " ").refuses("REDIS_KEY_PREFIX").await;
    good.clone().env("ROUTES_FILE", "/no/such/file").refuses("ROUTES_FILE").await;
    for wrong in ["version: 2\nupstreams: {}\nroutes: []\n", "version: [\n", "version: 1\ncolour: red\n", ""]
    {
        let file = secret_file(wrong);
        good.clone().env("ROUTES_FILE", file.path().to_str().unwrap()).refuses("ROUTES_FILE").await;
    }
}

#[test]
fn the_api_description_is_up_to_date() {
    golden(
        concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"),
        &Gateway::openapi().to_pretty_json().unwrap(),
    );
}
