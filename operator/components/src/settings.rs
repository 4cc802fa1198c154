//! What each component is told by environment variables, and where each value comes from.
//! Only the source is known here; whoever runs the component (operator, `make dev`) fills it in.

use crate::{Component, Name, ServerKind};

/// Where the value of a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The address of the API: `0.0.0.0:8080` in the cluster.
    ApiAddress,
    /// The address of probes and metrics: `0.0.0.0:9090` in the cluster.
    AdminAddress,
    /// What a browser sees: scheme, host and port without a trailing slash.
    PublicUrl,
    /// The base URL of another component.
    Peer(Name),
    /// A file with the connection URL of a server; for a database, of the engine in use.
    ServerUrlFile(ServerKind),
    /// Which engine the database has: `postgres` or `sqlserver`.
    DatabaseEngine,
    /// What every key in Redis starts with, including what separates it from the rest, so that
    /// platforms can share a server: `<database name>:`.
    RedisKeyPrefix,
    /// The folder of the photos' volume.
    PhotosFolder,
    /// The file with the gateway's routes.
    RoutesFile,
    /// The file with the keys that encrypt identity's signing keys.
    KeyringFile,
    /// Where identity shows the keys that tokens are checked with, by its internal address.
    JwksUri,
    /// Where identity gives tokens, by its internal address.
    TokenUrl,
    /// The file with the secret by which the component proves who it is when it gets a token, and
    /// nothing else in it. Its `client_id` is its name.
    ClientSecretFile,
    /// The file with every client and scope, which identity reads again while it runs.
    ClientsFile,
    /// The file with the first administrator's e-mail address and password, as JSON.
    FirstAdminFile,
    /// Whether people may make accounts for themselves: `open` or `closed`.
    SignUp,
    /// Whether clients that ask for the password grant have it: `true` or `false`.
    PasswordGrant,
    /// The host of the mail server; not set when there is none, and mails then go to [`Self::MailFolder`].
    SmtpHost,
    /// Its port.
    SmtpPort,
    /// How its connection is protected: `starttls`, `tls` or `none`.
    SmtpTls,
    /// Whom mails come from.
    SmtpFrom,
    /// The file with the user's name there; not set when it asks for none.
    SmtpUsernameFile,
    /// The file with that user's password.
    SmtpPasswordFile,
    /// File with the certificates that the mail server's own is checked against.
    SmtpCaFile,
    /// The folder that mails go to when there is no mail server.
    MailFolder,
    /// Where traces go (OTLP over HTTP); not set when they go nowhere.
    OtlpEndpoint,
    /// How much is logged.
    LogLevel,
    /// `json` in the cluster, `text` on a terminal.
    LogFormat,
    /// The one currency of the platform (ISO 4217).
    Currency,
    /// Networks of the proxies before the gateway, with commas between them; not set when there are none.
    TrustedProxies,
    /// How long to go on serving after SIGTERM, until nobody sends requests any more.
    DrainDelay,
}

/// One environment variable of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The variable's name.
    pub key: &'static str,
    /// Where its value comes from.
    pub source: Source,
}

const COMMON: &[Setting] = &[
    Setting { key: "LISTEN_ADDR", source: Source::ApiAddress },
    Setting { key: "ADMIN_ADDR", source: Source::AdminAddress },
    Setting { key: "PUBLIC_URL", source: Source::PublicUrl },
    Setting { key: "OTLP_ENDPOINT", source: Source::OtlpEndpoint },
    Setting { key: "LOG_LEVEL", source: Source::LogLevel },
    Setting { key: "LOG_FORMAT", source: Source::LogFormat },
    Setting { key: "DRAIN_DELAY_SECONDS", source: Source::DrainDelay },
];

/// The setting with the base URL of a component: `<COMPONENT>_URL`.
const fn peer_key(name: Name) -> &'static str {
    match name {
        Name::Identity => "IDENTITY_URL",
        Name::Catalog => "CATALOG_URL",
        Name::Basket => "BASKET_URL",
        Name::Discount => "DISCOUNT_URL",
        Name::Order => "ORDER_URL",
        Name::Payment => "PAYMENT_URL",
        Name::Photostock => "PHOTOSTOCK_URL",
        Name::Gateway => "GATEWAY_URL",
        Name::Web => "WEB_URL",
    }
}

/// Settings of identity alone, which follow from no other field of its entry.
pub(crate) const IDENTITY: &[Setting] = &[
    Setting { key: "KEYRING_FILE", source: Source::KeyringFile },
    Setting { key: "CLIENTS_FILE", source: Source::ClientsFile },
    Setting { key: "FIRST_ADMIN_FILE", source: Source::FirstAdminFile },
    Setting { key: "SIGN_UP", source: Source::SignUp },
    Setting { key: "PASSWORD_GRANT", source: Source::PasswordGrant },
    Setting { key: "SMTP_HOST", source: Source::SmtpHost },
    Setting { key: "SMTP_PORT", source: Source::SmtpPort },
    Setting { key: "SMTP_TLS", source: Source::SmtpTls },
    Setting { key: "SMTP_FROM", source: Source::SmtpFrom },
    Setting { key: "SMTP_USERNAME_FILE", source: Source::SmtpUsernameFile },
    Setting { key: "SMTP_PASSWORD_FILE", source: Source::SmtpPasswordFile },
    Setting { key: "SMTP_CA_FILE", source: Source::SmtpCaFile },
    Setting { key: "MAIL_DIR", source: Source::MailFolder },
];

/// Everything that follows from an entry of the table, in a fixed order.
pub(crate) fn of(component: &Component) -> Vec<Setting> {
    let mut settings = COMMON.to_vec();
    settings.extend(
        component.calls.iter().map(|edge| Setting { key: peer_key(edge.to), source: Source::Peer(edge.to) }),
    );
    for server in component.servers {
        settings.push(Setting { key: server.kind.url_setting(), source: Source::ServerUrlFile(server.kind) });
        if server.kind == ServerKind::Redis {
            settings.push(Setting { key: "REDIS_KEY_PREFIX", source: Source::RedisKeyPrefix });
        }
    }
    if component.has_engine_choice() {
        settings.push(Setting { key: "DATABASE_ENGINE", source: Source::DatabaseEngine });
    }
    if component.checks_tokens() {
        settings.push(Setting { key: "JWKS_URI", source: Source::JwksUri });
    }
    if component.is_client() {
        settings.push(Setting { key: "TOKEN_URL", source: Source::TokenUrl });
        settings.push(Setting { key: "CLIENT_SECRET_FILE", source: Source::ClientSecretFile });
    }
    if component.volume {
        settings.push(Setting { key: "PHOTOS_DIR", source: Source::PhotosFolder });
    }
    settings.extend_from_slice(component.extra_settings);
    settings
}
