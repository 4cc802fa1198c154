//! The only step that reads objects beside the platform itself: the Secrets that its spec names, and
//! the version that its Deployments run when the status has lost it. What comes out holds no secret:
//! passwords stay in the cluster and are mounted, never passed through.

use std::collections::{BTreeMap, BTreeSet};

use courseplatform_api::{CoursePlatform, ExternalServerSpec, ServersSpec};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use platform_components::{MAX_SECRETS, Name, names, secret_sha256};

use crate::build::CLIENT_SECRET_KEY;
use crate::labels;

/// What the spec's references lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dereferenced {
    /// Every Secret that the spec names; `None` when there is none of that name.
    pub secrets: BTreeMap<String, Option<SecretFacts>>,
    /// The version that the Deployments run; read only when the status doesn't tell.
    pub live_version: Option<String>,
    /// By OAuth client, the hashes of the secrets in its Secret; only of Secrets that are the platform's.
    pub client_secrets: BTreeMap<String, Vec<String>>,
}

/// What is needed of a Secret to check it and to connect, without the secrets in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretFacts {
    /// Its keys.
    pub keys: BTreeSet<String>,
    /// The value of `host`.
    pub host: Option<String>,
    /// The value of `port`.
    pub port: Option<String>,
    /// What `uri` says about the address; an error in words when it is no URI with a host.
    pub uri: Option<Result<UriFacts, String>>,
    /// What `management-uri` says about the address (RabbitMQ).
    pub management: Option<Result<UriFacts, String>>,
}

/// The parts of a URI that are no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UriFacts {
    /// The scheme, for example `postgres` or `rediss`.
    pub scheme: String,
    /// The host and its port as they stand; for MongoDB possibly several, with commas between them.
    pub hosts: String,
    /// The port of the first host, when it has one.
    pub port: Option<u16>,
    /// Whether it names a user.
    pub has_user: bool,
    /// Its parameters, without those that only hold for the user that it names.
    pub parameters: String,
}

/// Reads what the spec of `platform` refers to, and the hashes of its clients' secrets unless they are `known`.
///
/// # Errors
/// When the API server can't be asked. A Secret that doesn't exist is no error here; *validate* tells.
pub async fn dereference(
    client: &Client,
    platform: &CoursePlatform,
    known: Option<BTreeMap<String, Vec<String>>>,
) -> Result<Dereferenced, kube::Error> {
    let namespace = platform.namespace().unwrap_or_default();
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let client_secrets = match known {
        Some(known) => known,
        None => client_secrets(client, platform).await?,
    };
    let mut found = Dereferenced { client_secrets, ..Dereferenced::default() };
    for name in referenced_secrets(platform) {
        let facts = secrets.get_opt(&name).await?.map(|secret| facts_of(&secret));
        found.secrets.insert(name, facts);
    }
    let pinned = platform.status.as_ref().and_then(|status| status.version.as_ref());
    if pinned.is_none_or(|version| version.target.is_none() && version.current.is_none()) {
        let deployments: Api<Deployment> = Api::namespaced(client.clone(), &namespace);
        // The gateway is rolled out late, so what it runs has been decided for all.
        let gateway = names::object(&platform.name_any(), Name::Gateway);
        found.live_version = deployments.get_opt(&gateway).await?.and_then(|deployment| {
            is_of(&deployment, platform)
                .then(|| deployment.labels().get("app.kubernetes.io/version").cloned())
                .flatten()
        });
    }
    Ok(found)
}

/// The hashes of the secrets of OAuth clients, by client.
///
/// Asked of the server and not of what the watches have told: identity lets clients in by these, and one
/// that seemed to be missing for a moment would lose its tokens.
///
/// # Errors
/// When the API server can't be asked.
pub async fn client_secrets(
    client: &Client,
    platform: &CoursePlatform,
) -> Result<BTreeMap<String, Vec<String>>, kube::Error> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &platform.namespace().unwrap_or_default());
    let selector =
        format!("{},{}={},{}", labels::selector(), labels::INSTANCE, platform.name_any(), labels::CLIENT);
    let listed = secrets.list(&ListParams::default().labels(&selector)).await?;
    Ok(listed.items.iter().filter(|secret| is_of(*secret, platform)).filter_map(client_hashes).collect())
}

