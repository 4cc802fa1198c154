//! What `courseplatform-admin provision --plan-file` is given: the accounts, databases and broker
//! topology that a platform needs on its servers. The plan holds no secret, only the paths of files
//! with secrets, so it can be hashed, shown and kept in a ConfigMap. Applying it twice changes nothing.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Name, ServerKind, Topology, components, names, topology};

/// The version of the format; a program refuses a plan of a version that it does not know.
pub const PLAN_VERSION: u32 = 1;

/// Everything that is wanted on the servers of one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProvisionPlan {
    /// The format's version: [`PLAN_VERSION`].
    pub version: u32,
    /// The platform, as `namespace/name`.
    pub platform: String,
    /// Databases on PostgreSQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<DatabasesPlan>,
    /// Databases on SQL Server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql_server: Option<DatabasesPlan>,
    /// Databases on a server that speaks MongoDB's protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mongodb: Option<DatabasesPlan>,
    /// Users on Redis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisPlan>,
    /// The virtual host on RabbitMQ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rabbitmq: Option<RabbitMqPlan>,
}

/// How to reach a server as its administrator: a folder with a file for each key of a connection
/// Secret, namely `host`, `port`, `username`, `password`, optionally `ca.crt`, or one `uri`;
/// for RabbitMQ also `management-uri`, without any credentials in it (OPERATOR rule 4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionFolder(pub PathBuf);

/// Databases wanted on a server.
///
/// Each database belongs to a role that can't log in; logins are its members and act as it from the
/// start of a session (in PostgreSQL `ALTER ROLE … SET role`), so what one creates all may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DatabasesPlan {
    /// The administrator's connection.
    pub connection: ConnectionFolder,
    /// The databases.
    pub databases: Vec<DatabasePlan>,
}

/// One database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DatabasePlan {
    /// Its name.
    pub name: String,
    /// The role that owns it.
    pub owner: String,
    /// Who may log in.
    pub logins: Vec<LoginPlan>,
}

/// A user with a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoginPlan {
    /// Its name.
    pub name: String,
    /// The file that holds its password and nothing else.
    pub password_file: PathBuf,
}

/// Users wanted on Redis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedisPlan {
    /// The administrator's connection.
    pub connection: ConnectionFolder,
    /// The users.
    pub users: Vec<RedisUserPlan>,
}

/// One user of Redis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedisUserPlan {
    /// Its name.
    pub name: String,
    /// The files that each hold one of its valid passwords.
    pub password_files: Vec<PathBuf>,
    /// What every key that it may touch starts with; the pattern is `<prefix>:*`.
    pub key_prefix: String,
}

/// What is wanted on RabbitMQ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RabbitMqPlan {
    /// The administrator's connection.
    pub connection: ConnectionFolder,
    /// The virtual host.
    pub vhost: String,
    /// What it holds, and what each component may do.
    pub topology: Topology,
    /// The users, each with its component in the topology.
    pub users: Vec<BrokerLoginPlan>,
}

/// A user of RabbitMQ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BrokerLoginPlan {
    /// The component whose permissions it has.
    pub component: Name,
    /// Its name and password.
    pub login: LoginPlan,
}

/// An account that a component has on a server: whose it is, where, and which generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// The component.
    pub component: Name,
    /// The server, in fact used: the chosen engine, not the default one.
    pub server: ServerKind,
    /// The generation of its credentials; it decides which login is in use.
    pub generation: u32,
}

/// The accounts that components have when `engine` tells which kind of database each uses.
/// All are of the first generation.
pub fn accounts(engine: impl Fn(Name, ServerKind) -> ServerKind) -> Vec<Account> {
    components()
        .iter()
        .flat_map(|component| {
            component.servers.iter().map(|server| Account {
                component: component.name,
                server: if server.alternatives.is_empty() {
                    server.kind
                } else {
                    engine(component.name, server.kind)
                },
                generation: 1,
            })
        })
        .collect()
}

/// The plan for these accounts. `connection` gives the folder of a server's administrator, or `None`
/// where nothing is to be provisioned (finished accounts, a server without accounts);
/// `password` gives the file with an account's password.
pub fn plan(
    namespace: &str,
    platform: &str,
    accounts: &[Account],
    connection: impl Fn(ServerKind) -> Option<PathBuf>,
    password: impl Fn(&Account) -> PathBuf,
) -> ProvisionPlan {
    let database = |account: &Account| names::database_name(namespace, platform, account.component);
    let login = |account: &Account| LoginPlan {
        name: names::login(&database(account), account.generation),
        password_file: password(account),
    };
    let of = |kind: ServerKind| accounts.iter().filter(move |account| account.server == kind);
    let databases = |kind: ServerKind| {
        let connection = ConnectionFolder(connection(kind)?);
        let databases: Vec<_> = of(kind)
            .map(|account| DatabasePlan {
                name: database(account),
                owner: names::owner_role(&database(account)),
                logins: vec![login(account)],
            })
            .collect();
        (!databases.is_empty()).then_some(DatabasesPlan { connection, databases })
    };
    ProvisionPlan {
        version: PLAN_VERSION,
        platform: format!("{namespace}/{platform}"),
        postgres: databases(ServerKind::Postgres),
        sql_server: databases(ServerKind::SqlServer),
        mongodb: databases(ServerKind::MongoDb),
        redis: connection(ServerKind::Redis).map(|folder| RedisPlan {
            connection: ConnectionFolder(folder),
            users: of(ServerKind::Redis)
                .map(|account| RedisUserPlan {
                    name: names::login(&database(account), account.generation),
                    password_files: vec![password(account)],
                    key_prefix: database(account),
                })
                .collect(),
        }),
        rabbitmq: connection(ServerKind::RabbitMq).map(|folder| RabbitMqPlan {
            connection: ConnectionFolder(folder),
            vhost: names::platform_prefix(namespace, platform),
            topology: topology(),
            users: of(ServerKind::RabbitMq)
                .map(|account| BrokerLoginPlan { component: account.component, login: login(account) })
                .collect(),
        }),
    }
}
