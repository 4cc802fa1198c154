//! The servers in use: managed or external, and whether what external ones refer to is there.

use std::collections::BTreeMap;

use courseplatform_api::{
    CoursePlatform, ExternalServerSpec, ManagedServerSpec, Provisioning, ServerMode, ServerSpec,
};
use platform_components::{Name, ServerKind};

use super::components::resources;
use super::exposure::check_cidr;
use super::platform::{Address, ExternalAccounts, ExternalServer, ManagedServer, Server, ValidatedComponent};
use super::{Defaults, Faults, defaults};
use crate::dereference::{Dereferenced, SecretFacts, UriFacts};

/// The pool of a component, DATABASE_MAX_CONNECTIONS.
const CONNECTIONS_OF_A_POD: i32 = 10;
/// For Jobs, for people, and the three that PostgreSQL keeps for its administrator.
const CONNECTIONS_OF_JOBS: i32 = 20;

pub(super) fn validate(
    platform: &CoursePlatform,
    found: &Dereferenced,
    defaults: &Defaults,
    components: &BTreeMap<Name, ValidatedComponent>,
    faults: &mut Faults,
) -> BTreeMap<ServerKind, Server> {
    let given = platform.spec.servers.clone().unwrap_or_default();
    let context = Context { platform, found, defaults, components };
    let mut servers = BTreeMap::new();
    for kind in ServerKind::ALL {
        if !components.values().any(|component| component.servers.contains(&kind)) {
            continue;
        }
        let server = match kind {
            ServerKind::Postgres => context.one(kind, given.postgres.as_ref(), faults),
            ServerKind::MongoDb => context.one(kind, given.mongodb.as_ref(), faults),
            ServerKind::Redis => context.one(kind, given.redis.as_ref(), faults),
            ServerKind::RabbitMq => context.one(kind, given.rabbitmq.as_ref(), faults),
            ServerKind::SqlServer => match &given.sql_server {
                Some(server) => context.external(kind, &server.external, faults).map(Server::External),
                None => {
                    faults.spec("spec.servers.sqlServer", "engine sqlServer needs it");
                    None
                }
            },
        };
        if let Some(server) = server {
            check_unchanged(platform, kind, &server, faults);
            servers.insert(kind, server);
        }
    }
    servers
}

/// The API server refuses such a change too; but an object may have been deleted and made again over
/// data that was kept, or the rules may have been away for a while.
fn check_unchanged(platform: &CoursePlatform, kind: ServerKind, server: &Server, faults: &mut Faults) {
    let mode = match server {
        Server::Managed(_) => ServerMode::Managed,
        Server::External(_) => ServerMode::External,
    };
    let known = platform.status.iter().flat_map(|status| &status.servers);
    if let Some(before) = known.into_iter().find(|server| server.name == kind.as_str())
        && before.mode != mode
    {
        let field = format!("spec.servers.{}", kind.field());
        faults.spec(field, "can't change between managed and external: the data would stay behind");
    }
}

struct Context<'a> {
    platform: &'a CoursePlatform,
    found: &'a Dereferenced,
    defaults: &'a Defaults,
    components: &'a BTreeMap<Name, ValidatedComponent>,
}

