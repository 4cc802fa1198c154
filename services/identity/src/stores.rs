//! Everything that is kept, on the engine that the settings choose.

use std::sync::Arc;

use platform_messaging::outbox::postgres::PostgresOutbox;
use platform_messaging::outbox::sqlserver::SqlServerOutbox;
use platform_messaging::{Relay, RelayWaker};
use platform_service::sqlserver::{self, Engine};
use platform_service::{Component as _, Runtime, StartError, amqp, postgres};

use crate::Identity;
use crate::accounts::{AccountStore, PostgresAccounts, SqlServerAccounts};
use crate::consents::{ConsentStore, PostgresConsents, SqlServerConsents};
use crate::grants::{GrantStore, PostgresGrants, SqlServerGrants};
use crate::keys::{KeyStore, PostgresKeys, SqlServerKeys};
use crate::mail::{MailStore, PostgresMails, SqlServerMails};
use crate::second_factor::{PostgresSecondFactors, SecondFactorStore, SqlServerSecondFactors};
use crate::sessions::{PostgresSessions, SessionStore, SqlServerSessions};
use crate::settings::Settings;
use crate::throttle::{PostgresThrottle, SqlServerThrottle, ThrottleStore};

/// Everything that is kept, on the engine that was chosen.
pub(crate) struct Stores {
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) grants: Arc<dyn GrantStore>,
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) sessions: Arc<dyn SessionStore>,
    pub(crate) consents: Arc<dyn ConsentStore>,
    pub(crate) mails: Arc<dyn MailStore>,
    pub(crate) throttle: Arc<dyn ThrottleStore>,
    pub(crate) second_factors: Arc<dyn SecondFactorStore>,
    pub(crate) relay: RelayWaker,
}

impl Stores {
    /// Registers the database and the broker, and starts the relay between them.
    pub(crate) fn open(settings: &Settings, runtime: &mut Runtime) -> Result<Self, StartError> {
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
