//! A namespace with a platform and an operator in it.

use std::future::Future;
use std::time::{Duration, Instant};

use courseplatform_api::{CoursePlatform, CoursePlatformStatus};
use courseplatform_operator::children::Scope;
use courseplatform_operator::client::{Connection, client, client_with};
use courseplatform_operator::validate::Defaults;
use courseplatform_operator::{Operator, operate};
use futures::StreamExt;
use http::{Request, Response};
use k8s_openapi::api::core::v1::Namespace as KubeNamespace;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::client::{Body, DynBody};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Config, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::{BoxError, Layer, Service};

/// How long an effect may take. Far more than any needs: the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
/// Who the operator is in tests: somebody with exactly the rights of the chart's ClusterRole.
const OPERATOR: &str = "operator-under-test";

static INSTALLED: OnceCell<()> = OnceCell::const_new();

/// Waits until `probe` gives something.
///
/// # Panics
/// When it doesn't within the deadline; `what` tells what was waited for.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut probe: impl FnMut() -> F,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(started.elapsed() < DEADLINE, "in vain for {DEADLINE:?}: {what}");
        tokio::time::sleep(POLL).await;
    }
}

async fn config() -> Config {
    let path = std::env::var("TEST_KUBECONFIG").expect(
        "TEST_KUBECONFIG must name the kubeconfig of a test API server (e2e/cluster/apiserver.sh start)",
    );
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}

async fn operators_config() -> Config {
    let mut config = config().await;
    config.auth_info.impersonate = Some(OPERATOR.to_owned());
    config
}

/// A namespace of a test's own.
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) client: Client,
}

impl Namespace {
    pub(crate) async fn new() -> Self {
        let client = client(config().await).unwrap();
        INSTALLED.get_or_init(|| install(client.clone())).await;
        let name = format!("t-{:012x}", rand::random::<u64>() >> 16);
        let object: KubeNamespace = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        Api::all(client.clone()).create(&PostParams::default(), &object).await.unwrap();
        Self { name, client }
    }

    pub(crate) async fn config(&self) -> Config {
        config().await
    }

    pub(crate) fn api(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let gvk = kube::core::GroupVersionKind::gvk(group, version, kind);
        let resource = kube::core::ApiResource::from_gvk(&gvk);
        Api::namespaced_with(self.client.clone(), &self.name, &resource)
    }

    pub(crate) fn platforms(&self) -> Api<CoursePlatform> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Makes a platform called `demo`; what isn't in `spec` is the least that a valid one has.
    pub(crate) async fn platform(&self, spec: Value) -> CoursePlatform {
        self.named_platform("demo", spec).await
    }

    pub(crate) async fn named_platform(&self, name: &str, spec: Value) -> CoursePlatform {
        let mut whole = json!({"host": "courses.example.com"});
        merge(&mut whole, &spec);
        let platform: CoursePlatform = serde_json::from_value(json!({
            "apiVersion": "courseplatform.dev/v1alpha1", "kind": "CoursePlatform",
            "metadata": {"name": name, "namespace": self.name}, "spec": whole,
        }))
        .unwrap();
        self.platforms().create(&PostParams::default(), &platform).await.unwrap()
    }

