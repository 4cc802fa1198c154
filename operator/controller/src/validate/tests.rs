//! What validate makes of specs, good and bad. Tests build the resource as a user would: from YAML's
//! JSON, so field names are tested too.

#![allow(clippy::needless_pass_by_value)] // a literal reads better than a reference to one

use std::collections::BTreeMap;

use courseplatform_api::CoursePlatform;
use platform_components::{Name, ServerKind};
use serde_json::{Value, json};

use super::*;
use crate::dereference::{SecretFacts, UriFacts};

fn platform(spec: Value) -> CoursePlatform {
    serde_json::from_value(json!({
        "apiVersion": "courseplatform.dev/v1alpha1",
        "kind": "CoursePlatform",
        "metadata": {"name": "demo", "namespace": "courses"},
        "spec": spec,
    }))
    .unwrap()
}

/// A platform on localhost with these fields beside the host.
fn with(fields: Value) -> CoursePlatform {
    let mut spec = json!({"host": "courses.example.com"});
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    platform(spec)
}

fn secret(keys: &[&str]) -> SecretFacts {
    SecretFacts { keys: keys.iter().map(|key| (*key).to_owned()).collect(), ..SecretFacts::default() }
}

fn uri(scheme: &str, hosts: &str, port: Option<u16>, has_user: bool) -> UriFacts {
    UriFacts { scheme: scheme.into(), hosts: hosts.into(), port, has_user, parameters: String::new() }
}

fn found(secrets: &[(&str, Option<SecretFacts>)]) -> Dereferenced {
    Dereferenced {
        secrets: secrets.iter().map(|(name, facts)| ((*name).to_owned(), facts.clone())).collect(),
        ..Dereferenced::default()
    }
}

fn accepts(fields: Value) -> ValidatedPlatform {
    validate(&with(fields), &Dereferenced::default(), &Defaults::default()).unwrap()
}

/// The faults as `Fault field: message`.
fn rejects(platform: &CoursePlatform, found: &Dereferenced) -> Vec<String> {
    let faults = validate(platform, found, &Defaults::default()).unwrap_err();
    faults.iter().map(|invalid| format!("{:?} {invalid}", invalid.fault)).collect()
}

