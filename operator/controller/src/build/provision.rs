//! Provisioning: the Job that makes databases, users and the broker's topology, and its plan. It is the
//! only pod that mounts an administrator's Secret (OPERATOR rule 4). Job and plan are named by the hash
//! of what is wanted, so another wish is another Job and the same wish is done.

use std::collections::BTreeMap;
use std::path::PathBuf;

use courseplatform_api::ResourcesSpec;
use platform_components::provision::{Account, accounts, plan};
use platform_components::{ADMIN_PROGRAM, Name, ServerKind};
use serde_json::{Value, json};

use super::config_map::ConfigFile;
use super::meta::{Role, owned, platform_object, short_hash};
use super::plan::{Part, Stage, Wanted};
use super::pod::{self, CONFIG, OUR_USER, Pod, SECRETS, SecretFile};
use super::{job, secrets};
use crate::validate::{ExternalAccounts, Server, ValidatedPlatform};

const PLAN_KEY: &str = "plan.json";
/// Where the accounts' passwords are mounted.
const ACCOUNTS: &str = "/secrets/accounts";

/// The Job's ServiceAccount.
pub(super) fn account_name(platform: &ValidatedPlatform) -> String {
    platform_object(platform, "provision")
}

/// The Secret with the connection of a server's administrator; `None` where there is nothing to make.
pub(super) fn administrator(platform: &ValidatedPlatform, kind: ServerKind) -> Option<String> {
    match platform.servers.get(&kind)? {
        Server::Managed(_) => Some(secrets::admin_secret(platform, kind)),
        Server::External(server) => match &server.accounts {
            ExternalAccounts::Provisioned { secret, .. } => Some(secret.clone()),
            ExternalAccounts::Open(_) | ExternalAccounts::Finished(_) => None,
        },
    }
}

/// The name of the Job of today's wish; `None` when there is nothing to make.
pub(super) fn job_name(platform: &ValidatedPlatform) -> Option<String> {
    wish(platform).map(|wish| wish.config.name)
}

/// What is wanted on the servers.
struct Wish {
    image: String,
    /// The plan, by the name of the Job.
    config: ConfigFile,
    administrators: BTreeMap<ServerKind, String>,
    accounts: Vec<Account>,
}

fn wish(platform: &ValidatedPlatform) -> Option<Wish> {
    let accounts = wanted_accounts(platform);
    let document = plan(
        &platform.namespace,
        &platform.name,
        &accounts,
        |kind| administrator(platform, kind).map(|_| PathBuf::from(admin_folder(kind))),
        |account| PathBuf::from(format!("{ACCOUNTS}/{}", password_file(account))),
    );
    let administrators: BTreeMap<ServerKind, String> =
        ServerKind::ALL.into_iter().filter_map(|kind| Some((kind, administrator(platform, kind)?))).collect();
    if administrators.is_empty() {
        return None;
    }
    // See config_map::routes on why this can't fail.
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    let image = image(platform);
    // The plan names files; which Secrets are behind them decides too whether it has been carried out.
    let mut secrets: Vec<String> = accounts.iter().map(|account| secret_of(platform, account)).collect();
    secrets.extend(administrators.values().cloned());
    let wish = format!("{image}\n{text}\n{}", secrets.join("\n"));
    let name = format!("{}-{}", account_name(platform), short_hash(&wish));
    Some(Wish { image, config: ConfigFile::new(name, PLAN_KEY, text), administrators, accounts })
}

pub(super) fn build(platform: &ValidatedPlatform) -> Vec<Wanted> {
    let Some(Wish { image, config, administrators, accounts }) = wish(platform) else { return Vec::new() };
    let template = template(platform, &image, &config, &administrators, &accounts);
    let job = job::wrap(platform, Part::Provision, &config.name, template);
    vec![config.wanted(platform, Part::Provision), owned(Part::Provision, Stage::Provision, job)]
}

fn image(platform: &ValidatedPlatform) -> String {
    format!("{}/{ADMIN_PROGRAM}:{}", platform.registry, platform.version)
}

/// The accounts that are to be made: those on servers where there is an administrator.
fn wanted_accounts(platform: &ValidatedPlatform) -> Vec<Account> {
    let engine = |name: Name, default: ServerKind| {
        let servers = &platform.components[&name].servers;
        if servers.contains(&ServerKind::SqlServer) { ServerKind::SqlServer } else { default }
    };
    accounts(engine).into_iter().filter(|account| administrator(platform, account.server).is_some()).collect()
}

/// Where the connection of a server's administrator is mounted.
fn admin_folder(kind: ServerKind) -> String {
    format!("{SECRETS}/admin/{kind}")
}

fn secret_of(platform: &ValidatedPlatform, account: &Account) -> String {
    secrets::account_secret(platform, account.component, account.server)
}

/// An account's password below [`ACCOUNTS`].
fn password_file(account: &Account) -> String {
    format!("{}-{}/password", account.component, account.server)
}

fn template(
    platform: &ValidatedPlatform,
    image: &str,
    config: &ConfigFile,
    administrators: &BTreeMap<ServerKind, String>,
    accounts: &[Account],
) -> Value {
    let passwords: Vec<SecretFile> = accounts
        .iter()
        .map(|account| SecretFile {
            secret: secret_of(platform, account),
            key: "password",
            path: password_file(account),
        })
        .collect();
    let mut volumes =
        vec![pod::secrets_volume(&passwords), json!({"name": "config", "configMap": {"name": config.name}})];
    let mut mounts = vec![
        json!({"name": "secrets", "mountPath": ACCOUNTS, "readOnly": true}),
        json!({"name": "config", "mountPath": CONFIG, "readOnly": true}),
    ];
    for (kind, secret) in administrators {
        let name = format!("admin-{kind}");
        volumes
            .push(json!({"name": name, "secret": {"secretName": secret, "defaultMode": pod::SECRET_MODE}}));
        mounts.push(json!({"name": name, "mountPath": admin_folder(*kind), "readOnly": true}));
    }
    let fields = json!({
        "command": [format!("/{ADMIN_PROGRAM}")],
        "args": ["provision", "--plan-file", format!("{CONFIG}/{PLAN_KEY}")],
        "env": pod::environment([
            ("LOG_LEVEL", platform.log_level.as_str().to_owned()),
            ("LOG_FORMAT", "json".to_owned()),
        ]),
        "volumeMounts": mounts,
    });
    Pod {
        platform,
        part: Part::Provision,
        role: Role::Provision,
        service_account: account_name(platform),
        user: OUR_USER,
        container: pod::container(platform, "provision", image, &resources(), fields),
        volumes,
        grace_seconds: 30,
        config_hash: None,
        restart_policy: Some("Never"),
    }
    .template()
}

fn resources() -> ResourcesSpec {
    let map = |entries: [(&str, &str); 2]| {
        entries.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    let mut resources =
        ResourcesSpec { requests: map([("cpu", "10m"), ("memory", "32Mi")]), ..ResourcesSpec::default() };
    resources.limits.insert("memory".to_owned(), "128Mi".to_owned());
    resources
}

#[cfg(test)]
mod tests {
    use crate::build::testing;

    #[test]
    fn the_job_that_provisions_and_its_plan() {
        insta::assert_yaml_snapshot!(testing::objects(&super::build(&testing::small())));
    }
}
