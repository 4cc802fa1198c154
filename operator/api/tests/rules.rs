//! What a real kube-apiserver makes of the definition: it takes it, within its budget for rules, and
//! each rule accepts and rejects what it should. Every test has its own objects, created as dry runs
//! where nothing has to be kept.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test that cannot go on fails"
)]

use std::sync::LazyLock;

use courseplatform_api::{CoursePlatform, crd};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::ApiResource;
use kube::{Api, Client, Config, CustomResourceExt};
use serde_json::{Value, json};

use tokio::sync::OnceCell;

static INSTALLED: OnceCell<()> = OnceCell::const_new();

/// A namespace for this run alone.
static NAMESPACE: LazyLock<String> = LazyLock::new(|| format!("rules-{}", std::process::id()));

/// Objects of our kind without our types, so that anything can be sent.
async fn platforms() -> Api<DynamicObject> {
    let path = std::env::var("TEST_KUBECONFIG").unwrap_or_else(|_| {
        panic!("TEST_KUBECONFIG is not set: run the tests through `make test`, or after `courseplatform-local servers --kubernetes --`")
    });
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    let client = Client::try_from(config).unwrap();
    INSTALLED.get_or_init(|| install(client.clone())).await;
    Api::namespaced_with(client, &NAMESPACE, &ApiResource::erase::<CoursePlatform>(&()))
}

/// Makes the namespace, applies the definition and waits until the API server serves it.
async fn install(client: Client) {
    let namespace = serde_json::from_value(json!({"metadata": {"name": *NAMESPACE}})).unwrap();
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    let definitions: Api<CustomResourceDefinition> = Api::all(client);
    let params = PatchParams::apply("courseplatform-tests").force();
    definitions.patch(CoursePlatform::crd_name(), &params, &Patch::Apply(crd())).await.unwrap();
    let established = kube::runtime::wait::conditions::is_crd_established();
    let wait = kube::runtime::wait::await_condition(definitions, CoursePlatform::crd_name(), established);
    tokio::time::timeout(std::time::Duration::from_secs(30), wait).await.unwrap().unwrap();
}

fn object(name: &str, spec: &Value) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": "courseplatform.dev/v1alpha1",
        "kind": "CoursePlatform",
        "metadata": {"name": name},
        "spec": spec,
    }))
    .unwrap()
}

/// A spec with these fields beside the host.
fn with(fields: &Value) -> Value {
    let mut spec = json!({"host": "courses.example.com"});
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    spec
}

/// Sends an object as kubectl does: unknown fields are errors.
async fn send(request: http::request::Builder, object: &DynamicObject) -> Result<DynamicObject, String> {
    let request = request.header("content-type", "application/json");
    let body = serde_json::to_vec(object).unwrap();
    match platforms().await.into_client().request(request.body(body).unwrap()).await {
        Ok(object) => Ok(object),
        Err(kube::Error::Api(status)) => Err(status.message.clone()),
        Err(other) => panic!("{other}"),
    }
}

fn path(rest: &str) -> String {
    format!("/apis/courseplatform.dev/v1alpha1/namespaces/{}/courseplatforms{rest}", *NAMESPACE)
}

async fn create(name: &str, spec: &Value) -> Result<DynamicObject, String> {
    let path = path("?fieldValidation=Strict&dryRun=All");
    send(http::Request::post(path), &object(name, spec)).await
}

async fn accepts(fields: Value) {
    if let Err(error) = create("demo", &with(&fields)).await {
        panic!("{fields} was refused: {error}");
    }
}

/// The API server refuses the spec and says `because`.
async fn rejects(fields: Value, because: &str) {
    match create("demo", &with(&fields)).await {
        Ok(_) => panic!("{fields} was accepted"),
        Err(error) => assert!(error.contains(because), "{fields}: {error}"),
    }
}