/// A client's id and the hashes of its secrets: of `client_secret`, and of every other key that begins so,
/// for while one takes the place of another. No secret lets nobody in.
fn client_hashes(secret: &Secret) -> Option<(String, Vec<String>)> {
    let id = secret.labels().get(labels::CLIENT)?;
    let values = secret.data.iter().flatten().filter(|(key, _)| key.starts_with(CLIENT_SECRET_KEY));
    let texts = values.filter_map(|(_, value)| std::str::from_utf8(&value.0).ok()).map(str::trim);
    let hashes = texts.filter(|text| !text.is_empty()).map(secret_sha256).take(MAX_SECRETS);
    Some((id.clone(), hashes.collect()))
}

/// Whether an object is owned by this very platform.
fn is_of(object: &impl ResourceExt, platform: &CoursePlatform) -> bool {
    object.owner_references().iter().any(|owner| Some(&owner.uid) == platform.metadata.uid.as_ref())
}

/// The names of all Secrets that the spec refers to.
fn referenced_secrets(platform: &CoursePlatform) -> BTreeSet<String> {
    let spec = &platform.spec;
    let mut names = BTreeSet::new();
    for external in spec.servers.iter().flat_map(externals) {
        names.extend(external.secret_ref.clone());
        names.extend(external.service_secrets.values().cloned());
    }
    let first_admin = spec.identity.as_ref().and_then(|identity| identity.first_admin.as_ref());
    names.extend(first_admin.and_then(|admin| admin.password_secret_ref.clone()));
    let smtp = spec.mail.as_ref().and_then(|mail| mail.smtp.as_ref());
    names.extend(smtp.and_then(|smtp| smtp.secret_ref.clone()));
    names.extend(spec.image.iter().flat_map(|image| image.pull_secrets.iter().cloned()));
    names
}

fn externals(servers: &ServersSpec) -> impl Iterator<Item = &ExternalServerSpec> {
    [&servers.postgres, &servers.mongodb, &servers.redis, &servers.rabbitmq]
        .into_iter()
        .filter_map(|server| server.as_ref()?.external.as_ref())
        .chain(servers.sql_server.as_ref().map(|server| &server.external))
}

fn facts_of(secret: &Secret) -> SecretFacts {
    let data = secret.data.clone().unwrap_or_default();
    let text = |key: &str| data.get(key).map(|value| String::from_utf8_lossy(&value.0).trim().to_owned());
    SecretFacts {
        keys: data.keys().cloned().collect(),
        host: text("host"),
        port: text("port"),
        uri: text("uri").map(|uri| uri_facts(&uri)),
        management: text("management-uri").map(|uri| uri_facts(&uri)),
    }
}

/// The error never repeats the URI: it may hold a password.
fn uri_facts(uri: &str) -> Result<UriFacts, String> {
    // The parser of URLs knows one host only; the others are put back.
    let (first, others) = split_hosts(uri);
    let parsed = url::Url::parse(&first).map_err(|error| error.to_string())?;
    let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or("it names no host")?;
    let parameters: Vec<String> = parsed
        .query()
        .into_iter()
        .flat_map(|query| query.split('&'))
        .filter(|pair| {
            let key = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
            !["user", "password", "authsource"].contains(&key.as_str())
        })
        .map(str::to_owned)
        .collect();
    Ok(UriFacts {
        scheme: parsed.scheme().to_owned(),
        hosts: parsed.port().map_or(host.to_owned(), |port| format!("{host}:{port}")) + &others,
        port: parsed.port(),
        has_user: !parsed.username().is_empty(),
        parameters: parameters.join("&"),
    })
}

