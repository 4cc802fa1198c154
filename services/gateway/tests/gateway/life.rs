//! How the gateway starts and what it refuses to start with.

use gateway::Gateway;
use platform_service::{Component as _, spawn_for_test};
use platform_testkit::{Api, Binary, Redis, TcpProxy, golden, life, secret_file};

const BINARY: &str = env!("CARGO_BIN_EXE_gateway");
const NO_ROUTES: &str = "version: 1\nupstreams: {}\nroutes: []\n";

const KEYS: &[&str] = &[
    "ROUTES_FILE",
    "REDIS_URL_FILE",
    "REDIS_KEY_PREFIX",
    "JWKS_URI",
    "TOKEN_URL",
    "CLIENT_SECRET_FILE",
    "TOKEN_CHECK_SECONDS",
    "TLS_CERTIFICATE_FILE",
    "TLS_KEY_FILE",
    "TRUSTED_PROXIES",
    "SERVING_THREADS",
    "MAX_CONNECTIONS",
    "MAX_ACTIVE_REQUESTS",
    "CACHE_BYTES",
    "CACHE_ANSWER_BYTES",
    "ACCESS_LOG_RATIO",
    "TRACE_RATIO",
];

#[tokio::test]
async fn a_wrong_setting_is_refused_with_one_line_that_names_it() {
    let routes = secret_file(NO_ROUTES);
    let good = Binary::new(BINARY).env("ROUTES_FILE", routes.path().to_str().unwrap());
    let wrong = [
        ("REDIS_URL_FILE", "/no/such/file"),
        ("REDIS_KEY_PREFIX", " "),
        ("ROUTES_FILE", ""),
        ("ROUTES_FILE", "/no/such/file"),
        ("JWKS_URI", "file:///no/such/file"),
        ("TOKEN_URL", "identity"),
        ("CLIENT_SECRET_FILE", "/no/such/file"),
        ("TOKEN_CHECK_SECONDS", "61"),
        ("TRUSTED_PROXIES", "10.0.0.0/40"),
        ("SERVING_THREADS", "-1"),
        ("MAX_CONNECTIONS", "0"),
        ("MAX_ACTIVE_REQUESTS", "many"),
        ("CACHE_BYTES", "-1"),
        ("CACHE_ANSWER_BYTES", "much"),
        ("ACCESS_LOG_RATIO", "2"),
        ("TRACE_RATIO", "often"),
    ];
    life::refuses(&good, &wrong, &["ROUTES_FILE"]).await;
    for wrong in ["version: 2\nupstreams: {}\nroutes: []\n", "version: [\n", "version: 1\ncolour: red\n", ""]
    {
        let file = secret_file(wrong);
        good.clone().env("ROUTES_FILE", file.path().to_str().unwrap()).refuses("ROUTES_FILE").await;
    }
}

#[tokio::test]
async fn settings_that_do_not_go_together_are_refused_with_one_line_that_names_one_of_them() {
    let exchanging = "version: 1
upstreams: {order: {url: 'http://localhost:1'}}
routes:
  - {path: /, upstream: order, methods: [GET], audience: order, bodyLimitBytes: 0, timeoutSeconds: 1}
";
    let routes = secret_file(exchanging);
    let with = |routes: &tempfile::NamedTempFile| {
        Binary::new(BINARY).env("ROUTES_FILE", routes.path().to_str().unwrap())
    };
    with(&routes).refuses("TOKEN_URL: line 4: route /").await;
    let routes = secret_file(NO_ROUTES);
    let empty = secret_file("");
    let file = empty.path().to_str().unwrap();
    with(&routes).env("TLS_CERTIFICATE_FILE", file).env("TLS_KEY_FILE", file).refuses("TLS_KEY_FILE").await;
    with(&routes).env("TLS_CERTIFICATE_FILE", file).refuses("TLS_KEY_FILE").await;
}

#[tokio::test]
async fn help_documents_every_setting() {
    life::help_documents(&Binary::new(BINARY), KEYS).await;
}

#[tokio::test]
async fn without_redis_the_gateway_stays_ready_and_says_so() {
    let redis = Redis::database().await;
    let proxy = TcpProxy::to(redis.address()).await;
    let url = secret_file(&redis.url_through(proxy.address()));
    let routes = secret_file(NO_ROUTES);
    let settings =
        [("ROUTES_FILE", routes.path().to_str().unwrap()), ("REDIS_URL_FILE", url.path().to_str().unwrap())];
    let component = spawn_for_test::<Gateway>(&settings).await.unwrap();
    let admin = Api::new(component.admin_url(""));
    life::ready(&admin).await;
    proxy.refuse();
    proxy.reset();
    life::ready_without(&admin, "redis").await;
}

#[tokio::test]
async fn sigterm_ends_it_with_success() {
    let routes = secret_file(NO_ROUTES);
    life::ends_on_sigterm(Binary::new(BINARY).env("ROUTES_FILE", routes.path().to_str().unwrap())).await;
}

#[test]
fn the_api_description_is_up_to_date() {
    golden(
        concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"),
        &Gateway::openapi().to_pretty_json().unwrap(),
    );
}