/// A change of a stored object from one spec to another: accepted, or refused with the message.
async fn change(name: &str, from: Value, to: Value) -> Result<(), String> {
    send(http::Request::post(path("")), &object(name, &with(&from))).await.unwrap();
    let api = platforms().await;
    let mut changed = api.get(name).await.unwrap();
    changed.data["spec"] = with(&to);
    let path = path(&format!("/{name}?fieldValidation=Strict&dryRun=All"));
    let answer = send(http::Request::put(path), &changed).await;
    api.delete(name, &DeleteParams::default()).await.unwrap();
    answer.map(drop)
}

#[tokio::test]
async fn a_host_is_enough_and_null_is_the_same_as_absent() {
    accepts(json!({})).await;
    let created = create("demo", &with(&json!({"plan": null, "servers": {"redis": null}}))).await.unwrap();
    assert_eq!(created.data["spec"], json!({"host": "courses.example.com", "servers": {}}));
}

#[tokio::test]
async fn every_field_of_the_documentation_is_known() {
    accepts(json!({
        "plan": "medium",
        "version": "0.1.0",
        "image": {"registry": "ghcr.io/courseplatform", "pullPolicy": "IfNotPresent", "pullSecrets": ["regcred"]},
        "paused": false, "stopped": false, "demoData": true, "currency": "TRY", "deletionPolicy": "Retain",
        "servers": {
            "postgres": {"managed": {"image": null, "storage": {"size": "10Gi", "className": null},
                         "resources": {"requests": {"cpu": "100m"}}, "config": {"max_connections": "200"}}},
            "sqlServer": {"external": {"provisioning": "None", "serviceSecrets": {"identity": "id-db"},
                          "egress": [{"cidr": "10.1.0.0/16", "port": 1433}]}},
            "mongodb": {"external": {"secretRef": "mongo-admin", "provisioning": "Admin", "egress": []}},
            "redis": {"managed": {"storage": {"size": "1Gi"}}}
        },
        "services": {
            "gateway": {"replicas": 2},
            "identity": {"engine": "sqlServer"},
            "order": {"engine": "postgres", "resources": {}, "image": null,
                      "env": [{"name": "LOG_LEVEL", "value": "debug"}]}
        },
        "scheduling": {"nodeSelector": {"a": "b"}, "tolerations": [{"operator": "Exists"}],
                       "priorityClassName": null, "spread": true},
        "photos": {"volume": {"size": "20Gi", "accessMode": "ReadWriteOnce"}},
        "expose": {"nodePort": {"port": 30080}, "externalPort": 8080, "trustedProxies": ["10.0.0.0/8"]},
        "tls": {"mode": "Upstream"},
        "networkPolicy": {"enabled": true, "metricsFrom": [{"podSelector": {"matchLabels": {"a": "b"}}}]},
        "telemetry": {"otlpEndpoint": null, "logLevel": "info"},
        "identity": {
            "signUp": "Open", "passwordGrant": false,
            "firstAdmin": {"email": "admin@example.com", "passwordSecretRef": null},
            "clients": [{"id": "mobile", "name": "Our app", "type": "public", "redirectUris": ["app://cb"],
                         "postLogoutRedirectUris": [], "grants": ["authorization_code", "refresh_token"],
                         "scopes": ["openid", "order.read"], "firstParty": false}]
        },
        "mail": {"smtp": {"host": "smtp.example.com", "port": 587, "tls": "StartTLS",
                          "from": "shop@example.com", "secretRef": "smtp"}}
    }))
    .await;
}

#[tokio::test]
async fn what_is_unknown_is_refused() {
    rejects(json!({"backup": {"keep": 7}}), "unknown field \"spec.backup\"").await;
    rejects(json!({"servers": {"postgres": {"delegated": {}}}}), "unknown field").await;
    rejects(json!({"servers": {"oracle": {"managed": {}}}}), "unknown field").await;
    rejects(json!({"plan": "tiny"}), "Unsupported value: \"tiny\"").await;
    rejects(json!({"tls": {"mode": "Secret"}}), "Unsupported value: \"Secret\"").await;
}

