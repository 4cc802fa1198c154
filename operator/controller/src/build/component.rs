//! What a component's pods are told: environment, secrets and files, from its settings in the table.

use platform_components::{ADMIN_PORT, API_PORT, Name, ServerKind, Source, component, names};
use serde_json::{Value, json};

use super::meta::{Role, component_name};
use super::plan::Part;
use super::pod::{self, CONFIG, OUR_USER, Pod, SECRETS, SecretFile};
use super::{claim, config_map, secrets};
use crate::validate::ValidatedPlatform;

/// How long a component goes on serving after SIGTERM, until every caller knows (OPERATOR rule 7).
pub(super) const DRAIN_DELAY_SECONDS: i64 = 15;
/// The delay, 30 s for requests under way, 10 s for background tasks, and 5 s to spare.
const GRACE_SECONDS: i64 = DRAIN_DELAY_SECONDS + 30 + 10 + 5;
const PHOTOS: &str = "/photos";

/// The pod template of a component that serves.
pub(super) fn serving(platform: &ValidatedPlatform, name: Name) -> Value {
    let fields = json!({
        "args": ["serve"],
        "ports": [
            {"name": "http", "containerPort": API_PORT, "protocol": "TCP"},
            {"name": "admin", "containerPort": ADMIN_PORT, "protocol": "TCP"},
        ],
        "startupProbe": probe("/livez", 1, 60),
        "livenessProbe": probe("/livez", 10, 3),
        "readinessProbe": probe("/readyz", 2, 2),
    });
    template(platform, name, Role::Service, fields)
}

/// The pod template of a Job that runs one of a component's subcommands.
pub(super) fn once(platform: &ValidatedPlatform, name: Name, role: Role) -> Value {
    template(platform, name, role, json!({"args": [role.as_str()]}))
}

fn template(platform: &ValidatedPlatform, name: Name, role: Role, mut fields: Value) -> Value {
    let given = &platform.components[&name];
    let entry = component(name);
    let serving = role == Role::Service;
    let files = secret_files(platform, name);
    let mut volumes = Vec::new();
    let mut mounts = Vec::new();
    if !files.is_empty() {
        volumes.push(pod::secrets_volume(&files));
        mounts.push(pod::secrets_mount());
    }
    if serving && entry.volume {
        let claim = claim::name(platform);
        volumes.push(json!({"name": "photos", "persistentVolumeClaim": {"claimName": claim}}));
        mounts.push(json!({"name": "photos", "mountPath": PHOTOS}));
    }
    let routes = (serving && name == Name::Gateway).then(|| config_map::routes(platform));
    if let Some(routes) = &routes {
        volumes.push(json!({"name": "config", "configMap": {"name": routes.name}}));
        mounts.push(json!({"name": "config", "mountPath": CONFIG, "readOnly": true}));
    }
    // The file is named, not the image's entrypoint: an image in place of ours must have it too.
    fields["command"] = json!([format!("/{name}")]);
    fields["env"] = pod::environment(variables(platform, name));
    fields["volumeMounts"] = Value::from(mounts);
    Pod {
        platform,
        part: Part::Component(name),
        role,
        service_account: component_name(platform, name),
        user: OUR_USER,
        container: pod::container(platform, name.as_str(), &given.image, &given.resources, fields),
        volumes,
        grace_seconds: if serving { GRACE_SECONDS } else { 30 },
        config_hash: routes.map(|routes| routes.hash),
        restart_policy: (!serving).then_some("Never"),
    }
    .template()
}

fn probe(path: &str, period: u32, failures: u32) -> Value {
    json!({
        "httpGet": {"path": path, "port": "admin"},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    })
}

/// The environment: the table's settings, then the spec's own variables.
fn variables(platform: &ValidatedPlatform, name: Name) -> Vec<(&str, String)> {
    let given = &platform.components[&name];
    let mut variables: Vec<(&str, String)> = component(name)
        .settings()
        .into_iter()
        .filter(|setting| !given.env.contains_key(setting.key))
        .filter_map(|setting| Some((setting.key, value(platform, name, setting.source)?)))
        .collect();
    variables.extend(given.env.iter().map(|(key, value)| (key.as_str(), value.clone())));
    variables
}

/// The value of a setting; `None` for one that is not set.
fn value(platform: &ValidatedPlatform, name: Name, source: Source) -> Option<String> {
    Some(match source {
        Source::ApiAddress => format!("0.0.0.0:{API_PORT}"),
        Source::AdminAddress => format!("0.0.0.0:{ADMIN_PORT}"),
        Source::PublicUrl => platform.public_url.clone(),
        Source::Peer(peer) => url(platform, peer),
        Source::ServerUrlFile(kind) => format!("{SECRETS}/{}", kind.url_file()),
        Source::DatabaseEngine => database(platform, name)?.as_str().to_owned(),
        Source::RedisKeyPrefix => {
            format!("{}:", names::database_name(&platform.namespace, &platform.name, name))
        }
        Source::PhotosFolder => PHOTOS.to_owned(),
        Source::RoutesFile => format!("{CONFIG}/{}", config_map::ROUTES_KEY),
        Source::KeyringFile => format!("{SECRETS}/{}", secrets::KEYRING_KEY),
        Source::OtlpEndpoint => platform.otlp_endpoint.clone()?,
        Source::LogLevel => platform.log_level.as_str().to_owned(),
        Source::LogFormat => "json".to_owned(),
        Source::Currency => platform.currency.clone(),
        Source::DrainDelay => DRAIN_DELAY_SECONDS.to_string(),
    })
}

/// The base URL of a component inside the cluster.
pub(super) fn url(platform: &ValidatedPlatform, name: Name) -> String {
    format!("http://{}:{API_PORT}", component_name(platform, name))
}

/// The engine of a component's database.
fn database(platform: &ValidatedPlatform, name: Name) -> Option<ServerKind> {
    let servers = &platform.components[&name].servers;
    servers.iter().copied().find(|kind| matches!(kind, ServerKind::Postgres | ServerKind::SqlServer))
}

/// The secrets that a component mounts: a URL for each of its servers, and identity's keyring.
fn secret_files(platform: &ValidatedPlatform, name: Name) -> Vec<SecretFile> {
    let mut files: Vec<SecretFile> = platform.components[&name]
        .servers
        .iter()
        .map(|&kind| SecretFile {
            secret: secrets::account_secret(platform, name, kind),
            key: "uri",
            path: kind.url_file().to_owned(),
        })
        .collect();
    if component(name).extra_settings.iter().any(|setting| setting.source == Source::KeyringFile) {
        files.push(SecretFile {
            secret: secrets::keyring_secret(platform, name),
            key: secrets::KEYRING_KEY,
            path: secrets::KEYRING_KEY.to_owned(),
        });
    }
    files
}
