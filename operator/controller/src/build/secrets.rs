//! Secrets that are generated once: the administrators of managed servers, an account for each
//! component on each of its servers, identity's keyring, the first administrator of the shop, and what
//! OAuth clients prove themselves by.
//! Names end in a generation, because a change of password is a new Secret (OPERATOR rule 5).

use std::collections::BTreeMap;

use platform_components::{Name, ServerKind, Source, component, components, names};

use super::clients;
use super::meta::{labels, platform_object, server_name, short_hash};
use super::plan::{Opens, Part, Recipe, SecretSpec};
use super::provision;
use crate::validate::{Address, ExternalAccounts, Server, ValidatedPlatform, usual_scheme};

/// The generation of every credential: rotation comes with a later release.
const GENERATION: u32 = 1;
/// 256 bits.
const PASSWORD_BYTES: usize = 32;
/// The file of the keyring, and its key in the Secret.
pub(super) const KEYRING_KEY: &str = "keyring.json";
/// The file of the first administrator, and its key in the Secret.
pub(super) const FIRST_ADMIN_KEY: &str = "first-admin.json";
/// The administrator's name on managed servers other than PostgreSQL, whose is `postgres`.
const ADMINISTRATOR: &str = "admin";

pub(super) fn build(platform: &ValidatedPlatform) -> Vec<SecretSpec> {
    let mut specs = Vec::new();
    for (&kind, server) in &platform.servers {
        if matches!(server, Server::Managed(_)) {
            specs.push(administrator(platform, kind));
        }
    }
    let job = provision::job_name(platform);
    for entry in components() {
        for &kind in &platform.components[&entry.name].servers {
            specs.extend(account(platform, entry.name, kind, job.as_deref()));
        }
        if entry.extra_settings.iter().any(|setting| setting.source == Source::KeyringFile) {
            specs.push(keyring(platform, entry.name));
        }
    }
    specs.push(first_admin(platform));
    specs.extend(clients::secrets(platform));
    specs
}

/// The Secret with the connection of a managed server's administrator.
pub(super) fn admin_secret(platform: &ValidatedPlatform, kind: ServerKind) -> String {
    names::admin_secret(&platform.name, kind, GENERATION)
}

/// The Secret with a component's account: ours, or the finished one of the spec.
///
/// Ours holds the server's address too and is never changed. So where an address can change, which is on
/// external servers, the name carries its hash: another address is another Secret, another provisioning
/// Job, and pods that read it (OPERATOR rule 5).
pub(super) fn account_secret(platform: &ValidatedPlatform, name: Name, kind: ServerKind) -> String {
    let usual = names::account_secret(&platform.name, name, kind, GENERATION);
    let Some(Server::External(server)) = platform.servers.get(&kind) else { return usual };
    match &server.accounts {
        ExternalAccounts::Finished(secrets) => secrets.get(&name).cloned().unwrap_or(usual),
        ExternalAccounts::Provisioned { address, .. } | ExternalAccounts::Open(address) => {
            let Address { scheme, hosts, parameters, .. } = address;
            format!("{usual}-{}", short_hash(&format!("{scheme}://{hosts}/?{parameters}")))
        }
    }
}

/// The Secret with identity's keyring.
pub(super) fn keyring_secret(platform: &ValidatedPlatform, name: Name) -> String {
    format!("{}-{name}-keyring-v{GENERATION}", platform.name)
}

/// The Secret with the first administrator's e-mail address and password.
#[must_use]
pub fn first_admin_secret(platform: &ValidatedPlatform) -> String {
    platform_object(platform, "first-admin")
}

/// The volume of a managed server: its claim is `<template>-<StatefulSet>-<ordinal>`.
fn volume_of(platform: &ValidatedPlatform, kind: ServerKind) -> Option<Opens> {
    matches!(platform.servers.get(&kind), Some(Server::Managed(_)))
        .then(|| Opens::Volume(format!("data-{}-0", server_name(platform, kind))))
}

fn spec(platform: &ValidatedPlatform, part: Part, name: String, values: &[(&str, Recipe)]) -> SecretSpec {
    let values: BTreeMap<String, Recipe> =
        values.iter().map(|(key, recipe)| ((*key).to_owned(), recipe.clone())).collect();
    SecretSpec {
        part,
        name,
        labels: labels(platform, part),
        keep: platform.keeps_data(),
        opens: None,
        values,
        client: None,
    }
}