/// Takes all hosts but the first out of a connection string such as `mongodb://u:p@a:1,b:2/db`.
fn split_hosts(uri: &str) -> (String, String) {
    let start = uri.find("://").map_or(0, |at| at + 3);
    let end = uri[start..].find(['/', '?']).map_or(uri.len(), |at| start + at);
    let hosts = start + uri[start..end].rfind('@').map_or(0, |at| at + 1);
    match uri[hosts..end].find(',') {
        Some(comma) => {
            let comma = hosts + comma;
            (format!("{}{}", &uri[..comma], &uri[end..]), uri[comma..end].to_owned())
        }
        None => (uri.to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::ByteString;
    use serde_json::json;

    #[test]
    fn every_reference_of_the_spec_is_read() {
        let platform: CoursePlatform = serde_json::from_value(json!({
            "apiVersion": "courseplatform.dev/v1alpha1",
            "kind": "CoursePlatform",
            "metadata": {"name": "demo", "namespace": "courses"},
            "spec": {
                "host": "a.example",
                "image": {"pullSecrets": ["regcred"]},
                "identity": {"firstAdmin": {"passwordSecretRef": "admin"}},
                "mail": {"smtp": {"host": "mx", "from": "a@b.example", "secretRef": "smtp"}},
                "servers": {
                    "mongodb": {"external": {"secretRef": "mongo"}},
                    "sqlServer": {"external": {"provisioning": "None", "serviceSecrets": {"order": "order-db"}}}
                }
            }
        }))
        .unwrap();
        let names: Vec<String> = referenced_secrets(&platform).into_iter().collect();
        assert_eq!(names, ["admin", "mongo", "order-db", "regcred", "smtp"]);
    }

    #[test]
    fn facts_hold_addresses_and_no_password() {
        let data = [
            ("uri", "mongodb://root:hunter2@mongo.db:27018/?authSource=admin&tls=true&password=hunter2"),
            ("password", "hunter2"),
        ];
        let secret = Secret {
            data: Some(
                data.iter().map(|(k, v)| ((*k).to_owned(), ByteString(v.as_bytes().to_vec()))).collect(),
            ),
            ..Secret::default()
        };
        let facts = facts_of(&secret);
        let expected = UriFacts {
            scheme: "mongodb".into(),
            hosts: "mongo.db:27018".into(),
            port: Some(27018),
            has_user: true,
            parameters: "tls=true".into(),
        };
        assert_eq!(facts.uri, Some(Ok(expected)));
        assert!(!format!("{facts:?}").contains("hunter2"));
    }

    #[test]
    fn a_connection_string_may_name_several_hosts() {
        let facts = uri_facts("mongodb://u:p%2Cw@a:1,b:2,c:3/db?replicaSet=rs").unwrap();
        assert_eq!((facts.hosts.as_str(), facts.port), ("a:1,b:2,c:3", Some(1)));
        assert_eq!(facts.parameters, "replicaSet=rs");
        assert_eq!(uri_facts("mongodb+srv://cluster.example").unwrap().hosts, "cluster.example");
        assert_eq!(uri_facts("redis://:p@[::1]:6379/0").unwrap().hosts, "[::1]:6379");
    }

    #[test]
    fn a_client_is_known_by_the_hash_of_its_secret() {
        let secret = |data: serde_json::Value| {
            let metadata = json!({"name": "x", "labels": {labels::CLIENT: "web"}});
            serde_json::from_value::<Secret>(json!({"metadata": metadata, "data": data})).unwrap()
        };
        let hashes = |data| client_hashes(&secret(data)).unwrap();
        // FIPS 180-2, B.1
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
        assert_eq!(hashes(json!({"client_secret": "YWJj"})), ("web".to_owned(), vec![abc]));
        assert_eq!(hashes(json!({"client_secret": "YWJj", "client_secret_before": "eHl6"})).1.len(), 2);
        assert!(hashes(json!({"client_secret": "", "client_id": "YWJj"})).1.is_empty());
        assert!(hashes(json!({})).1.is_empty());
    }

    #[test]
    fn a_broken_uri_is_told_without_repeating_it() {
        let error = uri_facts("postgres//root:hunter2@").unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
