//! What the identity service can be told.

use platform_service::CommonSettings;
use platform_service::amqp::AmqpSettings;
use platform_service::postgres::DatabaseSettings;
use platform_service::sqlserver::EngineSettings;

use crate::accounts::FirstAdminFile;
use crate::clients::ClientsPath;
use crate::keys::KeyringFile;
use crate::mail::MailSettings;
use crate::second_factor::RequiredFor;
use crate::tokens::TokenSettings;

/// Settings of the identity service.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// What every component is told.
    #[command(flatten)]
    pub common: CommonSettings,
    /// The service's own database.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// Which engine that database runs on.
    #[command(flatten)]
    pub engine: EngineSettings,
    /// File with the keys that encrypt the signing keys, as JSON:
    /// {"current": "<key id>", "keys": {"<key id>": "<32 random bytes in base64url without padding>"}}.
    /// The current one encrypts; every one decrypts. Without the right one the service is not ready.
    #[arg(long, env)]
    pub keyring_file: KeyringFile,
    /// File with the clients and scopes, as JSON; read again when it changes. Without it there are no clients.
    #[arg(long, env)]
    pub clients_file: Option<ClientsPath>,
    /// How long everything lives that clients are given.
    #[command(flatten)]
    pub tokens: TokenSettings,
    /// The broker, for events of accounts.
    #[command(flatten)]
    pub amqp: AmqpSettings,
    /// Who may have an account, and for how long somebody stays signed in.
    #[command(flatten)]
    pub accounts: AccountSettings,
    /// How passwords are kept.
    #[command(flatten)]
    pub passwords: PasswordSettings,
    /// What becomes of those who fail often.
    #[command(flatten)]
    pub limits: LimitSettings,
    /// How mails leave.
    #[command(flatten)]
    pub mail: MailSettings,
}

/// Whether people may sign up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SignUp {
    /// Anybody may.
    Open,
    /// Nobody may.
    Closed,
}

/// Settings of accounts and sessions.
#[derive(Clone, Debug, clap::Args)]
pub struct AccountSettings {
    /// Whether people may sign up.
    #[arg(long, env, default_value = "open")]
    pub sign_up: SignUp,

    /// File with the first administrator's account, as JSON: {"email": "…", "password": "…"}. It is made at
    /// start unless there is or was an administrator; a password that was changed since stays.
    #[arg(long, env)]
    pub first_admin_file: Option<FirstAdminFile>,

    /// Whether buying and teaching demand a verified e-mail address; yes with SMTP_HOST, else no.
    #[arg(long, env)]
    pub require_verified_email: Option<bool>,

    /// Of whom a second factor is demanded. Whoever has none sets it up at the next sign-in, before anything is given;
    /// sessions that are there already go on. Everybody else may have one.
    #[arg(long, env, default_value = "none")]
    pub second_factor_required_for: RequiredFor,

    /// Days after which somebody has to sign in again.
    #[arg(long, env, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=365))]
    pub session_days: u32,
}

/// Settings of Argon2id.
#[derive(Clone, Debug, clap::Args)]
pub struct PasswordSettings {
    /// Memory for one hash in KiB. When it rises, passwords are hashed anew at the next sign-in. Below 7168,
    /// which wants 5 passes already, stolen hashes are guessed too fast: for tests only.
    #[arg(long, env, default_value_t = 19_456, value_parser = clap::value_parser!(u32).range(8..=1_048_576))]
    pub argon2_memory_kib: u32,

    /// Passes over that memory.
    #[arg(long, env, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub argon2_iterations: u32,

    /// Lanes in that memory.
    #[arg(long, env, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub argon2_parallelism: u32,

    /// Memory for all hashes at the same time in MiB, at least one hash, and never more hashes than there are
    /// cores; the others wait up to 5 s, then they are answered 503.
    #[arg(long, env, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub password_memory_mib: u32,
}

/// Settings of the throttle.
#[derive(Clone, Debug, clap::Args)]
pub struct LimitSettings {
    /// Failures to sign in to an account that cost no wait. From a browser that its owner used before, only
    /// that browser's failures count.
    #[arg(long, env, default_value_t = 5, value_parser = clap::value_parser!(i32).range(0..=1000))]
    pub sign_in_free_failures: i32,

    /// The same for all accounts together, from one network address.
    #[arg(long, env, default_value_t = 50, value_parser = clap::value_parser!(i32).range(0..=100_000))]
    pub sign_in_free_failures_by_address: i32,

    /// Seconds to wait after the first failure beyond; it doubles with each further one.
    #[arg(long, env, default_value_t = 2, value_parser = clap::value_parser!(i32).range(1..=3600))]
    pub sign_in_first_delay_seconds: i32,

    /// Seconds to wait at most.
    #[arg(long, env, default_value_t = 900, value_parser = clap::value_parser!(i32).range(1..=86_400))]
    pub sign_in_longest_delay_seconds: i32,

    /// Seconds after the last failure until failures are forgotten.
    #[arg(long, env, default_value_t = 86_400, value_parser = clap::value_parser!(u32).range(1..=2_592_000))]
    pub sign_in_forget_seconds: u32,

    /// Requests an hour that make accounts or mails, from one network address (mails also to one account),
    /// until further ones have to wait.
    #[arg(long, env, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=100_000))]
    pub requests_free: i32,
}
