//! Identity: the OpenID Connect provider of the platform.
//!
//! Owns accounts, clients and the keys that sign tokens. It serves its discovery documents and its JWKS; a
//! discovery document names only what is served. Private keys never leave the process in clear, and a
//! keyring that does not fit makes the service not ready, never a new key.

mod accounts;
mod authorize;
mod capability;
mod clients;
mod consents;
mod cookies;
mod discovery;
mod grants;
mod introspection;
mod keys;
mod language;
mod logout;
mod mail;
mod oauth;
mod pages;
mod protocol;
mod revocation;
mod screens;
mod second_factor;
mod sessions;
mod settings;
mod throttle;
mod tokens;
mod upkeep;
mod userinfo;

use std::sync::Arc;

use axum::Router;
use platform_auth::{AccessTokenScheme, Authenticator};
use platform_messaging::outbox::postgres::PostgresOutbox;
use platform_messaging::outbox::sqlserver::SqlServerOutbox;
use platform_messaging::{Relay, RelayWaker};
use platform_service::sqlserver::{self, Engine, Migration};
use platform_service::{Command, CommonSettings, Component, Runtime, StartError, amqp, postgres};
use time::Duration;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

pub use accounts::FirstAdminFile;
use accounts::{AccountStore, Accounts, Hasher, PostgresAccounts, Rules, SignIn, SqlServerAccounts, Words};
use clients::Clients;
pub use clients::ClientsPath;
use consents::{ConsentStore, Consents, PostgresConsents, SqlServerConsents};
use cookies::Jar;
use grants::{GrantStore, PostgresGrants, SqlServerGrants};
pub use keys::KeyringFile;
use keys::{KeyStore, Occasion, PostgresKeys, SqlServerKeys};
pub use mail::MailSettings;
use mail::{Lifetimes, MailStore, Post, PostgresMails, Sender, SqlServerMails};
use pages::Pages;
pub use second_factor::RequiredFor;
use second_factor::{PostgresSecondFactors, SecondFactorStore, SecondFactors, SqlServerSecondFactors};
use sessions::{PostgresSessions, SessionStore, Sessions, SqlServerSessions};
pub use settings::Settings;
use throttle::{PostgresThrottle, SqlServerThrottle, Throttle, ThrottleStore};
pub use tokens::TokenSettings;

/// Where the gateway publishes this service, unchanged: the issuer is the public address and this.
const PUBLIC_PREFIX: &str = "/identity";

static POSTGRES_MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");

const SQLSERVER_MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../migrations/sqlserver/0001_signing_keys.sql") },
    Migration { version: 2, sql: include_str!("../migrations/sqlserver/0002_accounts.sql") },
    Migration { version: 3, sql: include_str!("../migrations/sqlserver/0003_messaging.sql") },
    Migration { version: 4, sql: include_str!("../migrations/sqlserver/0004_grants.sql") },
    Migration { version: 5, sql: include_str!("../migrations/sqlserver/0005_updated_at.sql") },
    Migration { version: 6, sql: include_str!("../migrations/sqlserver/0006_second_factors.sql") },
    Migration { version: 7, sql: include_str!("../migrations/sqlserver/0007_recovery_code_used.sql") },
];

const ROTATE_KEYS: Command = Command {
    name: "rotate-keys",
    about: "Make the next signing key now; it signs a day later, and the old one is trusted until its last token \
            has expired",
};
const REPLACE_KEYS: Command = Command {
    name: "replace-keys",
    about: "Replace all signing keys, when somebody else may know them: the new one signs in 90 seconds, and what \
            the others signed is refused from then on",
};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Identity", description = "The OpenID Connect provider of the course platform."),
    servers((url = "/")),
    modifiers(&AccessTokenScheme),
    tags(
        (name = "discovery", description = "What the provider offers, and the keys that its tokens are checked with"),
        (name = "protocol", description = "OAuth 2.0 and OpenID Connect"),
        (name = "account", description = "One's own account"),
        (name = "users", description = "Everybody's accounts, for administrators"),
    )
)]
struct Document;

/// The identity component.
pub struct Identity;

impl Component for Identity {
    const NAME: &'static str = "identity";
    const ABOUT: &'static str = "The OpenID Connect provider";
    const COMMANDS: &'static [Command] = &[ROTATE_KEYS, REPLACE_KEYS];
    type Settings = Settings;

    fn common(settings: &Settings) -> &CommonSettings {
        &settings.common
    }