#[tokio::test]
async fn a_host_is_a_dns_name() {
    for host in ["localhost", "a.b-c.example", "127.0.0.1"] {
        accepts(json!({"host": host})).await;
    }
    for host in
        ["", "https://a.example", "a_b.example", "-a.example", "a..example", "A.example", "a.example:8080"]
    {
        rejects(json!({"host": host}), "spec.host").await;
    }
    rejects(json!({"host": format!("{}.example", "a".repeat(64))}), "spec.host").await;
    rejects(json!({"host": "a.".repeat(130) + "a"}), "spec.host").await;
}

#[tokio::test]
async fn a_name_leaves_room_for_the_names_of_objects() {
    assert!(create(&"p".repeat(30), &with(&json!({}))).await.is_ok());
    for name in ["p".repeat(31), "p".repeat(63), "1demo".to_owned(), "a.b".to_owned()] {
        let error = create(&name, &with(&json!({}))).await.unwrap_err();
        assert!(error.contains("metadata.name must start with a letter"), "{name}: {error}");
    }
}

#[tokio::test]
async fn replicas_are_between_one_and_a_hundred() {
    for replicas in [1, 100] {
        accepts(json!({"services": {"web": {"replicas": replicas}}})).await;
    }
    for replicas in [-1, 0, 101, 10_000] {
        rejects(json!({"services": {"web": {"replicas": replicas}}}), "spec.services.web.replicas").await;
    }
}

#[tokio::test]
async fn several_pods_need_photos_that_several_can_mount() {
    let photostock = json!({"photostock": {"replicas": 2}});
    rejects(json!({"services": photostock}), "accessMode ReadWriteMany").await;
    accepts(json!({"services": photostock, "photos": {"volume": {"accessMode": "ReadWriteMany"}}})).await;
}

#[tokio::test]
async fn a_server_is_exactly_one_thing() {
    let because = "exactly one of managed and external must be set";
    for kind in ["postgres", "mongodb", "redis", "rabbitmq"] {
        accepts(json!({"servers": {kind: {"managed": {}}}})).await;
        accepts(json!({"servers": {kind: {"external": {"secretRef": "s"}}}})).await;
        rejects(json!({"servers": {kind: {}}}), because).await;
        rejects(json!({"servers": {kind: {"managed": {}, "external": {"secretRef": "s"}}}}), because).await;
    }
}

#[tokio::test]
async fn an_external_server_names_its_accounts() {
    let external = |external: Value| json!({"servers": {"redis": {"external": external}}});
    let because = "provisioning Admin needs secretRef, provisioning None needs serviceSecrets";
    rejects(external(json!({})), because).await;
    rejects(external(json!({"provisioning": "None"})), because).await;
    rejects(external(json!({"provisioning": "None", "secretRef": "s"})), because).await;
    accepts(external(json!({"provisioning": "None", "serviceSecrets": {"basket": "s"}}))).await;
    rejects(
        external(json!({"provisioning": "None", "serviceSecrets": {"shop": "s"}})),
        "names of components",
    )
    .await;
    rejects(external(json!({"secretRef": "s", "egress": [{}]})), "exactly one of cidr and selectors").await;
    let both = json!({"cidr": "10.0.0.0/8", "podSelector": {}});
    rejects(external(json!({"secretRef": "s", "egress": [both]})), "exactly one of cidr and selectors").await;
}

#[tokio::test]
async fn configuration_can_not_break_out_of_its_line() {
    let config =
        |key: &str, value: &str| json!({"servers": {"redis": {"managed": {"config": {key: value}}}}});
    accepts(config("maxmemory", "100mb")).await;
    rejects(config("maxmemory", "100mb\nrequirepass x"), "one line of ASCII").await;
    rejects(config("max memory", "1"), "one line of ASCII").await;
    rejects(config("", "1"), "one line of ASCII").await;
}