impl Context<'_> {
    fn one(&self, kind: ServerKind, given: Option<&ServerSpec>, faults: &mut Faults) -> Option<Server> {
        match given.map(|server| (&server.managed, &server.external)) {
            None => self.managed(kind, &ManagedServerSpec::default(), faults).map(Server::Managed),
            Some((Some(managed), None)) => self.managed(kind, managed, faults).map(Server::Managed),
            Some((None, Some(external))) => self.external(kind, external, faults).map(Server::External),
            Some(_) => {
                let field = format!("spec.servers.{}", kind.field());
                faults.spec(field, "exactly one of managed and external must be set");
                None
            }
        }
    }

    fn managed(
        &self,
        kind: ServerKind,
        given: &ManagedServerSpec,
        faults: &mut Faults,
    ) -> Option<ManagedServer> {
        let field = format!("spec.servers.{}.managed", kind.field());
        for key in given.config.keys().filter(|key| is_ours(kind, key)) {
            faults.spec(format!("{field}.config"), format!("{key} is set by the operator itself"));
        }
        let image = given.image.clone().or_else(|| self.defaults.server_images.get(&kind).cloned());
        let Some(image) = image else {
            faults.spec(format!("{field}.image"), "the operator knows no image for this server");
            return None;
        };
        let storage = given.storage.clone().unwrap_or_default();
        let plan = self.platform.spec.plan.unwrap_or_default();
        let mut config = given.config.clone();
        if kind == ServerKind::Postgres
            && let Some(connections) = self.connections()
        {
            config.entry("max_connections".to_owned()).or_insert_with(|| connections.to_string());
        }
        Some(ManagedServer {
            image,
            storage_size: storage.size.unwrap_or_else(|| defaults::storage(kind).to_owned()),
            storage_class: storage.class_name,
            resources: resources(
                given.resources.as_ref(),
                defaults::server_resources(plan, kind),
                &field,
                faults,
            ),
            config,
        })
    }

    /// How many connections PostgreSQL has to allow, where the hundred that it allows by itself are too few: every pod
    /// may open its pool, and one pod more of each component while it rolls. In hundreds, since another number
    /// restarts the server, and a replica more shouldn't.
    fn connections(&self) -> Option<i32> {
        let users = self.components.values().filter(|one| one.servers.contains(&ServerKind::Postgres));
        let pods: i32 = users.map(|one| one.replicas.clamp(0, 100) + 1).sum();
        let needed = pods * CONNECTIONS_OF_A_POD + CONNECTIONS_OF_JOBS;
        (needed > 100).then(|| (needed + 99) / 100 * 100)
    }

    fn external(
        &self,
        kind: ServerKind,
        given: &ExternalServerSpec,
        faults: &mut Faults,
    ) -> Option<ExternalServer> {
        let field = format!("spec.servers.{}.external", kind.field());
        for (index, egress) in given.egress.iter().enumerate() {
            check_cidr(egress.cidr.as_deref(), &format!("{field}.egress[{index}].cidr"), faults);
        }
        let (accounts, port) = match given.provisioning.unwrap_or_default() {
            Provisioning::Admin => self.provisioned(kind, given, &field, faults)?,
            Provisioning::None => self.finished(kind, given, &field, faults)?,
        };
        Some(ExternalServer { accounts, egress: given.egress.clone(), port })
    }

    /// Accounts that the operator makes, with the administrator of `secretRef`.
    fn provisioned(
        &self,
        kind: ServerKind,
        given: &ExternalServerSpec,
        field: &str,
        faults: &mut Faults,
    ) -> Option<(ExternalAccounts, u16)> {
        if !given.service_secrets.is_empty() {
            faults.spec(format!("{field}.serviceSecrets"), "is only for provisioning None");
        }
        if kind == ServerKind::SqlServer {
            faults.spec(
                format!("{field}.provisioning"),
                "Admin comes with a later release: make the databases and accounts, set None and name them in \
                 serviceSecrets",
            );
            return None;
        }
        let field = format!("{field}.secretRef");
        let Some(name) = &given.secret_ref else {
            faults.spec(field, "provisioning Admin needs it");
            return None;
        };
        let facts = self.secret(name, &field, faults)?;
        let (address, has_user) = address(kind, name, facts, &field, faults)?;
        let port = address.port;
        if !has_user {
            // Redis and MongoDB's protocol can be served without accounts; SQL and AMQP can't.
            if matches!(kind, ServerKind::MongoDb | ServerKind::Redis) {
                return Some((ExternalAccounts::Open(address), port));
            }
            faults
                .reference(field, format!("the Secret {name} names no user: it needs username and password"));
            return None;
        }
        let management_port = match (kind, &facts.management) {
            (ServerKind::RabbitMq, Some(Ok(management))) => {
                Some(management.port.unwrap_or(if management.scheme == "https" { 443 } else { 80 }))
            }
            (ServerKind::RabbitMq, Some(Err(error))) => {
                faults.reference(field, format!("management-uri in the Secret {name}: {error}"));
                return None;
            }
            (ServerKind::RabbitMq, None) => {
                faults.reference(field, format!("the Secret {name} has no key management-uri"));
                return None;
            }
            _ => None,
        };
        let accounts = ExternalAccounts::Provisioned { secret: name.clone(), address, management_port };
        Some((accounts, port))
    }

    /// Accounts that somebody else has made, one Secret a component.
    fn finished(
        &self,
        kind: ServerKind,
        given: &ExternalServerSpec,
        field: &str,
        faults: &mut Faults,
    ) -> Option<(ExternalAccounts, u16)> {
        if given.secret_ref.is_some() {
            faults.spec(format!("{field}.secretRef"), "is only for provisioning Admin");
        }
        let field = format!("{field}.serviceSecrets");
        let users: Vec<Name> = self
            .components
            .iter()
            .filter(|(_, component)| component.servers.contains(&kind))
            .map(|(name, _)| *name)
            .collect();
        for key in given.service_secrets.keys().filter(|key| !users.iter().any(|name| name.as_str() == *key))
        {
            faults.spec(&field, format!("{key} doesn't use this server"));
        }
        let mut secrets = BTreeMap::new();
        let mut port = None;
        for name in &users {
            let Some(secret) = given.service_secrets.get(name.as_str()) else {
                faults.spec(&field, format!("{name} uses this server and has no Secret here"));
                continue;
            };
            let Some(facts) = self.secret(secret, &field, faults) else { continue };
            match &facts.uri {
                Some(Ok(uri)) => port = port.or(uri.port),
                Some(Err(error)) => faults.reference(&field, format!("uri in the Secret {secret}: {error}")),
                None => faults.reference(&field, format!("the Secret {secret} has no key uri")),
            }
            secrets.insert(*name, secret.clone());
        }
        Some((ExternalAccounts::Finished(secrets), port.unwrap_or_else(|| kind.default_port())))
    }

    fn secret(&self, name: &str, field: &str, faults: &mut Faults) -> Option<&SecretFacts> {
        let facts = self.found.secrets.get(name).and_then(Option::as_ref);
        if facts.is_none() {
            faults.reference(field, format!("there is no Secret {name} in this namespace"));
        }
        facts
    }
}

