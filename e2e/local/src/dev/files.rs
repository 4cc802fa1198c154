//! The files that tell components and `courseplatform-admin` about the servers: what the operator puts into
//! Secrets and ConfigMaps. They lie below the data directory, readable by their owner only.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_components::provision::{self, Account};
use platform_components::{
    Client, ClientType, Grant, Name, ServerKind, Subject, clients_file, confidential_clients, names,
    routes_file, scopes, secret_sha256,
};
use rand::RngExt;
use serde_json::json;
use url::Url;

use super::Addresses;
use crate::servers::{Servers, random_password};
use crate::user::write_private;

/// The platform's name, from which those of databases and accounts follow.
pub(super) const NAMESPACE: &str = "local";
/// See [`NAMESPACE`].
pub(super) const PLATFORM: &str = "dev";
/// The first administrator of the shop.
pub(super) const ADMIN_EMAIL: &str = "admin@localhost";

/// The written files.
pub(super) struct Files {
    dir: PathBuf,
    admin_password: String,
    /// Where the components listen.
    pub(super) addresses: Addresses,
}

impl Files {
    /// Writes everything. Passwords are made at the first start and kept.
    pub(super) fn write(data: &Path, servers: &Servers, addresses: Addresses) -> anyhow::Result<Self> {
        let dir = data.join("settings");
        for sub in ["passwords", "urls", "logs", "clients"] {
            fs::create_dir_all(dir.join(sub))?;
        }
        fs::create_dir_all(data.join("photos"))?;
        // Mails hold links that open accounts.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(data.join("mail"))?;
        let admin_password = kept(&dir.join("passwords/first-admin"), random_password)?;
        let files = Self { dir, admin_password, addresses };
        let accounts = provision::accounts(|_, default| default);
        let mut connections = BTreeMap::new();
        for kind in ServerKind::ALL {
            if let Some(admin) = admin_url(servers, kind)? {
                connections.insert(kind, files.connection(kind, &admin, servers)?);
                for account in accounts.iter().filter(|a| a.server == kind) {
                    files.account(account, &admin)?;
                }
            }
        }
        let plan = provision::plan(
            NAMESPACE,
            PLATFORM,
            &accounts,
            // FerretDB has no accounts, so there is nothing to make on it.
            |kind| connections.get(&kind).filter(|_| kind != ServerKind::MongoDb).cloned(),
            |account| files.password_file(account),
        );
        fs::write(files.plan(), serde_json::to_vec_pretty(&plan)?)?;
        fs::write(files.routes(), serde_json::to_vec_pretty(&routes_file(|name| addresses.url(name)))?)?;
        kept(&files.keyring(), || {
            let key = URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>());
            json!({ "current": "local", "keys": { "local": key } }).to_string()
        })?;
        let first_admin = json!({ "email": ADMIN_EMAIL, "password": files.admin_password });
        write_private(&files.first_admin(), &first_admin.to_string())?;
        files.write_clients()?;
        Ok(files)
    }

    /// A secret for each confidential client, and identity's list of all clients with the hashes.
    fn write_clients(&self) -> anyhow::Result<()> {
        let mut hashes = BTreeMap::new();
        for name in confidential_clients() {
            let secret = kept(&self.client_secret(name), || hex::encode(rand::rng().random::<[u8; 32]>()))?;
            hashes.insert(name.as_str(), secret_sha256(&secret));
        }
        let hash = |id: &str| hashes.get(id).cloned().into_iter().collect();
        let file = clients_file(&self.addresses.public_url(), hash, [journeys()]);
        file.check()?;
        // In one step: identity may be reading the old one.
        let new = self.clients().with_extension("new");
        fs::write(&new, serde_json::to_vec_pretty(&file)?)?;
        fs::rename(&new, self.clients())?;
        Ok(())
    }

    /// Identity's list of clients.
    pub(super) fn clients(&self) -> PathBuf {
        self.dir.join("clients.json")
    }

    /// The secret of a component that is a client.
    pub(super) fn client_secret(&self, component: Name) -> PathBuf {
        self.dir.join(format!("clients/{component}"))
    }

    /// What the first administrator signs in with.
    pub(super) fn first_admin(&self) -> PathBuf {
        self.dir.join("first-admin.json")
    }

    /// The folder that mails go to.
    pub(super) fn mail(&self) -> PathBuf {
        self.dir.with_file_name("mail")
    }

    /// What `courseplatform-admin provision` is to make.
    pub(super) fn plan(&self) -> PathBuf {
        self.dir.join("plan.json")
    }

    /// The gateway's routes; JSON is YAML too.
    pub(super) fn routes(&self) -> PathBuf {
        self.dir.join("routes.yaml")
    }

    /// The keys that encrypt identity's keys.
    pub(super) fn keyring(&self) -> PathBuf {
        self.dir.join("keyring.json")
    }

    /// The folder of the photos.
    pub(super) fn photos(&self) -> PathBuf {
        self.dir.with_file_name("photos")
    }

    /// The file with the URL of a component's server.
    pub(super) fn url_file(&self, component: Name, kind: ServerKind) -> PathBuf {
        self.dir.join(format!("urls/{component}-{}", kind.url_file()))
    }

    /// The log of a program that runs once.
    pub(super) fn log(&self, program: &str) -> PathBuf {
        self.dir.join(format!("logs/{program}.log"))
    }

    /// The password of the shop's first administrator.
    pub(super) fn admin_password(&self) -> &str {
        &self.admin_password
    }

    fn password_file(&self, account: &Account) -> PathBuf {
        self.dir.join(format!("passwords/{}-{}", account.component, account.server))
    }

    /// The folder with an administrator's connection.
    fn connection(&self, kind: ServerKind, admin: &Url, servers: &Servers) -> anyhow::Result<PathBuf> {
        let folder = self.dir.join(format!("connections/{kind}"));
        fs::create_dir_all(&folder)?;
        write_private(&folder.join("uri"), admin.as_str())?;
        if kind == ServerKind::RabbitMq {
            let mut management: Url =
                servers.url("TEST_RABBITMQ_MANAGEMENT_URL").context("no management API")?.parse()?;
            // The administrator's name and password stand in `uri`.
            management.set_username("").and_then(|()| management.set_password(None)).ok();
            write_private(&folder.join("management-uri"), management.as_str())?;
        }
        Ok(folder)
    }

    /// A component's password and the URL that it connects with.
    fn account(&self, account: &Account, admin: &Url) -> anyhow::Result<()> {
        let password = kept(&self.password_file(account), random_password)?;
        let database = names::database_name(NAMESPACE, PLATFORM, account.component);
        let mut url = admin.clone();
        url.set_path(&match account.server {
            ServerKind::RabbitMq => names::platform_prefix(NAMESPACE, PLATFORM),
            ServerKind::Redis => "0".to_owned(),
            ServerKind::Postgres | ServerKind::SqlServer | ServerKind::MongoDb => database.clone(),
        });
        if account.server != ServerKind::MongoDb {
            let login = names::login(&database, account.generation);
            url.set_username(&login)
                .and_then(|()| url.set_password(Some(&password)))
                .map_err(|()| anyhow::anyhow!("{admin} takes no user"))?;
        }
        write_private(&self.url_file(account.component, account.server), url.as_str())?;
        Ok(())
    }
}

