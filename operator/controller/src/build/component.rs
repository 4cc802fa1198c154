//! What a component's pods are told: environment, secrets and files, from its settings in the table.

use courseplatform_api::SmtpTls;
use platform_components::{ADMIN_PORT, API_PORT, Name, ServerKind, Source, component, names};
use serde_json::{Value, json};

use super::meta::{Role, component_name};
use super::plan::Part;
use super::pod::{self, CONFIG, OUR_USER, Pod, SECRETS, SecretFile};
use super::{claim, clients, config_map, secrets};
use crate::validate::ValidatedPlatform;

/// How long a component goes on serving after SIGTERM, until every caller knows (OPERATOR rule 7).
pub(super) const DRAIN_DELAY_SECONDS: i64 = 15;
/// The delay, 30 s for requests under way, 10 s for background tasks, and 5 s to spare.
const GRACE_SECONDS: i64 = DRAIN_DELAY_SECONDS + 30 + 10 + 5;
const PHOTOS: &str = "/photos";
/// Where identity's list of clients is mounted: a folder of its own, whose files Kubernetes brings up to
/// date while the pod runs.
const CLIENTS: &str = "/clients";
/// The file with the component's own secret as a client.
const CLIENT_SECRET: &str = "client-secret";
const SMTP_USERNAME: &str = "smtp-username";
const SMTP_PASSWORD: &str = "smtp-password";
const SMTP_CA: &str = "smtp-ca.crt";

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
    if has(name, Source::ClientsFile) {
        let secret = clients::list_name(platform);
        volumes.push(json!({
            "name": "clients", "secret": {"secretName": secret, "defaultMode": pod::SECRET_MODE},
        }));
        mounts.push(json!({"name": "clients", "mountPath": CLIENTS, "readOnly": true}));
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
        Source::JwksUri => format!("{}/identity/jwks", url(platform, Name::Identity)),
        Source::TokenUrl => format!("{}/identity/token", url(platform, Name::Identity)),
        Source::ClientSecretFile => format!("{SECRETS}/{CLIENT_SECRET}"),
        Source::ClientsFile => format!("{CLIENTS}/{}", clients::LIST_KEY),
        Source::FirstAdminFile => format!("{SECRETS}/{}", secrets::FIRST_ADMIN_KEY),
        Source::SignUp => (if platform.sign_up { "open" } else { "closed" }).to_owned(),
        Source::PasswordGrant => platform.password_grant.to_string(),
        Source::SmtpHost => platform.smtp.as_ref()?.host.clone(),
        Source::SmtpPort => platform.smtp.as_ref()?.port.to_string(),
        Source::SmtpTls => smtp_tls(platform.smtp.as_ref()?.tls).to_owned(),
        Source::SmtpFrom => platform.smtp.as_ref()?.from.clone(),
        Source::SmtpUsernameFile => {
            platform.smtp.as_ref()?.account.as_ref().map(|_| format!("{SECRETS}/{SMTP_USERNAME}"))?
        }
        Source::SmtpPasswordFile => {
            platform.smtp.as_ref()?.account.as_ref().map(|_| format!("{SECRETS}/{SMTP_PASSWORD}"))?
        }
        Source::SmtpCaFile => {
            platform.smtp.as_ref()?.authorities.as_ref().map(|_| format!("{SECRETS}/{SMTP_CA}"))?
        }
        // Identity's own default lies below /tmp, the one place where its pods may write.
        Source::MailFolder => return None,
        Source::OtlpEndpoint => platform.otlp_endpoint.clone()?,
        Source::LogLevel => platform.log_level.as_str().to_owned(),
        Source::LogFormat => "json".to_owned(),
        Source::Currency => platform.currency.clone(),
        Source::TrustedProxies => {
            Some(platform.trusted_proxies.join(",")).filter(|networks| !networks.is_empty())?
        }
        Source::DrainDelay => DRAIN_DELAY_SECONDS.to_string(),
    })
}

fn smtp_tls(tls: SmtpTls) -> &'static str {
    match tls {
        SmtpTls::StartTLS => "starttls",
        SmtpTls::Tls => "tls",
        SmtpTls::None => "none",
    }
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

/// Whether the component is given this setting.
fn has(name: Name, source: Source) -> bool {
    component(name).settings().iter().any(|setting| setting.source == source)
}

/// The secrets that a component mounts: a URL for each of its servers, its own secret as an OAuth client,
/// and what only identity has: keyring, first administrator, the account on the mail server.
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
    let mut add = |source: Source, secret: String, key: &'static str, path: &str| {
        if has(name, source) {
            files.push(SecretFile { secret, key, path: path.to_owned() });
        }
    };
    let own = clients::secret_name(platform, name.as_str());
    add(Source::ClientSecretFile, own, clients::SECRET_KEY, CLIENT_SECRET);
    let keyring = secrets::keyring_secret(platform, name);
    add(Source::KeyringFile, keyring, secrets::KEYRING_KEY, secrets::KEYRING_KEY);
    let first_admin = secrets::first_admin_secret(platform);
    add(Source::FirstAdminFile, first_admin, secrets::FIRST_ADMIN_KEY, secrets::FIRST_ADMIN_KEY);
    if let Some(account) = platform.smtp.as_ref().and_then(|smtp| smtp.account.as_ref()) {
        add(Source::SmtpUsernameFile, account.clone(), "username", SMTP_USERNAME);
        add(Source::SmtpPasswordFile, account.clone(), "password", SMTP_PASSWORD);
    }
    if let Some(authorities) = platform.smtp.as_ref().and_then(|smtp| smtp.authorities.as_ref()) {
        add(Source::SmtpCaFile, authorities.clone(), "ca.crt", SMTP_CA);
    }
    files
}