#[tokio::test]
async fn an_engine_is_chosen_where_there_is_a_choice_and_a_server() {
    rejects(json!({"services": {"catalog": {"engine": "postgres"}}}), "only identity and order").await;
    rejects(json!({"services": {"order": {"engine": "oracle"}}}), "Unsupported value").await;
    rejects(
        json!({"services": {"order": {"engine": "sqlServer"}}}),
        "engine sqlServer needs servers.sqlServer",
    )
    .await;
    rejects(json!({"services": {"identity": {"engine": "sqlServer"}}}), "engine sqlServer needs").await;
    let server =
        json!({"sqlServer": {"external": {"provisioning": "None", "serviceSecrets": {"order": "s"}}}});
    accepts(json!({"services": {"order": {"engine": "sqlServer"}}, "servers": server})).await;
}

#[tokio::test]
async fn a_client_of_oauth_has_what_its_grants_need() {
    let clients = |clients: Value| json!({"identity": {"clients": clients}});
    let client = |change: Value| {
        let mut client = json!({"id": "app", "type": "public", "grants": ["authorization_code"],
            "redirectUris": ["app://cb"], "scopes": ["openid"]});
        client.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        client
    };
    for uri in
        ["https://a.example/cb", "http://127.0.0.1:9/cb", "http://[::1]/cb", "http://localhost", "a.b:/cb"]
    {
        accepts(clients(json!([client(json!({"redirectUris": [uri]}))]))).await;
    }
    let robot = json!({"id": "r", "type": "confidential", "grants": ["client_credentials"]});
    accepts(clients(json!([client(json!({})), robot]))).await;
    let keys = |key: Value| {
        let jwks = json!({"keys": [key]});
        json!({"id": "r", "type": "confidential", "grants": ["client_credentials"], "jwks": jwks})
    };
    let part = "A".repeat(43);
    let (curve, rsa) = (
        json!({"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig", "alg": "ES256", "x": part, "y": part}),
        json!({"kty": "RSA", "n": "A".repeat(342), "e": "AQAB"}),
    );
    for key in [&curve, &rsa, &json!({"kty": "OKP", "crv": "Ed25519", "x": part})] {
        accepts(clients(json!([keys(key.clone())]))).await;
    }
    for (key, because) in [
        (json!({"kty": "EC", "crv": "P-384", "x": part, "y": part}), "a key of kty EC needs"),
        (json!({"kty": "OKP", "crv": "Ed25519"}), "a key of kty OKP needs"),
        (json!({"kty": "RSA", "e": "AQAB"}), "a key of kty RSA needs"),
        (json!({"kty": "oct"}), "Unsupported value: \"oct\""),
        (json!({"kty": "OKP", "crv": "Ed25519", "x": part, "d": part}), "unknown field"),
        (json!({"kty": "RSA", "n": "short", "e": "AQAB"}), "keys[0].n"),
    ] {
        rejects(clients(json!([keys(key)])), because).await;
    }
    for (change, because) in [
        (json!({"jwks": {"keys": [curve]}}), "a public client can't keep a key"),
        (json!({"jwks": {"keys": []}}), "clients[0].jwks.keys"),
        (json!({"id": "App"}), "clients[0].id"),
        (json!({"id": "app-"}), "clients[0].id"),
        (json!({"id": "order"}), "names of components"),
        (json!({"id": "abcdefab-0000-4000-8000-000000000000"}), "taken for a user"),
        (json!({"type": "secret"}), "Unsupported value"),
        (json!({"grants": []}), "clients[0].grants"),
        (json!({"grants": ["implicit"]}), "Unsupported value"),
        (json!({"grants": ["authorization_code", "authorization_code"]}), "Duplicate value"),
        (json!({"grants": ["authorization_code", "client_credentials"]}), "can't keep a secret"),
        (json!({"grants": ["refresh_token"], "redirectUris": []}), "needs authorization_code or password"),
        (json!({"grants": ["password"]}), "need each other"),
        (json!({"redirectUris": []}), "need each other"),
        (json!({"redirectUris": ["http://a.example/cb"]}), "http is only for localhost"),
        (json!({"redirectUris": ["http://localhost.a.example/cb"]}), "http is only for localhost"),
        (json!({"redirectUris": ["https://*.a.example/cb"]}), "redirectUris[0]"),
        (json!({"redirectUris": ["https://a.example/cb#x"]}), "redirectUris[0]"),
        (json!({"redirectUris": ["a.example/cb"]}), "redirectUris[0]"),
        (json!({"postLogoutRedirectUris": ["http://a.example/"]}), "http is only for localhost"),
        (json!({"scopes": ["open id"]}), "scopes[0]"),
        (json!({"secret": "x"}), "unknown field"),
    ] {
        rejects(clients(json!([client(change)])), because).await;
    }
    rejects(clients(json!([client(json!({})), client(json!({}))])), "Duplicate value").await;
    let many: Vec<Value> = (0..33).map(|n| client(json!({"id": format!("c{n}")}))).collect();
    rejects(clients(json!(many)), "must have at most 32 items").await;
}

