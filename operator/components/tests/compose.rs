//! `compose.yaml` and the files beside it say what the table says. Three of them are written by this test
//! (`UPDATE=1 cargo test -p platform-components --test compose`); Docker itself is not asked anything.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail the test")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use platform_components::provision::{Account, accounts, plan};
use platform_components::{
    ADMIN_PORT, ADMIN_PROGRAM, API_PORT, ClientsFile, Component, Name, ServerKind, Source, clients_file,
    components, names, routes_file, secret_sha256,
};
use serde_norway::Value;

const NAMESPACE: &str = "compose";
const PLATFORM: &str = "courseplatform";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn compose() -> Value {
    let text = std::fs::read_to_string(root().join("compose.yaml")).unwrap();
    let mut value: Value = serde_norway::from_str(&text).unwrap();
    value.apply_merge().unwrap();
    // Merges may stand inside of what was merged.
    value.apply_merge().unwrap();
    value
}

fn service(compose: &Value, name: &str) -> Value {
    compose["services"].get(name).unwrap_or_else(|| panic!("compose.yaml has no service {name}")).clone()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_sequence().into_iter().flatten().map(|item| item.as_str().unwrap().to_owned()).collect()
}

/// The text of a generated file, brought up to date when `UPDATE` is set.
fn assert_generated(file: &str, wanted: &str) {
    let path = root().join("compose").join(file);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "compose/{file} is out of date; run this test with UPDATE=1");
}

fn postgres_everywhere() -> Vec<Account> {
    accounts(|_, usual| usual)
}

#[test]
fn the_provisioning_plan_is_the_tables() {
    let plan = plan(
        NAMESPACE,
        PLATFORM,
        &postgres_everywhere(),
        |server| Some(PathBuf::from(format!("/secrets/{server}"))),
        |account| PathBuf::from(format!("/secrets/{}/{}-password", account.component, account.server)),
    );
    assert_generated("plan.json", &(serde_json::to_string_pretty(&plan).unwrap() + "\n"));
}

#[test]
fn the_gateways_routes_are_the_tables() {
    let routes = routes_file(|name| format!("http://{name}:{API_PORT}"));
    let head = "# Written by operator/components/tests/compose.rs from the table of components.\n";
    assert_generated("routes.yaml", &format!("{head}{}", serde_norway::to_string(&routes).unwrap()));
}

/// The list of clients, in which compose/secrets.sh puts the port and the hashes of secrets.
fn clients(port: &str, hash: impl Fn(&str) -> String) -> ClientsFile {
    clients_file(&format!("http://localhost:{port}"), |id| vec![hash(id)], [])
}

#[test]
fn the_clients_are_the_tables() {
    let file = clients("@PORT@", |id| format!("@{id}@"));
    assert_generated("clients.json", &(serde_json::to_string_pretty(&file).unwrap() + "\n"));
}

#[test]
fn every_component_is_there_from_our_image() {
    let compose = compose();
    for name in components().iter().map(|component| component.name.as_str()) {
        let service = service(&compose, name);
        let version = env!("CARGO_PKG_VERSION");
        let image = format!("${{REGISTRY:-ghcr.io/courseplatform}}/{name}:${{VERSION:-{version}}}");
        assert_eq!(service["image"].as_str(), Some(image.as_str()));
        assert_eq!(service["build"]["args"]["BINARY"].as_str(), Some(name));
        assert_eq!(strings(&service["command"]), ["serve"], "{name}");
        assert_eq!(service["read_only"].as_bool(), Some(true), "{name}");
    }
    let provision = service(&compose, "provision");
    assert_eq!(provision["build"]["args"]["BINARY"].as_str(), Some(ADMIN_PROGRAM));
}

/// What a setting is in Compose; `None` where the value is a matter of taste.
fn value(component: &Component, source: Source) -> Option<String> {
    Some(match source {
        Source::ApiAddress => format!("0.0.0.0:{API_PORT}"),
        Source::AdminAddress => format!("0.0.0.0:{ADMIN_PORT}"),
        Source::Peer(peer) => format!("http://{peer}:{API_PORT}"),
        Source::ServerUrlFile(server) => format!("/secrets/{}", server.url_file()),
        Source::DatabaseEngine => ServerKind::Postgres.as_str().to_owned(),
        Source::RedisKeyPrefix => format!("{}:", names::database_name(NAMESPACE, PLATFORM, component.name)),
        Source::PhotosFolder => "/photos".to_owned(),
        Source::RoutesFile => "/config/routes.yaml".to_owned(),
        Source::KeyringFile => "/secrets/keyring.json".to_owned(),
        Source::JwksUri => format!("http://identity:{API_PORT}/identity/jwks"),
        Source::TokenUrl => format!("http://identity:{API_PORT}/identity/token"),
        Source::ClientSecretFile => "/secrets/client-secret".to_owned(),
        Source::ClientsFile => "/secrets/clients.json".to_owned(),
        Source::FirstAdminFile => "/secrets/first-admin.json".to_owned(),
        _ => return None,
    })
}

#[test]
fn a_component_is_told_exactly_the_settings_of_the_table() {
    let compose = compose();
    for component in components() {
        let service = service(&compose, component.name.as_str());
        let environment = service["environment"].as_mapping().unwrap();
        let mut told: BTreeSet<&str> = environment.keys().map(|key| key.as_str().unwrap()).collect();
        for setting in component.settings() {
            // Not set where traces and mails go nowhere and nobody stands before the gateway.
            let unset = matches!(setting.source, Source::OtlpEndpoint | Source::TrustedProxies);
            if unset || setting.key.starts_with("SMTP_") {
                continue;
            }
            assert!(told.remove(setting.key), "{} lacks {}", component.name, setting.key);
            if let Some(value) = value(component, setting.source) {
                assert_eq!(environment[setting.key].as_str(), Some(&*value), "{}", component.name);
            }
        }
        assert!(told.is_empty(), "{} is told {told:?} as well", component.name);
    }
}