    /// Changes the platform `demo` by a merge patch.
    pub(crate) async fn change(&self, patch: Value) {
        self.platforms().patch("demo", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    pub(crate) async fn status(&self, name: &str) -> CoursePlatformStatus {
        self.platforms().get(name).await.unwrap().status.unwrap_or_default()
    }

    /// Waits until a condition of the platform `demo` has this status and reason; returns its message.
    pub(crate) async fn condition(&self, name: &str, status: &str, reason: &str) -> String {
        self.condition_of("demo", name, status, reason).await
    }

    pub(crate) async fn condition_of(
        &self,
        platform: &str,
        name: &str,
        status: &str,
        reason: &str,
    ) -> String {
        let what = format!("condition {name} of {platform} with {status} and {reason}");
        let mut last = String::new();
        let found = tokio::time::timeout(DEADLINE, async {
            // Watched, not asked for again and again: dozens of platforms are waited for at a time.
            let one = watcher::Config::default().fields(&format!("metadata.name={platform}"));
            let mut changes = watcher(self.platforms(), one).default_backoff().applied_objects().boxed();
            while let Some(change) = changes.next().await {
                // A broken watch starts again.
                let Ok(object) = change else { continue };
                let conditions = object.status.unwrap_or_default().conditions;
                let Some(found) = conditions.into_iter().find(|condition| condition.type_ == name) else {
                    continue;
                };
                if found.status == status && found.reason == reason {
                    return Some(found.message);
                }
                last = format!("{} {}: {}", found.status, found.reason, found.message);
            }
            None
        })
        .await;
        match found {
            Ok(Some(message)) => message,
            _ => panic!("in vain: {what}; it is {last}"),
        }
    }

    /// Starts an operator for this namespace.
    pub(crate) async fn operator(&self) -> RunningOperator {
        self.operator_with(client(operators_config().await).unwrap())
    }

    /// Starts an operator whose calls pass through a layer.
    pub(crate) async fn operator_through<L>(&self, layer: &L) -> RunningOperator
    where
        L: Layer<Connection>,
        L::Service:
            Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError> + Send + 'static,
        <L::Service as Service<Request<Body>>>::Future: Send + 'static,
    {
        self.operator_with(client_with(operators_config().await, layer).unwrap())
    }

    fn operator_with(&self, client: Client) -> RunningOperator {
        let stop = CancellationToken::new();
        let operator = Operator {
            client,
            defaults: Defaults::default(),
            scope: Scope::Namespace(self.name.clone()),
            instance: Some("test".to_owned()),
        };
        let task = tokio::spawn(operate(operator, stop.clone()));
        RunningOperator { stop, task: Some(task) }
    }

    /// The names of the objects of a kind.
    pub(crate) async fn names(&self, api_version: &str, kind: &str) -> Vec<String> {
        let list = self.api(api_version, kind).list(&kube::api::ListParams::default()).await.unwrap();
        list.into_iter().map(|object| object.name_any()).collect()
    }

    /// Deletes an object as a person would.
    pub(crate) async fn delete(&self, api_version: &str, kind: &str, name: &str) {
        self.api(api_version, kind).delete(name, &DeleteParams::background()).await.unwrap();
    }
}

/// An operator that runs until it is dropped or stopped.
pub(crate) struct RunningOperator {
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl RunningOperator {
    /// Stops it as SIGTERM would, and waits for the end.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        self.task.take().unwrap().await.unwrap();
    }
}

impl Drop for RunningOperator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What the chart installs beside the operator itself.
async fn install(client: Client) {
    let crds: Api<
        k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    > = Api::all(client.clone());
    let crd = courseplatform_api::crd();
    let params = PatchParams::apply("tests").force();
    crds.patch(&crd.name_any(), &params, &Patch::Apply(&crd)).await.unwrap();
    let roles: Api<ClusterRole> = Api::all(client.clone());
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": OPERATOR},
        "rules": rules_of_the_chart(),
    });
    roles.patch(OPERATOR, &params, &Patch::Apply(&role)).await.unwrap();
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": OPERATOR},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": OPERATOR},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": OPERATOR}],
    });
    bindings.patch(OPERATOR, &params, &Patch::Apply(&binding)).await.unwrap();
    let operators = kube::Client::try_from(operators_config().await).unwrap();
    eventually("the API server serves platforms to the operator", || async {
        Api::<CoursePlatform>::all(operators.clone()).list(&kube::api::ListParams::default()).await.ok()
    })
    .await;
}

/// The rules of the chart's ClusterRole; they are the same whatever the values.
fn rules_of_the_chart() -> Value {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/courseplatform-operator/templates/rbac.yaml");
    let template = std::fs::read_to_string(path).unwrap();
    let (_, rest) = template.split_once("\nrules:\n").unwrap();
    let (rules, _) = rest.split_once("\n---").unwrap();
    serde_norway::from_str(rules).unwrap()
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}