/// Where a connection Secret leads, by its `uri` or else `host` and `port`, and whether it names a user.
fn address(
    kind: ServerKind,
    name: &str,
    facts: &SecretFacts,
    field: &str,
    faults: &mut Faults,
) -> Option<(Address, bool)> {
    let has = |key: &str| facts.keys.contains(key);
    let found = match (&facts.uri, &facts.host) {
        (Some(Ok(uri)), _) => Ok((from_uri(kind, uri), uri.has_user)),
        (Some(Err(error)), _) => Err(format!("uri in the Secret {name}: {error}")),
        (None, None) => Err(format!("the Secret {name} has neither uri nor host")),
        (None, Some(_)) if has("username") && !has("password") => {
            Err(format!("the Secret {name} has username and no password"))
        }
        (None, Some(host)) => match facts.port.as_deref().map_or(Ok(kind.default_port()), str::parse) {
            Err(_) => Err(format!("port in the Secret {name} is no port")),
            Ok(port) => {
                let scheme = usual_scheme(kind).to_owned();
                let address =
                    Address { scheme, hosts: format!("{host}:{port}"), port, parameters: String::new() };
                // Redis knows a user without a name.
                Ok((address, has("password") && (has("username") || kind == ServerKind::Redis)))
            }
        },
    };
    found.map_err(|problem| faults.reference(field, problem)).ok()
}

fn from_uri(kind: ServerKind, uri: &UriFacts) -> Address {
    let usual = if uri.scheme == "amqps" { 5671 } else { kind.default_port() };
    let port = uri.port.unwrap_or(usual);
    // Several hosts carry their own ports; `mongodb+srv` has none by its nature.
    let complete = uri.port.is_some() || uri.hosts.contains(',') || uri.scheme.ends_with("+srv");
    Address {
        scheme: uri.scheme.clone(),
        hosts: if complete { uri.hosts.clone() } else { format!("{}:{port}", uri.hosts) },
        port,
        parameters: uri.parameters.clone(),
    }
}

/// The scheme of a server's URLs when no `uri` says otherwise.
#[must_use]
pub(crate) fn usual_scheme(kind: ServerKind) -> &'static str {
    match kind {
        ServerKind::Postgres => "postgres",
        ServerKind::SqlServer => "sqlserver",
        ServerKind::MongoDb => "mongodb",
        ServerKind::Redis => "redis",
        ServerKind::RabbitMq => "amqp",
    }
}

/// Whether the operator itself sets this line of a managed server's configuration.
fn is_ours(kind: ServerKind, key: &str) -> bool {
    let ours: &[&str] = match kind {
        ServerKind::Postgres => &[
            "config_file",
            "data_directory",
            "hba_file",
            "listen_addresses",
            "port",
            "unix_socket_directories",
        ],
        ServerKind::Redis => &["aclfile", "appendonly", "bind", "dir", "port", "requirepass", "user"],
        ServerKind::RabbitMq => {
            &["default_pass", "default_user", "listeners.tcp.default", "load_definitions"]
        }
        // mongod's configuration is not made of lines; `config` becomes flags.
        ServerKind::MongoDb => &["auth", "bind_ip", "bind_ip_all", "dbpath", "noauth", "port"],
        ServerKind::SqlServer => &[],
    };
    ours.contains(&key)
}