/// The connection Secret of a managed server's administrator, with the keys that an external one has
/// too, and what the server itself reads at its first start.
fn administrator(platform: &ValidatedPlatform, kind: ServerKind) -> SecretSpec {
    let host = server_name(platform, kind);
    let username = if kind == ServerKind::Postgres { "postgres" } else { ADMINISTRATOR };
    let mut values = vec![
        ("host", Recipe::Literal(host.clone())),
        ("port", Recipe::Literal(kind.default_port().to_string())),
        ("username", Recipe::Literal(username.to_owned())),
        ("password", Recipe::RandomHex(PASSWORD_BYTES)),
    ];
    match kind {
        ServerKind::RabbitMq => {
            values.push(("management-uri", Recipe::Literal(format!("http://{host}:15672"))));
            values.push((
                "default-user.conf",
                Recipe::Template("default_user = {{username}}\ndefault_pass = {{password}}\n".to_owned()),
            ));
        }
        ServerKind::Redis => values.push((
            "users.acl",
            Recipe::Template("user default off\nuser {{username}} on >{{password}} ~* &* +@all\n".to_owned()),
        )),
        ServerKind::Postgres | ServerKind::MongoDb | ServerKind::SqlServer => {}
    }
    SecretSpec {
        opens: volume_of(platform, kind),
        ..spec(platform, Part::Server(kind), admin_secret(platform, kind), &values)
    }
}

/// A component's account on a server, unless it is finished.
fn account(
    platform: &ValidatedPlatform,
    name: Name,
    kind: ServerKind,
    provisioned_by: Option<&str>,
) -> Option<SecretSpec> {
    let database = names::database_name(&platform.namespace, &platform.name, name);
    let (address, with_account) = match platform.servers.get(&kind)? {
        Server::Managed(_) => (managed_address(platform, kind), true),
        Server::External(server) => match &server.accounts {
            ExternalAccounts::Provisioned { address, .. } => (address.clone(), true),
            ExternalAccounts::Open(address) => (address.clone(), false),
            ExternalAccounts::Finished(_) => return None,
        },
    };
    let uri = Recipe::Template(uri(platform, kind, &address, &database, with_account));
    let mut values = vec![("uri", uri)];
    if with_account {
        values.push(("username", Recipe::Literal(names::login(&database, GENERATION))));
        values.push(("password", Recipe::RandomHex(PASSWORD_BYTES)));
    }
    let secret = account_secret(platform, name, kind);
    Some(SecretSpec {
        opens: provisioned_by.filter(|_| with_account).map(|job| Opens::Account(job.to_owned())),
        ..spec(platform, Part::Component(name), secret, &values)
    })
}

fn managed_address(platform: &ValidatedPlatform, kind: ServerKind) -> Address {
    Address {
        scheme: usual_scheme(kind).to_owned(),
        hosts: format!("{}:{}", server_name(platform, kind), kind.default_port()),
        port: kind.default_port(),
        parameters: String::new(),
    }
}

/// The URL that a component connects with. Passwords are hexadecimal, so nothing needs escaping.
fn uri(
    platform: &ValidatedPlatform,
    kind: ServerKind,
    address: &Address,
    database: &str,
    with_account: bool,
) -> String {
    let user = if with_account { "{{username}}:{{password}}@" } else { "" };
    let path = match kind {
        ServerKind::Postgres | ServerKind::SqlServer | ServerKind::MongoDb => database.to_owned(),
        ServerKind::Redis => "0".to_owned(),
        ServerKind::RabbitMq => names::platform_prefix(&platform.namespace, &platform.name),
    };
    let mut parameters: Vec<String> = Vec::new();
    if kind == ServerKind::MongoDb && with_account {
        // Its users live in its own database.
        parameters.push(format!("authSource={database}"));
    }
    if !address.parameters.is_empty() {
        parameters.push(address.parameters.clone());
    }
    let query = if parameters.is_empty() { String::new() } else { format!("?{}", parameters.join("&")) };
    format!("{}://{user}{}/{path}{query}", address.scheme, address.hosts)
}

