//! The scopes and clients of the platform: the table's edges and FLOWS §1 say the same, and a file that
//! breaks a rule is refused by one line that says where.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use platform_components::{
    Client, ClientsFile, Name, Subject, clients_file, components, confidential_clients, is_client_id, scope,
    scopes, secret_sha256,
};
use serde_json::{Value, json};

fn hash(text: &str) -> Vec<String> {
    vec![secret_sha256(text)]
}

fn file() -> ClientsFile {
    clients_file("https://courses.example.com", hash, [])
}

/// The built-in file with one more client.
fn with(client: Value) -> Result<ClientsFile, String> {
    let client: Client = serde_json::from_value(client).map_err(|error| error.to_string())?;
    let file = clients_file("https://courses.example.com", hash, [client]);
    file.check().map(|()| file).map_err(|error| error.to_string())
}

fn phone() -> Value {
    json!({
        "id": "mobile", "type": "public", "redirectUris": ["app://cb"],
        "grants": ["authorization_code", "refresh_token"], "scopes": ["openid", "order.read"],
    })
}

fn robot() -> Value {
    json!({
        "id": "robot", "type": "confidential", "secretSha256": hash("s"),
        "grants": ["client_credentials"], "scopes": ["catalog.read"],
    })
}

fn changed(mut client: Value, change: &Value) -> Value {
    client.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    client
}

#[test]
fn every_scope_stands_once_and_every_system_scope_is_held_by_somebody_who_calls() {
    let names: BTreeSet<&str> = scopes().iter().map(|scope| scope.name).collect();
    assert_eq!(names.len(), scopes().len());
    let held: BTreeSet<&str> =
        components().iter().flat_map(platform_components::Component::system_scopes).collect();
    let system: BTreeSet<&str> =
        scopes().iter().filter(|scope| scope.subject == Subject::Service).map(|scope| scope.name).collect();
    assert_eq!(held, system);
}

#[test]
fn an_edges_scopes_belong_to_the_component_that_is_called() {
    for edge in components().iter().flat_map(|entry| entry.calls) {
        for name in edge.scopes {
            assert_eq!(scope(name).map(|scope| scope.audience), Some(edge.to), "{name}");
        }
    }
}

#[test]
fn the_clients_of_a_platform() {
    let file = file();
    file.check().unwrap();
    let text = serde_json::to_string(&file).unwrap();
    assert_eq!(serde_json::from_str::<ClientsFile>(&text).unwrap(), file);
    insta::assert_yaml_snapshot!(file);
}

#[test]
fn a_developers_address_makes_a_file_that_holds() {
    for url in ["http://localhost:8080", "http://127.0.0.1:8080", "https://courses.example.com:8443"] {
        clients_file(url, hash, []).check().unwrap();
    }
}

#[test]
fn a_component_gets_the_scopes_of_its_own_calls_and_no_other() {
    let file = file();
    let scopes = |id: &str| file.clients.iter().find(|client| client.id == id).unwrap().scopes.clone();
    assert_eq!(
        scopes("order"),
        ["basket.sys.read", "catalog.sys.quote", "discount.sys.hold", "payment.sys.charge"]
    );
    assert_eq!(scopes("photostock"), ["catalog.sys.photos"]);
    assert!(scopes("gateway").is_empty());
    assert!(scopes("web").iter().all(|name| !name.contains(".sys.")));
    let clients: BTreeSet<Name> = confidential_clients().collect();
    assert!(!clients.contains(&Name::Identity) && !clients.contains(&Name::Catalog));
    assert_eq!(clients.len(), 7);
}

#[test]
fn clients_of_other_people_are_taken() {
    with(phone()).unwrap();
    with(robot()).unwrap();
    let key = json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "kid": "1"}]});
    let by_key = changed(robot(), &json!({"secretSha256": [], "jwks": key}));
    assert_eq!(with(by_key).unwrap().clients.len(), 8);
    with(changed(phone(), &json!({"firstParty": true, "scopes": ["openid", "identity.admin"]}))).unwrap();
}

#[test]
fn a_name_stands_for_itself_or_for_the_id() {
    let client = |value: Value| serde_json::from_value::<Client>(value).unwrap();
    assert_eq!(client(phone()).title(), "mobile");
    assert_eq!(client(changed(phone(), &json!({"name": "My phone"}))).title(), "My phone");
}

