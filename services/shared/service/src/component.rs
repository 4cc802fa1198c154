//! What a component says about itself, and what it is given in return.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use platform_auth::AuthSettings;
use platform_http::server::{Dependency, Readiness};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;

use crate::CommonSettings;

/// Why a component can't start, migrate or seed. Printed once, by [`crate::main`].
pub type StartError = anyhow::Error;

/// Settings that are wrong together, or turn out to be when they are used. [`crate::main`] ends as for any wrong
/// setting: with one line and exit code 2.
#[derive(Debug)]
pub struct WrongSettings(String);

impl WrongSettings {
    /// `text` names the setting.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Display for WrongSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongSettings {}

/// Something that a component's binary does besides what every component's does.
#[derive(Debug, Clone, Copy)]
pub struct Command {
    /// What is typed.
    pub name: &'static str,
    /// What it does, for `--help`.
    pub about: &'static str,
}

/// One component of the platform, as its binary sees it.
pub trait Component: 'static {
    /// The component's name: its crate, its binary and the suffix of its objects in the cluster.
    const NAME: &'static str;
    /// One sentence for `--help`.
    const ABOUT: &'static str;
    /// What its binary does besides serving, migrating and seeding; see [`Component::command`].
    const COMMANDS: &'static [Command] = &[];
    /// Everything it can be told. Each field is documented and read from the environment.
    type Settings: clap::Args + Clone + Send + 'static;

    /// The settings that every component has.
    fn common(settings: &Self::Settings) -> &CommonSettings;

    /// Where the keys of access tokens come from, for a component whose API has callers: its routes are then
    /// surrounded with the check of tokens for the audience [`Component::NAME`]. The default is for components
    /// without such an API, and for those that check tokens in another way.
    fn auth(settings: &Self::Settings) -> Option<&AuthSettings> {
        let _ = settings;
        None
    }

    /// The description of its API, printed by the subcommand `openapi` and served as `/openapi.json`.
    fn openapi() -> OpenApi;

    /// Brings the store's schema up to date. Safe when run twice or at the same time. The default is for
    /// components whose store has no schema.
    fn migrate(settings: Self::Settings) -> impl Future<Output = Result<(), StartError>> {
        async move {
            drop(settings);
            Ok(())
        }
    }

    /// Stores demo data with fixed ids, so that running it again changes nothing. The default has none.
    fn seed(settings: Self::Settings) -> impl Future<Output = Result<(), StartError>> {
        async move {
            drop(settings);
            Ok(())
        }
    }

    /// Runs one of [`Component::COMMANDS`].
    fn command(name: &'static str, settings: Self::Settings) -> impl Future<Output = Result<(), StartError>> {
        async move {
            drop(settings);
            anyhow::bail!("{name} is not there")
        }
    }

    /// Builds the routes. It must not wait for servers: it registers them with [`Runtime::depends_on`] and
    /// answers 503 until they are there.
    fn start(
        settings: Self::Settings,
        runtime: &mut Runtime,
    ) -> impl Future<Output = Result<Router, StartError>>;
}

/// What a starting component registers its dependencies and background tasks with.
pub struct Runtime {
    pub(crate) readiness: Readiness,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: JoinSet<()>,
    pub(crate) api_server: Option<ApiServer>,
}

/// Everything that a component needs to serve its API by itself; see [`Runtime::serve_api`].
pub struct Api {
    /// Where clients connect to.
    pub listener: TcpListener,
    /// The component's routes inside the layers that every component has.
    pub router: Router,
    /// Cancelled when no new connection may be taken.
    pub stop: CancellationToken,
    /// How long running requests get to finish after that.
    pub drain: Duration,
}

pub(crate) type ApiServer = Box<dyn FnOnce(Api) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

impl Runtime {
    pub(crate) fn new() -> Self {
        Self {
            readiness: Readiness::default(),
            stop: CancellationToken::new(),
            tasks: JoinSet::new(),
            api_server: None,
        }
    }

    /// Serves the API by `server` instead of the common one, for a component that needs connections and
    /// threads of its own. Admin listener, telemetry and the order of the drain stay with the runner, which
    /// goes on stopping when `server` returns.
    pub fn serve_api<F, Fut>(&mut self, server: F)
    where
        F: FnOnce(Api) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.api_server = Some(Box::new(|api| Box::pin(server(api))));
    }

    /// Watches a dependency; `/readyz` tells its state.
    pub fn depends_on(&self, dependency: Dependency) {
        self.readiness.watch(dependency, self.stop.clone());
    }

    /// Runs a background task. It is told to stop, after the last request was answered, by the token that it
    /// gets, and is waited for.
    pub fn spawn<F, Fut>(&mut self, task: F)
    where
        F: FnOnce(CancellationToken) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task(self.stop.clone()));
    }
}