#[tokio::test]
async fn a_mail_server_gets_no_password_in_the_clear() {
    let smtp = |change: Value| {
        let mut smtp = json!({"host": "smtp.example.com", "from": "shop@example.com"});
        smtp.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({"mail": {"smtp": smtp}})
    };
    accepts(smtp(json!({}))).await;
    accepts(smtp(json!({"tls": "None", "port": 25}))).await;
    rejects(smtp(json!({"tls": "None", "secretRef": "s"})), "in the clear").await;
    rejects(smtp(json!({"host": "smtp.example.com:25"})), "smtp.host").await;
    rejects(smtp(json!({"port": 0})), "smtp.port").await;
    rejects(smtp(json!({"from": "nobody"})), "smtp.from").await;
}

#[tokio::test]
async fn only_localhost_goes_without_tls() {
    let disabled = json!({"mode": "Disabled"});
    for host in ["localhost", "shop.localhost", "127.0.0.1"] {
        accepts(json!({"host": host, "tls": disabled})).await;
    }
    rejects(json!({"tls": disabled}), "tls.mode Disabled is only for localhost").await;
    rejects(json!({"host": "localhost.example.com", "tls": disabled}), "only for localhost").await;
}

#[tokio::test]
async fn a_platform_is_exposed_in_one_way() {
    accepts(json!({"expose": {"externalPort": 8080}})).await;
    accepts(json!({"expose": {"ingress": {"className": "nginx"}}})).await;
    rejects(json!({"expose": {"nodePort": {}, "ingress": {}}}), "at most one of nodePort and ingress").await;
    rejects(json!({"expose": {"externalPort": 70000}}), "spec.expose.externalPort").await;
    accepts(json!({"expose": {"ingress": {}, "trustedProxies": ["10.0.0.0/8", "fd00::/8"]}})).await;
    let name = json!({"expose": {"ingress": {}, "trustedProxies": ["ingress.example.com"]}});
    rejects(name, "spec.expose.trustedProxies[0]").await;
    let many = json!({"expose": {"trustedProxies": vec!["10.0.0.0/8"; 21]}});
    rejects(many, "spec.expose.trustedProxies").await;
}

#[tokio::test]
async fn small_things_have_their_form() {
    rejects(json!({"currency": "Lira"}), "spec.currency").await;
    rejects(json!({"version": "latest"}), "spec.version").await;
    rejects(json!({"services": {"web": {"env": [{"name": "a b", "value": ""}]}}}), "env[0].name").await;
    let twice = json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]);
    rejects(json!({"services": {"web": {"env": twice}}}), "Duplicate value").await;
    rejects(json!({"services": {"web": {"resources": {"limits": {"memory": "much"}}}}}), "quantities").await;
    rejects(json!({"photos": {"volume": {"size": "-1Gi"}}}), "spec.photos.volume.size").await;
    rejects(json!({"telemetry": {"otlpEndpoint": "collector"}}), "otlpEndpoint").await;
    rejects(json!({"identity": {"firstAdmin": {"email": "nobody"}}}), "firstAdmin.email").await;
    rejects(json!({"scheduling": {"tolerations": [{"value": "x"}]}}), "toleration without key").await;
    rejects(json!({"networkPolicy": {"gatewayFrom": [{}]}}), "exactly one of cidr and selectors").await;
}