#[test]
fn only_the_gateway_is_published() {
    let compose = compose();
    for (name, service) in compose["services"].as_mapping().unwrap() {
        let published = strings(&service["ports"]);
        match name.as_str().unwrap() {
            "gateway" => assert_eq!(published, ["127.0.0.1:${PORT:-8080}:8080"]),
            other => assert!(published.is_empty(), "{other} publishes {published:?}"),
        }
    }
}

/// Whom a service waits for to have ended well.
fn completed(service: &Value) -> Vec<String> {
    let Some(waits) = service["depends_on"].as_mapping() else { return Vec::new() };
    waits
        .iter()
        .filter(|(_, how)| how["condition"].as_str() == Some("service_completed_successfully"))
        .map(|(name, _)| name.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn accounts_come_before_migrations_and_migrations_before_their_component() {
    let compose = compose();
    for component in components() {
        let name = component.name.as_str();
        let serving = service(&compose, name);
        let migration = compose["services"].get(format!("{name}-migrate"));
        assert_eq!(migration.is_some(), component.migrates, "{name}");
        if let Some(migration) = migration {
            assert_eq!(completed(&serving), [format!("{name}-migrate")]);
            assert_eq!(completed(migration), ["provision"]);
            assert_eq!(strings(&migration["command"]), ["migrate"]);
            assert_eq!(migration["environment"], serving["environment"], "{name}");
            assert_eq!(migration["image"], serving["image"], "{name}");
        } else if !component.servers.is_empty() {
            assert_eq!(completed(&serving), ["provision"], "{name}");
        }
        let waits = serving["depends_on"].as_mapping().unwrap();
        for before in component.after {
            assert!(waits.contains_key(before.as_str()), "{name} does not wait for {before}");
        }
        let seeds = compose["services"].get(format!("{name}-seed"));
        assert_eq!(seeds.is_some(), component.seeds, "{name}");
    }
}

#[test]
fn every_name_that_compose_refers_to_exists() {
    let compose = compose();
    let services = compose["services"].as_mapping().unwrap();
    let volumes = compose["volumes"].as_mapping().unwrap();
    for (name, service) in services {
        let waits = &service["depends_on"];
        let by_name = waits.as_mapping().into_iter().flat_map(|map| map.keys());
        for other in by_name.chain(waits.as_sequence().into_iter().flatten()) {
            assert!(services.contains_key(other), "{name:?} waits for {other:?}");
        }
        for mount in strings(&service["volumes"]) {
            let source = mount.split(':').next().unwrap();
            let made = match source.strip_prefix("./") {
                Some(path) => path.starts_with(".run/compose/secrets") || root().join(path).exists(),
                None => volumes.contains_key(source),
            };
            assert!(made, "{name:?} mounts {source}, which nothing makes");
        }
    }
}

#[test]
fn the_secrets_are_those_of_the_table_and_stay_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("compose/secrets.sh");
    std::fs::create_dir(folder.path().join("compose")).unwrap();
    for file in ["secrets.sh", "clients.json"] {
        std::fs::copy(root().join("compose").join(file), folder.path().join("compose").join(file)).unwrap();
    }
    let run = || {
        let output = Command::new("bash").arg(&script).env_remove("PORT").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run();

    let secrets = folder.path().join(".run/compose/secrets");
    let read = |path: String| {
        let text = std::fs::read_to_string(secrets.join(&path)).unwrap_or_else(|_| panic!("no {path}"));
        text.trim_end().to_owned()
    };
    let prefix = names::platform_prefix(NAMESPACE, PLATFORM);
    let urls = || -> Vec<String> {
        postgres_everywhere()
            .iter()
            .map(|account| {
                let (name, server) = (account.component, account.server);
                let database = names::database_name(NAMESPACE, PLATFORM, name);
                let path = match server {
                    ServerKind::MongoDb => format!("{database}?authSource={database}"),
                    ServerKind::Redis => "0".to_owned(),
                    ServerKind::RabbitMq => prefix.clone(),
                    ServerKind::Postgres | ServerKind::SqlServer => database.clone(),
                };
                let scheme = if server == ServerKind::RabbitMq { "amqp" } else { server.as_str() };
                let url = read(format!("{name}/{}", server.url_file()));
                let login = names::login(&database, 1);
                let password = read(format!("{name}/{server}-password"));
                let port = server.default_port();
                assert_eq!(password.len(), 64);
                assert_eq!(url, format!("{scheme}://{login}:{password}@{server}:{port}/{path}"));
                url
            })
            .collect()
    };
    let first = urls();
    for server in [ServerKind::Postgres, ServerKind::MongoDb, ServerKind::Redis, ServerKind::RabbitMq] {
        assert_eq!(read(format!("{server}/host")), server.as_str());
    }
    assert!(read(format!("{}/keyring.json", Name::Identity)).starts_with(r#"{"current":"k1""#));
    let admin: serde_json::Value = serde_json::from_str(&read("identity/first-admin.json".into())).unwrap();
    assert_eq!(
        (admin["email"].as_str(), admin["password"].as_str().map(str::len)),
        (Some("admin@localhost"), Some(64))
    );
    let list = || -> ClientsFile { serde_json::from_str(&read("identity/clients.json".into())).unwrap() };
    let wanted = clients("8080", |id| secret_sha256(&read(format!("{id}/client-secret"))));
    wanted.check().unwrap();
    assert_eq!(list(), wanted);

    run();
    assert!(first == urls(), "a second run changes passwords that volumes know");
    assert_eq!(list(), wanted, "a second run changes the secrets of clients");
}