/// The keys that encrypt signing keys at rest. A new one could not open what the old one closed.
fn keyring(platform: &ValidatedPlatform, name: Name) -> SecretSpec {
    let values = [
        ("k1", Recipe::RandomBase64Url(32)),
        (KEYRING_KEY, Recipe::Template(r#"{"current":"k1","keys":{"k1":"{{k1}}"}}"#.to_owned())),
    ];
    let database = component(name).servers.first().map(|server| server.kind);
    SecretSpec {
        opens: database.and_then(|kind| volume_of(platform, kind)),
        ..spec(platform, Part::Component(name), keyring_secret(platform, name), &values)
    }
}

/// What the first administrator signs in with, for people and as the file that identity reads.
fn first_admin(platform: &ValidatedPlatform) -> SecretSpec {
    let password = match &platform.admin_password_secret {
        Some(secret) => Recipe::Copied { secret: secret.clone(), key: "password".to_owned() },
        None => Recipe::RandomHex(16),
    };
    let values = [
        ("email", Recipe::Literal(platform.admin_email.clone())),
        ("password", password),
        (FIRST_ADMIN_KEY, Recipe::Json(vec!["email".to_owned(), "password".to_owned()])),
    ];
    spec(platform, Part::Platform, first_admin_secret(platform), &values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::testing;

    #[test]
    fn secrets_of_a_small_platform() {
        let lines: Vec<String> = build(&testing::small())
            .iter()
            .flat_map(|spec| {
                let opens = match &spec.opens {
                    None => "nothing".to_owned(),
                    Some(Opens::Volume(claim)) => claim.clone(),
                    Some(Opens::Account(_)) => "what the Job has told a server".to_owned(),
                };
                let head = format!("{} (keep: {}, opens {opens})", spec.name, spec.keep);
                let values = spec.values.iter().map(|(key, recipe)| format!("  {key}: {recipe:?}"));
                [head].into_iter().chain(values).collect::<Vec<_>>()
            })
            .collect();
        insta::assert_yaml_snapshot!(lines);
    }

    #[test]
    fn every_secret_that_a_pod_mounts_is_made_or_was_named_in_the_spec() {
        for platform in [testing::small(), testing::full()] {
            let plan = crate::build::build(&platform);
            let applied = plan.objects.iter().filter(|wanted| wanted.kind() == "Secret");
            let made: Vec<String> = build(&platform)
                .into_iter()
                .map(|spec| spec.name)
                .chain(applied.map(|wanted| wanted.name().to_owned()))
                .collect();
            for name in testing::mounted_secrets(&plan) {
                assert!(made.contains(&name) || testing::NAMED_SECRETS.contains(&name.as_str()), "{name}");
            }
        }
    }

    #[test]
    fn a_url_keeps_the_scheme_and_the_parameters_of_an_external_server() {
        let specs = build(&testing::full());
        let spec = specs.iter().find(|spec| spec.name.starts_with("school-basket-redis-v1-")).unwrap();
        let expected = "rediss://{{username}}:{{password}}@redis.db:6379/0?protocol=resp3";
        assert_eq!(spec.values["uri"], Recipe::Template(expected.to_owned()));
    }

    #[test]
    fn another_address_of_an_external_server_is_another_account_another_job_and_another_pod() {
        let before = testing::full();
        let mut after = before.clone();
        let Some(Server::External(server)) = after.servers.get_mut(&ServerKind::Redis) else { panic!() };
        let ExternalAccounts::Provisioned { address, .. } = &mut server.accounts else { panic!() };
        address.hosts = "redis.elsewhere".to_owned();
        assert_ne!(provision::job_name(&before), provision::job_name(&after));
        let names = |platform| build(platform).into_iter().map(|spec| spec.name).collect::<Vec<_>>();
        let changed: Vec<(String, String)> =
            names(&before).into_iter().zip(names(&after)).filter(|(before, after)| before != after).collect();
        assert_eq!(changed.len(), 3, "basket, gateway and web: {changed:?}");
        let mounted = testing::mounted_secrets(&crate::build::build(&after));
        assert!(changed.iter().all(|(old, new)| mounted.contains(new) && !mounted.contains(old)));
    }
}