#[test]
fn a_host_is_enough() {
    let platform = accepts(json!({}));
    assert_eq!(platform.public_url, "https://courses.example.com");
    assert_eq!(platform.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(platform.components.len(), 9);
    assert!(platform.components.values().all(|component| component.replicas == 1));
    let kinds: Vec<_> = platform.servers.keys().copied().collect();
    assert_eq!(kinds, [ServerKind::Postgres, ServerKind::MongoDb, ServerKind::Redis, ServerKind::RabbitMq]);
    assert!(platform.servers.values().all(|server| matches!(server, Server::Managed(_))));
    assert!(platform.keeps_data() && platform.network_policy.is_some() && platform.scheduling.spread);
}

#[test]
fn the_address_has_a_port_only_where_people_type_one() {
    let url = |fields: Value| accepts(fields).public_url;
    assert_eq!(url(json!({"expose": {"externalPort": 443}})), "https://courses.example.com");
    assert_eq!(url(json!({"expose": {"externalPort": 8443}})), "https://courses.example.com:8443");
    assert_eq!(
        url(
            json!({"host": "localhost", "tls": {"mode": "Disabled"}, "expose": {"nodePort": {"port": 30080}}})
        ),
        "http://localhost:30080"
    );
    assert_eq!(url(json!({"host": "localhost", "tls": {"mode": "Disabled"}})), "http://localhost");
}

#[test]
fn replicas_follow_from_the_plan_but_a_volume_of_one_pod_stays_with_one() {
    let platform = accepts(json!({"plan": "large", "services": {"order": {"replicas": 7}}}));
    assert_eq!(platform.components[&Name::Catalog].replicas, 3);
    assert_eq!(platform.components[&Name::Order].replicas, 7);
    assert_eq!(platform.components[&Name::Photostock].replicas, 1);
    let shared = accepts(json!({"plan": "large", "photos": {"volume": {"accessMode": "ReadWriteMany"}}}));
    assert_eq!(shared.components[&Name::Photostock].replicas, 3);
}

#[test]
fn the_pinned_version_stays_when_the_operator_is_newer() {
    let mut platform = with(json!({}));
    platform.status = serde_json::from_value(json!({"version": {"target": "0.1.0"}})).unwrap();
    let newer = Defaults { version: "9.0.0".into(), ..Defaults::default() };
    let checked = validate(&platform, &Dereferenced::default(), &newer).unwrap();
    assert_eq!(checked.version, "0.1.0");
}

#[test]
fn a_lost_status_is_replaced_by_what_runs() {
    let live = Dereferenced { live_version: Some("0.1.0".into()), ..Dereferenced::default() };
    let newer = Defaults { version: "9.0.0".into(), ..Defaults::default() };
    assert_eq!(validate(&with(json!({})), &live, &newer).unwrap().version, "0.1.0");
}

#[test]
fn versions_that_are_unknown_or_older_are_refused() {
    let unknown = rejects(&with(json!({"version": "9.9.9"})), &Dereferenced::default());
    assert_eq!(unknown, ["Spec spec.version: this operator runs version 0.1.0, not 9.9.9"]);
    let mut older = with(json!({"version": "0.1.0"}));
    older.status = serde_json::from_value(json!({"version": {"current": "0.2.0"}})).unwrap();
    let faults = rejects(&older, &Dereferenced::default());
    assert!(faults[0].starts_with("Downgrade spec.version: 0.1.0 is older than 0.2.0"), "{faults:?}");
}

#[test]
fn a_build_of_a_known_version_is_that_version() {
    let platform = accepts(json!({"version": "0.1.0-dev.7"}));
    assert_eq!(platform.components[&Name::Order].image, "ghcr.io/courseplatform/order:0.1.0-dev.7");
}

#[test]
fn what_the_operator_sets_itself_can_not_be_set_by_env() {
    let env = |name: &str| with(json!({"services": {"order": {"env": [{"name": name, "value": "x"}]}}}));
    assert_eq!(
        rejects(&env("DATABASE_URL_FILE"), &Dereferenced::default()),
        ["Spec spec.services.order.env: DATABASE_URL_FILE is set by the operator itself"]
    );
    for allowed in ["HTTP_PROXY", "LOG_LEVEL"] {
        assert!(validate(&env(allowed), &Dereferenced::default(), &Defaults::default()).is_ok(), "{allowed}");
    }
}

#[test]
fn a_request_above_the_limit_is_refused_and_a_small_limit_lowers_the_default_request() {
    let order = |resources: Value| with(json!({"services": {"order": {"resources": resources}}}));
    assert_eq!(
        rejects(&order(json!({"requests": {"memory": "1Gi"}})), &Dereferenced::default()),
        ["Spec spec.services.order.resources.requests: memory: 1Gi is more than the limit of 128Mi"]
    );
    let small = validate(
        &order(json!({"limits": {"memory": "16Mi"}})),
        &Dereferenced::default(),
        &Defaults::default(),
    )
    .unwrap();
    assert_eq!(small.components[&Name::Order].resources.requests["memory"], "16Mi");
}

#[test]
fn a_missing_secret_or_key_is_told_with_its_field() {
    let external = with(json!({"servers": {"postgres": {"external": {"secretRef": "pg"}}}}));
    let field = "Reference spec.servers.postgres.external.secretRef";
    assert_eq!(
        rejects(&external, &found(&[("pg", None)])),
        [format!("{field}: there is no Secret pg in this namespace")]
    );
    assert_eq!(
        rejects(&external, &found(&[("pg", Some(secret(&["password"])))])),
        [format!("{field}: the Secret pg has neither uri nor host")]
    );
    let only_host = SecretFacts { host: Some("pg.db".into()), ..secret(&["host"]) };
    assert_eq!(
        rejects(&external, &found(&[("pg", Some(only_host))])),
        [format!("{field}: the Secret pg names no user: it needs username and password")]
    );
    let no_port =
        SecretFacts { host: Some("pg.db".into()), port: Some("http".into()), ..secret(&["host", "port"]) };
    assert_eq!(
        rejects(&external, &found(&[("pg", Some(no_port))])),
        [format!("{field}: port in the Secret pg is no port")]
    );
}

#[test]
fn an_external_server_of_mongodbs_protocol_may_know_no_accounts() {
    let external = with(json!({"servers": {"mongodb": {"external": {"secretRef": "ferret"}}}}));
    let facts = SecretFacts { uri: Some(Ok(uri("mongodb", "ferretdb", None, false))), ..secret(&["uri"]) };
    let platform = validate(&external, &found(&[("ferret", Some(facts))]), &Defaults::default()).unwrap();
    let expected = ExternalServer {
        accounts: ExternalAccounts::Open(Address {
            scheme: "mongodb".into(),
            hosts: "ferretdb:27017".into(),
            port: 27017,
            parameters: String::new(),
        }),
        egress: Vec::new(),
        port: 27017,
    };
    assert_eq!(platform.servers[&ServerKind::MongoDb], Server::External(expected));
}

#[test]
fn finished_accounts_are_needed_for_exactly_those_who_use_the_server() {
    let secrets = json!({"catalog": "catalog-db", "order": "order-db"});
    let external = with(json!({"servers": {"mongodb": {"external": {
        "provisioning": "None", "serviceSecrets": secrets,
    }}}}));
    let facts =
        SecretFacts { uri: Some(Ok(uri("mongodb", "m:27018", Some(27018), true))), ..secret(&["uri"]) };
    let field = "spec.servers.mongodb.external.serviceSecrets";
    assert_eq!(
        rejects(&external, &found(&[("catalog-db", Some(facts)), ("order-db", None)])),
        [format!("Spec {field}: order doesn't use this server")]
    );
    let none = with(json!({"servers": {"mongodb": {"external": {"provisioning": "None"}}}}));
    assert_eq!(
        rejects(&none, &Dereferenced::default()),
        [format!("Spec {field}: catalog uses this server and has no Secret here")]
    );
}

#[test]
fn an_engine_needs_its_server_and_brings_it_into_use() {
    let order = json!({"order": {"engine": "sqlServer"}});
    assert_eq!(
        rejects(&with(json!({"services": order})), &Dereferenced::default()),
        ["Spec spec.servers.sqlServer: engine sqlServer needs it"]
    );
    let server = json!({"sqlServer": {"external": {
        "provisioning": "None", "serviceSecrets": {"order": "mssql"},
    }}});
    let facts = SecretFacts { uri: Some(Ok(uri("sqlserver", "mssql.db", None, true))), ..secret(&["uri"]) };
    let platform = validate(
        &with(json!({"services": order, "servers": server})),
        &found(&[("mssql", Some(facts))]),
        &Defaults::default(),
    )
    .unwrap();
    assert_eq!(platform.components[&Name::Order].servers, [ServerKind::SqlServer, ServerKind::RabbitMq]);
    assert!(platform.servers.contains_key(&ServerKind::SqlServer));
}

#[test]
fn accounts_on_sql_server_must_be_finished_until_a_later_release() {
    let platform = with(json!({
        "services": {"order": {"engine": "sqlServer"}},
        "servers": {"sqlServer": {"external": {"secretRef": "mssql"}}}
    }));
    let faults = rejects(&platform, &Dereferenced::default());
    assert_eq!(faults.len(), 1);
    assert!(faults[0].starts_with("Spec spec.servers.sqlServer.external.provisioning: Admin comes with"));
}

#[test]
fn a_server_that_runs_can_not_become_another_kind_behind_the_rules() {
    let mut platform = with(json!({"servers": {"redis": {"external": {"secretRef": "r"}}}}));
    platform.status =
        serde_json::from_value(json!({"servers": [{"name": "redis", "mode": "managed", "state": "Ready"}]}))
            .unwrap();
    let facts = SecretFacts { host: Some("r".into()), ..secret(&["host"]) };
    assert_eq!(
        rejects(&platform, &found(&[("r", Some(facts))])),
        ["Spec spec.servers.redis: can't change between managed and external: the data would stay behind"]
    );
}

#[test]
fn networks_of_proxies_are_ranges_and_never_everywhere() {
    let trusting = |networks: Value| json!({"expose": {"ingress": {}, "trustedProxies": networks}});
    assert_eq!(accepts(trusting(json!([]))).trusted_proxies, Vec::<String>::new());
    let given = ["10.0.0.0/8", "fd00::/8", "192.0.2.7/32"];
    assert_eq!(accepts(trusting(json!(given))).trusted_proxies, given);
    let wrong = trusting(json!(["10.0.0.0/33", "10.0.0/8", "192.0.2.7", "0.0.0.0/0", "::/0"]));
    assert_eq!(
        rejects(&with(wrong), &Dereferenced::default()),
        [
            "Spec spec.expose.trustedProxies[0]: 10.0.0.0/33 is no range of addresses such as 10.1.0.0/16",
            "Spec spec.expose.trustedProxies[1]: 10.0.0/8 is no range of addresses such as 10.1.0.0/16",
            "Spec spec.expose.trustedProxies[2]: 192.0.2.7 is no range of addresses such as 10.1.0.0/16",
            "Spec spec.expose.trustedProxies[3]: 0.0.0.0/0 is everywhere: any client could choose its own address",
            "Spec spec.expose.trustedProxies[4]: ::/0 is everywhere: any client could choose its own address",
        ]
    );
}

#[test]
fn what_the_schema_refuses_is_refused_here_too_for_objects_from_before_the_rules() {
    let faults = rejects(
        &with(json!({
            "tls": {"mode": "Disabled"},
            "expose": {"nodePort": {}, "ingress": {}},
            "servers": {"redis": {}},
            "services": {"web": {"replicas": 10000, "engine": "postgres"}, "photostock": {"replicas": 2}},
            "networkPolicy": {"metricsFrom": [{"cidr": "10.0.0.0/99"}]},
            "image": {"pullSecrets": ["regcred"]}
        })),
        &Dereferenced::default(),
    );
    let fields: Vec<&str> = faults.iter().map(|fault| fault.split(':').next().unwrap()).collect();
    assert_eq!(
        fields,
        [
            "Reference spec.image.pullSecrets",
            "Spec spec.services.photostock.replicas",
            "Spec spec.services.web.replicas",
            "Spec spec.services.web.engine",
            "Spec spec.servers.redis",
            "Spec spec.tls.mode",
            "Spec spec.expose",
            "Spec spec.networkPolicy.metricsFrom[0].cidr",
        ]
    );
}

#[test]
fn configuration_of_a_managed_server_is_taken_but_for_what_the_operator_sets() {
    let postgres = |config: Value| json!({"servers": {"postgres": {"managed": {"config": config}}}});
    let Server::Managed(server) =
        accepts(postgres(json!({"max_connections": "200"}))).servers[&ServerKind::Postgres].clone()
    else {
        panic!("it is managed")
    };
    assert_eq!(server.config, BTreeMap::from([("max_connections".to_owned(), "200".to_owned())]));
    assert_eq!(
        rejects(&with(postgres(json!({"port": "1"}))), &Dereferenced::default()),
        ["Spec spec.servers.postgres.managed.config: port is set by the operator itself"]
    );
}

#[test]
fn postgresql_allows_as_many_connections_as_all_pods_can_open_while_they_roll() {
    let config = |fields: Value| {
        let servers = accepts(fields).servers;
        let Some(Server::Managed(server)) = servers.get(&ServerKind::Postgres) else { panic!("{servers:?}") };
        server.config.get("max_connections").cloned()
    };
    assert_eq!(config(json!({})), None);
    assert_eq!(config(json!({"plan": "medium"})).as_deref(), Some("200"));
    assert_eq!(config(json!({"plan": "large"})).as_deref(), Some("200"));
    let many = json!({"plan": "large", "services": {"order": {"replicas": 20}}});
    assert_eq!(config(many).as_deref(), Some("400"));
    let own = json!({"plan": "large", "servers": {"postgres": {"managed": {"config": {"max_connections": "900"}}}}});
    assert_eq!(config(own).as_deref(), Some("900"));
}

#[test]
fn accounts_and_mail_have_defaults() {
    let platform = accepts(json!({"mail": {"smtp": {"host": "mx", "from": "a@b.example"}}}));
    assert!(platform.sign_up && !platform.password_grant && platform.clients.is_empty());
    assert_eq!(platform.admin_email, "admin@courses.example.com");
    for host in ["127.0.0.1", "localhost", "shop"] {
        assert_eq!(accepts(json!({"host": host})).admin_email, "admin@localhost", "{host}");
    }
    let smtp = platform.smtp.unwrap();
    assert_eq!((smtp.port, smtp.account, smtp.authorities), (587, None, None));
    assert_eq!(accepts(json!({})).smtp, None);
}

#[test]
fn secrets_of_accounts_and_mail_must_be_there_with_their_keys() {
    let platform = with(json!({
        "identity": {"firstAdmin": {"passwordSecretRef": "admin"}},
        "mail": {"smtp": {"host": "mx", "from": "a@b.example", "secretRef": "smtp"}}
    }));
    assert_eq!(
        rejects(&platform, &found(&[("smtp", Some(secret(&["username"])))])),
        [
            "Reference spec.identity.firstAdmin.passwordSecretRef: there is no Secret admin in this namespace",
            "Reference spec.mail.smtp.secretRef: the Secret smtp has no key password",
        ]
    );
    let there =
        found(&[("smtp", Some(secret(&["username", "password"]))), ("admin", Some(secret(&["password"])))]);
    assert!(validate(&platform, &there, &Defaults::default()).is_ok());
}

#[test]
fn the_secret_of_a_mail_server_has_an_account_or_authorities_or_both() {
    let platform =
        with(json!({"mail": {"smtp": {"host": "mx", "from": "a@b.example", "secretRef": "smtp"}}}));
    let smtp = |keys: &[&str]| {
        let found = found(&[("smtp", Some(secret(keys)))]);
        let smtp = validate(&platform, &found, &Defaults::default()).unwrap().smtp.unwrap();
        (smtp.account.is_some(), smtp.authorities.is_some())
    };
    assert_eq!(smtp(&["username", "password"]), (true, false));
    assert_eq!(smtp(&["ca.crt"]), (false, true));
    assert_eq!(smtp(&["username", "password", "ca.crt"]), (true, true));
    let missing =
        |key: &str| vec![format!("Reference spec.mail.smtp.secretRef: the Secret smtp has no key {key}")];
    assert_eq!(
        rejects(&platform, &found(&[("smtp", Some(secret(&["username", "ca.crt"])))])),
        missing("password")
    );
    let neither = rejects(&platform, &found(&[("smtp", Some(secret(&["ca"])))]));
    assert_eq!(neither, [missing("username"), missing("password")].concat());
}

#[test]
fn a_client_that_identity_would_refuse_is_refused_with_its_field() {
    let client = |change: Value| {
        let mut client = json!({"id": "app", "type": "public", "grants": ["authorization_code"],
            "redirectUris": ["app://cb"], "scopes": ["openid"]});
        client.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        with(json!({"identity": {"clients": [client]}}))
    };
    let good = client(json!({}));
    assert!(validate(&good, &Dereferenced::default(), &Defaults::default()).is_ok());
    for (change, expected) in [
        (json!({"id": "order"}), "Spec spec.identity.clients[order].id: is the name of a component"),
        (json!({"id": "app-"}), "Spec spec.identity.clients[app-].id: must not end with a hyphen"),
        (
            json!({"scopes": ["order.buy"]}),
            "Spec spec.identity.clients[app].scopes: order.buy is for first-party",
        ),
        (
            json!({"redirectUris": ["https://me@app.example/cb"]}),
            "Spec spec.identity.clients[app].redirectUris: \"https://me@app.example/cb\" must not have a user name",
        ),
        (
            json!({"type": "confidential", "firstParty": true, "scopes": ["order.sys.status"],
                "grants": ["authorization_code", "client_credentials"]}),
            "Spec spec.identity.clients[app].scopes: order.sys.status is for the platform's own components",
        ),
        (
            json!({"jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "x"}]}}),
            "Spec spec.identity.clients[app].jwks: must be absent for a public client",
        ),
    ] {
        let faults = rejects(&client(change), &Dereferenced::default());
        assert!(faults.len() == 1 && faults[0].starts_with(expected), "{faults:?}");
    }
    let mut twice = good;
    let clients = &mut twice.spec.identity.as_mut().unwrap().clients;
    clients.push(clients[0].clone());
    let faults = rejects(&twice, &Dereferenced::default());
    assert_eq!(faults, ["Spec spec.identity.clients[app].id: stands twice"]);
}

#[test]
fn the_rules_of_the_resource_know_every_component_by_name() {
    let crd = serde_json::to_string(&courseplatform_api::crd()).unwrap();
    let names: Vec<String> =
        platform_components::components().iter().map(|entry| format!("'{}'", entry.name)).collect();
    let list = format!("[{}]", names.join(", "));
    assert_eq!(crd.matches(&list).count(), 6, "once for clients, and for each of five servers");
}