    fn openapi() -> OpenApi {
        let mut document = Document::openapi();
        protocol::describe(&mut document);
        document.merge(accounts::routes().into_openapi());
        document
    }

    async fn migrate(settings: Settings) -> Result<(), StartError> {
        match settings.engine.database_engine {
            Engine::Postgres => {
                postgres::migrate(&postgres::pool(&settings.database, Self::NAME)?, &POSTGRES_MIGRATIONS)
                    .await
            }
            Engine::Sqlserver => {
                sqlserver::migrate(&sqlserver::pool(&settings.database, Self::NAME)?, SQLSERVER_MIGRATIONS)
                    .await
            }
        }
    }

    async fn command(name: &'static str, settings: Settings) -> Result<(), StartError> {
        let occasion = if name == REPLACE_KEYS.name { Occasion::Emergency } else { Occasion::Command };
        let store: Arc<dyn KeyStore> = match settings.engine.database_engine {
            Engine::Postgres => Arc::new(PostgresKeys::new(postgres::pool(&settings.database, Self::NAME)?)),
            Engine::Sqlserver => {
                Arc::new(SqlServerKeys::new(sqlserver::pool(&settings.database, Self::NAME)?))
            }
        };
        protocol::rotate(&settings, store, occasion).await
    }

    async fn start(settings: Settings, runtime: &mut Runtime) -> Result<Router, StartError> {
        let stores = Stores::open(&settings, runtime)?;
        let clients = protocol::clients(&settings, runtime);
        let (keys, grants) = (Arc::clone(&stores.keys), Arc::clone(&stores.grants));
        let accounts = Arc::clone(&stores.accounts);
        let people = People::new(&settings, stores, clients.clone(), runtime)?;
        let parts = protocol::Parts { keys, grants, accounts, people: &people };
        let (protocol, trusted, states) = protocol::start(&settings, clients.clone(), parts, runtime);
        let public = |path: &str| settings.common.server.public(PUBLIC_PREFIX, path);
        let own = accounts::State::new(
            people.accounts.clone(),
            people.sessions.clone(),
            people.consents.clone(),
            people.second_factors.clone(),
            public,
        );
        let forms =
            pages::State::new(&people).with_redirect_origin(move |path| clients.redirect_origin(path));
        // What comes here has not been exchanged: the gateway passes these paths as they are.
        let authenticator = Authenticator::new(settings.common.issuer(), "gateway", trusted);
        let api = accounts::refuse_ended(Router::from(accounts::routes().with_state(own)), states);
        let api = authenticator.protect(api);
        Ok(protocol.merge(api).merge(pages::routes(forms)))
    }
}

/// Everything that is about people: accounts, sessions, passwords, pages.
pub(crate) struct People {
    pub(crate) accounts: Accounts,
    pub(crate) sessions: Sessions,
    pub(crate) consents: Consents,
    pub(crate) sign_in: SignIn,
    pub(crate) second_factors: SecondFactors,
    pub(crate) throttle: Throttle,
    pub(crate) pages: Pages,
}

impl People {
    fn new(
        settings: &Settings,
        stores: Stores,
        clients: Clients,
        runtime: &mut Runtime,
    ) -> Result<Self, StartError> {
        let public_url = &settings.common.server.public_url;
        let host = public_url.host_str().unwrap_or("localhost");
        let post = Post::new(settings.mail.clone(), host);
        let rules = Rules {
            sign_up_open: settings.accounts.sign_up == settings::SignUp::Open,
            mail_reaches_people: post.reaches_people(),
            verified_email_required: settings
                .accounts
                .require_verified_email
                .unwrap_or(post.reaches_people()),
            second_factor: settings.accounts.second_factor_required_for,
            words: Words::of_platform(host),
        };
        let lifetimes = Lifetimes {
            reset: Duration::minutes(i64::from(settings.mail.reset_link_minutes)),
            verify: Duration::hours(i64::from(settings.mail.verify_link_hours)),
        };
        let base = settings.common.server.public(PUBLIC_PREFIX, "");
        let sender = Sender::new(Arc::clone(&stores.mails), post, base, lifetimes);
        let wakers = (stores.relay.clone(), sender.waker());
        runtime.spawn(|stop| sender.run(stop));

        let hasher = Hasher::new(&settings.passwords)?;
        let throttle = Throttle::new(stores.throttle, &settings.limits);
        let accounts = Accounts::new(
            Arc::clone(&stores.accounts),
            Arc::clone(&stores.mails),
            hasher.clone(),
            throttle.clone(),
            rules,
            wakers,
        );
        let jar = Jar { https: public_url.scheme() == "https" };
        let lifetime = Duration::days(i64::from(settings.accounts.session_days));
        let sessions = Sessions::new(stores.sessions, stores.accounts, jar, lifetime);
        let consents = Consents::new(stores.consents, clients);
        let sign_in = SignIn::new(accounts.clone(), hasher, throttle.clone());
        let second_factors = SecondFactors::new(
            stores.second_factors,
            accounts.clone(),
            throttle.clone(),
            settings.keyring_file.clone(),
        );
        let first = settings.accounts.first_admin_file.clone();
        let swept = (throttle.clone(), second_factors.clone());
        let upkeep = upkeep::Upkeep::new(accounts.clone(), sessions.clone(), swept, stores.mails, first);
        runtime.spawn(|stop| upkeep.run(stop));
        let pages = Pages::new(public_url, jar);
        Ok(Self { accounts, sessions, consents, sign_in, second_factors, throttle, pages })
    }
}

