//! What a real kube-apiserver says to the objects that build makes: it takes each of them without a
//! warning about unknown fields, and each pod in a namespace that enforces Pod Security `restricted`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use courseplatform_api::CoursePlatform;
use courseplatform_operator::build::{Plan, build};
use courseplatform_operator::dereference::Dereferenced;
use courseplatform_operator::validate::{Defaults, validate};
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::api::{Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client, Config};
use serde_json::{Value, json};

async fn client() -> Client {
    let path = std::env::var("TEST_KUBECONFIG").unwrap_or_else(|_| {
        panic!("TEST_KUBECONFIG is not set: run the tests through `make test`, or after `courseplatform-local servers --kubernetes --`")
    });
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// A namespace of this test alone that refuses whatever isn't `restricted`.
async fn restricted_namespace(client: &Client, name: &str) -> String {
    let name = format!("{name}-{}", std::process::id());
    let namespace: Namespace = serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    }))
    .unwrap();
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    name
}

fn plan(namespace: &str, spec: &Value) -> Plan {
    let platform: CoursePlatform = serde_json::from_value(json!({
        "apiVersion": "courseplatform.dev/v1alpha1",
        "kind": "CoursePlatform",
        "metadata": {"name": "demo", "namespace": namespace},
        "spec": spec,
    }))
    .unwrap();
    build(&validate(&platform, &Dereferenced::default(), &Defaults::default()).unwrap())
}

fn specs() -> [Value; 2] {
    [
        json!({"host": "localhost", "tls": {"mode": "Disabled"}, "expose": {"nodePort": {}}}),
        json!({
            "host": "school.example.com",
            "plan": "large",
            "demoData": true,
            "deletionPolicy": "Delete",
            "servers": {"rabbitmq": {"managed": {"config": {"consumer_timeout": "60000"}}}},
            "photos": {"volume": {"accessMode": "ReadWriteMany"}},
            "scheduling": {"tolerations": [{"operator": "Exists"}]},
            "expose": {"ingress": {"className": "nginx", "annotations": {"example.com/a": "b"}}},
            "networkPolicy": {"metricsFrom": [{"namespaceSelector": {}}], "gatewayFrom": [{"cidr": "10.0.0.0/8"}]},
            "telemetry": {"otlpEndpoint": "http://collector:4318"}
        }),
    ]
}

fn resource(object: &Value) -> ApiResource {
    let text = |key: &str| object[key].as_str().unwrap();
    let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
    let plural = match text("kind") {
        "NetworkPolicy" => "networkpolicies".to_owned(),
        "Ingress" => "ingresses".to_owned(),
        kind => kind.to_lowercase() + "s",
    };
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, text("kind")), &plural)
}

#[tokio::test]
async fn every_object_is_accepted_and_no_field_is_unknown() {
    let client = client().await;
    let namespace = restricted_namespace(&client, "objects").await;
    let strict = PatchParams { dry_run: true, ..PatchParams::apply("test").force().validation_strict() };
    for spec in specs() {
        for wanted in plan(&namespace, &spec).objects {
            let api: Api<DynamicObject> =
                Api::namespaced_with(client.clone(), &namespace, &resource(&wanted.object));
            let answer = api.patch(wanted.name(), &strict, &Patch::Apply(&wanted.object)).await;
            let stored =
                answer.unwrap_or_else(|error| panic!("{} {}: {error}", wanted.kind(), wanted.name()));
            let stored = serde_json::to_value(stored).unwrap();
            let lost = missing(&wanted.object["spec"], &stored["spec"], "spec");
            assert!(lost.is_empty(), "{} {} lost {lost:?}", wanted.kind(), wanted.name());
        }
    }
}

/// The paths of what is wanted and was not stored as it is: it would be wanted again in every pass.
fn missing(wanted: &Value, stored: &Value, path: &str) -> Vec<String> {
    match (wanted, stored) {
        (Value::Object(wanted), Value::Object(_)) => wanted
            .iter()
            .flat_map(|(key, value)| missing(value, &stored[key], &format!("{path}.{key}")))
            .collect(),
        (Value::Array(wanted), Value::Array(items)) if wanted.len() == items.len() => wanted
            .iter()
            .zip(items)
            .enumerate()
            .flat_map(|(index, (wanted, stored))| missing(wanted, stored, &format!("{path}[{index}]")))
            .collect(),
        _ if wanted == stored => Vec::new(),
        _ => vec![format!("{path}: {wanted} became {stored}")],
    }
}

#[tokio::test]
async fn every_pod_is_admitted_where_only_restricted_ones_are() {
    let client = client().await;
    let namespace = restricted_namespace(&client, "pods").await;
    let dry_run = PostParams { dry_run: true, field_manager: None };
    for spec in specs() {
        let plan = plan(&namespace, &spec);
        for account in plan.objects.iter().filter(|wanted| wanted.kind() == "ServiceAccount") {
            let api: Api<DynamicObject> =
                Api::namespaced_with(client.clone(), &namespace, &resource(&account.object));
            let params = PatchParams::apply("test").force();
            api.patch(account.name(), &params, &Patch::Apply(&account.object)).await.unwrap();
        }
        let pods: Api<DynamicObject> = Api::namespaced_with(
            client.clone(),
            &namespace,
            &ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("", "v1", "Pod"), "pods"),
        );
        for wanted in plan.objects.iter().filter(|wanted| wanted.object["spec"]["template"].is_object()) {
            let mut pod = wanted.object["spec"]["template"].clone();
            pod["apiVersion"] = json!("v1");
            pod["kind"] = json!("Pod");
            pod["metadata"]["name"] = json!(wanted.name());
            if wanted.kind() == "StatefulSet" {
                // Its controller adds the volume of the claim.
                let volumes = pod["spec"]["volumes"].as_array_mut().unwrap();
                volumes.push(json!({"name": "data", "persistentVolumeClaim": {"claimName": "data"}}));
            }
            let pod: DynamicObject = serde_json::from_value(pod).unwrap();
            let answer = pods.create(&dry_run, &pod).await;
            assert!(answer.is_ok(), "{} {}: {answer:?}", wanted.kind(), wanted.name());
        }
    }
}

#[tokio::test]
async fn a_pod_that_is_not_restricted_is_refused_there() {
    let client = client().await;
    let namespace = restricted_namespace(&client, "guard").await;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &namespace);
    let account = serde_json::from_value(json!({"metadata": {"name": "careless"}})).unwrap();
    accounts.create(&PostParams::default(), &account).await.unwrap();
    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    let careless = serde_json::from_value(json!({
        "metadata": {"name": "careless"},
        "spec": {"serviceAccountName": "careless", "containers": [{"name": "a", "image": "a"}]}
    }))
    .unwrap();
    let error = pods.create(&PostParams { dry_run: true, field_manager: None }, &careless).await.unwrap_err();
    assert!(error.to_string().contains("violates PodSecurity"), "{error}");
}