#[test]
fn a_wrong_client_is_refused_with_its_id_and_the_field() {
    let many: Vec<String> = (0..5).map(|n| secret_sha256(&n.to_string())).collect();
    for (client, change, expected) in [
        (phone(), json!({"id": "Mobile"}), "client \"Mobile\": id: must match"),
        (phone(), json!({"id": ""}), "id: must match"),
        (phone(), json!({"id": "a".repeat(64)}), "id: must match"),
        (phone(), json!({"id": "abcdefab-0000-4000-8000-000000000000"}), "must not be a UUID"),
        (phone(), json!({"id": "order"}), "client \"order\": id: stands twice"),
        (phone(), json!({"name": " "}), "client \"mobile\": name: must have 1 to 100"),
        (phone(), json!({"name": "a\nb"}), "name: must have"),
        (phone(), json!({"type": "secretive"}), "unknown variant"),
        (phone(), json!({"colour": "red"}), "unknown field"),
        (phone(), json!({"grants": ["implicit"]}), "unknown variant"),
        (phone(), json!({"grants": []}), "client \"mobile\": grants: must have at least one"),
        (
            phone(),
            json!({"grants": ["authorization_code", "authorization_code"]}),
            "grants: must have each only once",
        ),
        (
            phone(),
            json!({"grants": ["authorization_code", "client_credentials"]}),
            "grants: client_credentials takes",
        ),
        (phone(), json!({"secretSha256": hash("s")}), "client \"mobile\": secretSha256: must be empty"),
        (phone(), json!({"jwks": {"keys": []}}), "jwks: must be absent"),
        (phone(), json!({"redirectUris": []}), "client \"mobile\": redirectUris: must have at least one"),
        (
            phone(),
            json!({"redirectUris": ["app://cb", "app://cb"]}),
            "redirectUris: \"app://cb\" stands twice",
        ),
        (
            phone(),
            json!({"redirectUris": ["https://*.example.com/cb"]}),
            "redirectUris: \"https://*.example.com/cb\"",
        ),
        (
            phone(),
            json!({"postLogoutRedirectUris": ["http://example.com/"]}),
            "postLogoutRedirectUris: \"http://",
        ),
        (
            phone(),
            json!({"scopes": ["order.write"]}),
            "client \"mobile\": scopes: \"order.write\" is no scope",
        ),
        (phone(), json!({"scopes": ["openid", "openid"]}), "scopes: openid stands twice"),
        (phone(), json!({"scopes": ["order.buy"]}), "scopes: order.buy is for first-party clients only"),
        (phone(), json!({"scopes": ["basket.sys.read"]}), "basket.sys.read is for first-party"),
        (
            phone(),
            json!({"scopes": ["basket.sys.read"], "firstParty": true}),
            "basket.sys.read takes client_credentials",
        ),
        (robot(), json!({"secretSha256": []}), "client \"robot\": secretSha256: must have a hash"),
        (robot(), json!({"secretSha256": ["A".repeat(64)]}), "secretSha256: must have 64 lower-case"),
        (robot(), json!({"secretSha256": many}), "secretSha256: must have at most 4"),
        (robot(), json!({"redirectUris": ["app://cb"]}), "redirectUris: must be empty without"),
        (
            robot(),
            json!({"scopes": ["order.read"]}),
            "scopes: order.read takes authorization_code or password",
        ),
        (robot(), json!({"grants": ["refresh_token"]}), "grants: refresh_token takes"),
        (
            robot(),
            json!({"grants": ["urn:ietf:params:oauth:grant-type:token-exchange"]}),
            "grants: token exchange takes a confidential first-party client",
        ),
        (
            robot(),
            json!({"grants": ["password"], "scopes": ["order.admin"], "firstParty": true}),
            "scopes: order.admin takes authorization_code",
        ),
        (robot(), json!({"jwks": {}}), "jwks: must be an object with"),
        (robot(), json!({"jwks": {"keys": []}}), "jwks: must have 1 to 4 keys"),
        (robot(), json!({"jwks": {"keys": [{"kty": "oct", "k": "x"}]}}), "jwks: must have keys of the types"),
        (robot(), json!({"jwks": {"keys": [{"kty": "EC", "d": "x"}]}}), "jwks: must have no private key"),
    ] {
        let error = with(changed(client, &change)).unwrap_err();
        assert!(error.contains(expected), "{change}: {error}");
    }
}

#[test]
fn nobody_else_is_a_component_or_may_do_what_only_components_may() {
    let check = |change: &Value| {
        let client: Client = serde_json::from_value(changed(robot(), change)).unwrap();
        client.check_extra().map_err(|error| error.to_string())
    };
    assert_eq!(check(&json!({})), Ok(()));
    for (change, expected) in [
        (json!({"id": "order"}), "client \"order\": id: is the name of a component"),
        (json!({"scopes": ["payment.sys.charge"], "firstParty": true}), "for the platform's own components"),
        (
            json!({"grants": ["urn:ietf:params:oauth:grant-type:token-exchange"], "firstParty": true}),
            "grants: token exchange is the gateway's alone",
        ),
        (json!({"scopes": ["everything"]}), "scopes: \"everything\" is no scope"),
    ] {
        let error = check(&change).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_wrong_scope_or_version_is_refused() {
    let check = |change: &dyn Fn(&mut ClientsFile)| {
        let mut file = file();
        change(&mut file);
        file.check().unwrap_err().to_string()
    };
    assert!(check(&|file| file.version = 2).contains("version 2 is not known"));
    assert!(
        check(&|file| file.scopes.push(file.scopes[0].clone())).contains("scope \"openid\": stands twice")
    );
    assert!(check(&|file| file.scopes[0].name = "open id".to_owned()).contains("must have 1 to 64"));
    assert!(check(&|file| file.scopes[0].audience = String::new()).contains("its audience"));
    assert!(check(&|file| file.scopes[20].third_party = true).contains("never given to other people's"));
}

#[test]
fn a_client_is_never_taken_for_a_user() {
    assert!(is_client_id("abcdef-1") && is_client_id("a"));
    assert!(!is_client_id("abcdefab-0000-4000-8000-000000000000"));
    assert!(!is_client_id(&"a".repeat(32)));
}