/// Everything that is kept, on the engine that was chosen.
struct Stores {
    keys: Arc<dyn KeyStore>,
    grants: Arc<dyn GrantStore>,
    accounts: Arc<dyn AccountStore>,
    sessions: Arc<dyn SessionStore>,
    consents: Arc<dyn ConsentStore>,
    mails: Arc<dyn MailStore>,
    throttle: Arc<dyn ThrottleStore>,
    second_factors: Arc<dyn SecondFactorStore>,
    relay: RelayWaker,
}

impl Stores {
    fn open(settings: &Settings, runtime: &mut Runtime) -> Result<Self, StartError> {
        let broker = amqp::broker(&settings.amqp, Identity::NAME);
        match settings.engine.database_engine {
            Engine::Postgres => {
                let pool = postgres::pool(&settings.database, Identity::NAME)?;
                runtime.depends_on(postgres::dependency(&pool));
                let relay = Relay::new(PostgresOutbox::new(pool.clone()), broker);
                let waker = relay.waker();
                runtime.depends_on(amqp::dependency(&relay.health()));
                runtime.spawn(|stop| relay.run(stop));
                Ok(Self {
                    keys: Arc::new(PostgresKeys::new(pool.clone())),
                    grants: Arc::new(PostgresGrants::new(pool.clone())),
                    accounts: Arc::new(PostgresAccounts::new(pool.clone())),
                    sessions: Arc::new(PostgresSessions::new(pool.clone())),
                    consents: Arc::new(PostgresConsents::new(pool.clone())),
                    mails: Arc::new(PostgresMails::new(pool.clone())),
                    throttle: Arc::new(PostgresThrottle::new(pool.clone())),
                    second_factors: Arc::new(PostgresSecondFactors::new(pool)),
                    relay: waker,
                })
            }
            Engine::Sqlserver => {
                let pool = sqlserver::pool(&settings.database, Identity::NAME)?;
                runtime.depends_on(sqlserver::dependency(&pool));
                let outbox = SqlServerOutbox::connect(settings.database.database_url_file.clone())?;
                let relay = Relay::new(outbox, broker);
                let waker = relay.waker();
                runtime.depends_on(amqp::dependency(&relay.health()));
                runtime.spawn(|stop| relay.run(stop));
                Ok(Self {
                    keys: Arc::new(SqlServerKeys::new(pool.clone())),
                    grants: Arc::new(SqlServerGrants::new(pool.clone())),
                    accounts: Arc::new(SqlServerAccounts::new(pool.clone())),
                    sessions: Arc::new(SqlServerSessions::new(pool.clone())),
                    consents: Arc::new(SqlServerConsents::new(pool.clone())),
                    mails: Arc::new(SqlServerMails::new(pool.clone())),
                    throttle: Arc::new(SqlServerThrottle::new(pool.clone())),
                    second_factors: Arc::new(SqlServerSecondFactors::new(pool)),
                    relay: waker,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_messaging_are_taken_over_unchanged() {
        assert_eq!(
            include_str!("../migrations/postgres/0003_messaging.sql"),
            platform_messaging::POSTGRES_MIGRATION
        );
        assert_eq!(SQLSERVER_MIGRATIONS[2].sql, platform_messaging::SQLSERVER_MIGRATION);
    }
}