/// The client by which the journeys of e2e/journeys sign people in: public, and of the platform itself. Nobody
/// listens where its codes are sent, so they are read from the redirect. On the cluster it stands in
/// e2e/cluster/platform/courseplatform.yaml.
fn journeys() -> Client {
    Client {
        id: "journeys".to_owned(),
        name: None,
        kind: ClientType::Public,
        secret_sha256: Vec::new(),
        jwks: None,
        grants: vec![Grant::AuthorizationCode, Grant::RefreshToken],
        redirect_uris: vec!["http://127.0.0.1:9/callback".to_owned()],
        post_logout_redirect_uris: vec!["http://127.0.0.1:9/signed-out".to_owned()],
        scopes: scopes()
            .iter()
            .filter(|scope| scope.subject != Subject::Service)
            .map(|scope| scope.name.to_owned())
            .collect(),
        first_party: true,
    }
}

/// Where the administrator of a server connects; none for a kind that does not run here.
fn admin_url(servers: &Servers, kind: ServerKind) -> anyhow::Result<Option<Url>> {
    let key = match kind {
        ServerKind::Postgres => "TEST_POSTGRES_URL",
        ServerKind::MongoDb => "TEST_MONGODB_URL",
        ServerKind::Redis => "TEST_REDIS_URL",
        ServerKind::RabbitMq => "TEST_AMQP_URL",
        ServerKind::SqlServer => return Ok(None),
    };
    let url = servers.url(key).with_context(|| format!("{kind} does not run"))?;
    Ok(Some(url.parse().with_context(|| format!("the URL of {kind}"))?))
}

/// The content of a file that is made once and then kept.
fn kept(path: &Path, make: impl FnOnce() -> String) -> std::io::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) if !text.is_empty() => Ok(text),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => {
            let text = make();
            write_private(path, &text)?;
            Ok(text)
        }
    }
}