/// Each thing that can't change: its path of objects, its default and another value.
#[tokio::test]
async fn what_can_not_change_does_not_and_absent_counts_as_the_default() {
    let cases = [
        ("currency", json!("TRY"), json!("EUR"), "currency can't change"),
        ("photos.volume.size", json!("20Gi"), json!("30Gi"), "photos.volume can't change"),
        (
            "photos.volume.accessMode",
            json!("ReadWriteOnce"),
            json!("ReadWriteMany"),
            "photos.volume can't change",
        ),
        (
            "servers.postgres.managed.storage.size",
            json!("10Gi"),
            json!("20Gi"),
            "postgres.managed.storage can't",
        ),
        (
            "servers.mongodb.managed.storage.size",
            json!("10Gi"),
            json!("20Gi"),
            "mongodb.managed.storage can't",
        ),
        ("servers.redis.managed.storage.size", json!("1Gi"), json!("2Gi"), "redis.managed.storage can't"),
        (
            "servers.rabbitmq.managed.storage.size",
            json!("5Gi"),
            json!("6Gi"),
            "rabbitmq.managed.storage can't",
        ),
    ];
    for (path, default, other, because) in cases {
        let name = "immutable";
        let set = |value: &Value| nested(path, value.clone());
        assert_eq!(change(name, json!({}), set(&default)).await, Ok(()), "{path} appears with its default");
        assert_eq!(
            change(name, set(&default), json!({})).await,
            Ok(()),
            "{path} disappears from its default"
        );
        assert_eq!(change(name, set(&other), set(&other)).await, Ok(()), "{path} stays");
        for (from, to) in [(json!({}), set(&other)), (set(&other), json!({})), (set(&default), set(&other))] {
            let error = change(name, from, to).await.unwrap_err();
            assert!(error.contains(because), "{path}: {error}");
        }
    }
}

#[tokio::test]
async fn a_volume_stays_in_its_class() {
    for path in ["photos.volume.className", "servers.postgres.managed.storage.className"] {
        let error = change("class", json!({}), nested(path, json!("fast"))).await.unwrap_err();
        assert!(error.contains("can't change"), "{path}: {error}");
    }
}

#[tokio::test]
async fn a_server_stays_what_it_is_and_absent_counts_as_managed() {
    for kind in ["postgres", "mongodb", "redis", "rabbitmq"] {
        let name = &format!("member-{kind}");
        let managed = json!({"servers": {kind: {"managed": {}}}});
        let external = json!({"servers": {kind: {"external": {"secretRef": "s"}}}});
        assert_eq!(change(name, json!({}), managed.clone()).await, Ok(()));
        for (from, to) in [
            (json!({}), external.clone()),
            (managed.clone(), external.clone()),
            (external.clone(), managed.clone()),
            (external.clone(), json!({})),
            (external.clone(), json!({"servers": {}})),
        ] {
            let error = change(name, from, to).await.unwrap_err();
            assert!(error.contains("can't change between managed and external"), "{kind}: {error}");
        }
    }
}

#[tokio::test]
async fn an_engine_stays_what_it_is() {
    let server =
        json!({"sqlServer": {"external": {"provisioning": "None", "serviceSecrets": {"order": "s"}}}});
    for service in ["identity", "order"] {
        let with_engine =
            |engine: &str| json!({"servers": server, "services": {service: {"engine": engine}}});
        let without = json!({"servers": server});
        let name = &format!("engine-{service}");
        assert_eq!(change(name, without.clone(), with_engine("postgres")).await, Ok(()));
        for (from, to) in [(without.clone(), with_engine("sqlServer")), (with_engine("sqlServer"), without)] {
            let error = change(name, from, to).await.unwrap_err();
            assert!(error.contains("engine can't change"), "{service}: {error}");
        }
    }
}

/// Objects around a value: `a.b` and `1` make `{"a": {"b": 1}}`.
fn nested(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |inner, key| json!({key: inner}))
}
