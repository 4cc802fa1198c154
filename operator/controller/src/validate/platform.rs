//! The checked form of a platform: every default filled in, every union an enumeration, every name
//! known to fit. *build* takes nothing else, so it can't fail.

use std::collections::BTreeMap;

use courseplatform_api::{
    AccessMode, DeletionPolicy, EgressSpec, LogLevel, PeerSpec, Plan, PullPolicy, ResourcesSpec, SmtpTls,
    TolerationSpec,
};
use platform_components::{Client, Name, ServerKind};

/// A platform that can be built.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidatedPlatform {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The version to bring it to.
    pub version: String,
    /// The DNS name under which people reach it.
    pub host: String,
    /// The public address without a trailing slash, for example `https://courses.example.com`.
    pub public_url: String,
    /// Its size.
    pub plan: Plan,
    /// Registry and path of our images.
    pub registry: String,
    /// When images are pulled.
    pub pull_policy: PullPolicy,
    /// Secrets with the registry's credentials.
    pub pull_secrets: Vec<String>,
    /// Whether only the status is written.
    pub paused: bool,
    /// Whether the components run with 0 replicas.
    pub stopped: bool,
    /// Whether demo data is brought in.
    pub demo_data: bool,
    /// The currency.
    pub currency: String,
    /// What happens to the data on deletion.
    pub deletion_policy: DeletionPolicy,
    /// The servers in use.
    pub servers: BTreeMap<ServerKind, Server>,
    /// All nine components.
    pub components: BTreeMap<Name, ValidatedComponent>,
    /// Where pods may run.
    pub scheduling: Scheduling,
    /// The photos' volume.
    pub photos: PhotosVolume,
    /// How requests reach the gateway.
    pub exposure: Exposure,
    /// Networks of the proxies before the gateway.
    pub trusted_proxies: Vec<String>,
    /// Who may talk to whom; `None` when no policies are wanted.
    pub network_policy: Option<NetworkPolicy>,
    /// Where traces go.
    pub otlp_endpoint: Option<String>,
    /// How much is logged.
    pub log_level: LogLevel,
    /// The first administrator's e-mail address.
    pub admin_email: String,
    /// The Secret with the first administrator's password; one is generated when `None`.
    pub admin_password_secret: Option<String>,
    /// Whether people may make accounts for themselves.
    pub sign_up: bool,
    /// Whether clients that ask for the password grant have it.
    pub password_grant: bool,
    /// OAuth clients beside the platform's own components, without their secrets.
    pub clients: Vec<Client>,
    /// By client, the hashes of its valid secrets, where its Secret is there.
    pub client_secrets: BTreeMap<String, Vec<String>>,
    /// The mail server.
    pub smtp: Option<Smtp>,
}

impl ValidatedPlatform {
    /// Whether volumes and generated Secrets outlive the platform.
    #[must_use]
    pub fn keeps_data(&self) -> bool {
        self.deletion_policy == DeletionPolicy::Retain
    }
}

/// A mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smtp {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// Whom mails come from.
    pub from: String,
    /// The Secret with the keys `username` and `password`, when the server asks for them.
    pub account: Option<String>,
    /// The Secret with the key `ca.crt`, when the server's certificate is checked against others than the well-known.
    pub authorities: Option<String>,
}

/// A server in use.
#[derive(Clone, Debug, PartialEq)]
pub enum Server {
    /// Run by the operator.
    Managed(ManagedServer),
    /// Somebody else's.
    External(ExternalServer),
}

/// A server that the operator runs.
#[derive(Clone, Debug, PartialEq)]
pub struct ManagedServer {
    /// Its image.
    pub image: String,
    /// The size of its volume.
    pub storage_size: String,
    /// The StorageClass of its volume; the cluster's default when `None`.
    pub storage_class: Option<String>,
    /// What it may use.
    pub resources: ResourcesSpec,
    /// Lines of its configuration.
    pub config: BTreeMap<String, String>,
}

/// Somebody else's server.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalServer {
    /// How components come by their accounts.
    pub accounts: ExternalAccounts,
    /// Where its addresses are; anywhere when empty.
    pub egress: Vec<EgressSpec>,
    /// The ports that clients use, for the NetworkPolicies.
    pub port: u16,
}

/// How components come by their accounts on an external server.
#[derive(Clone, Debug, PartialEq)]
pub enum ExternalAccounts {
    /// The provisioning Job makes them, as the administrator in this Secret.
    Provisioned {
        /// The Secret with the administrator's connection.
        secret: String,
        /// Where components connect to.
        address: Address,
        /// RabbitMQ: the port of the management API, for the NetworkPolicy of the Job.
        management_port: Option<u16>,
    },
    /// The server knows no accounts (FerretDB on a trusted network): only the address is used.
    Open(Address),
    /// They are finished: by component, the Secret with the key `uri`.
    Finished(BTreeMap<Name, String>),
}

/// Where a server is and how to speak to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The scheme of its URLs.
    pub scheme: String,
    /// Host and port; for MongoDB possibly several, with commas between them.
    pub hosts: String,
    /// The port, for the NetworkPolicies.
    pub port: u16,
    /// The parameters of its URLs, such as `sslmode=verify-full`.
    pub parameters: String,
}

/// A component as it is to run.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidatedComponent {
    /// Its image.
    pub image: String,
    /// How many pods, before `stopped`.
    pub replicas: i32,
    /// What it may use.
    pub resources: ResourcesSpec,
    /// Environment variables beside those of the table.
    pub env: BTreeMap<String, String>,
    /// The servers that it uses: the chosen engine in place of the default one.
    pub servers: Vec<ServerKind>,
}

/// Where pods may run.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheduling {
    /// Labels that a node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that are tolerated.
    pub tolerations: Vec<TolerationSpec>,
    /// The PriorityClass.
    pub priority_class: Option<String>,
    /// Whether replicas prefer different nodes.
    pub spread: bool,
}

/// The photos' volume.
#[derive(Clone, Debug, PartialEq)]
pub struct PhotosVolume {
    /// Its size.
    pub size: String,
    /// Its StorageClass; the cluster's default when `None`.
    pub storage_class: Option<String>,
    /// How it can be mounted.
    pub access_mode: AccessMode,
}

/// How requests from outside reach the gateway.
#[derive(Clone, Debug, PartialEq)]
pub enum Exposure {
    /// Not by us: a ClusterIP Service is all there is.
    ClusterIp,
    /// A port on every node; Kubernetes chooses it when `None`.
    NodePort(Option<u16>),
    /// An Ingress.
    Ingress {
        /// Its class; the cluster's default when `None`.
        class: Option<String>,
        /// Its annotations.
        annotations: BTreeMap<String, String>,
    },
}

/// Who may talk to the platform from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkPolicy {
    /// Who may read metrics; nobody when empty.
    pub metrics_from: Vec<PeerSpec>,
    /// Who may reach the gateway; anybody when empty.
    pub gateway_from: Vec<PeerSpec>,
}
