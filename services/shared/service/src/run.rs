//! Subcommands, start and stop.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::http::header;
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{CommandFactory, FromArgMatches, ValueEnum};
use platform_auth::{AuthSettings, Authenticator, KeyFetcher, Keys};
use platform_http::Keep;
use platform_http::server::{admin_router, bind, serve, with_layers};
use platform_telemetry::MetricsHandle;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::CommonSettings;
use crate::component::{Api, Component, Runtime, StartError, WrongSettings};

/// Background tasks get this long to finish what they hold once the last request is answered.
const TASKS_TIMEOUT: Duration = Duration::from_secs(10);
/// How often samples of histograms are summed up.
const METRICS_INTERVAL: Duration = Duration::from_secs(5);
/// Requests share one runtime; a component waits for the network far more than it computes. On one core a second
/// thread would only take turns with the first.
const MOST_WORKER_THREADS: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Subcommand {
    /// Serve requests until SIGTERM.
    Serve,
    /// Bring the store's schema up to date and exit.
    Migrate,
    /// Store demo data with fixed ids and exit.
    Seed,
    /// Print the API's OpenAPI document and exit; needs no settings.
    Openapi,
}

#[derive(Debug, clap::Args)]
struct Arguments<S: clap::Args> {
    /// What to do.
    #[arg(default_value = "serve")]
    command: String,
    #[command(flatten)]
    settings: S,
}

/// What a component's binary can be told to do.
#[derive(Debug, Clone, Copy)]
enum ToDo {
    Common(Subcommand),
    /// One of [`Component::COMMANDS`].
    Own(&'static str),
}

impl ToDo {
    fn parse<C: Component>(command: &str) -> Option<Self> {
        let own = C::COMMANDS.iter().find(|own| own.name == command).map(|own| Self::Own(own.name));
        own.or_else(|| <Subcommand as ValueEnum>::from_str(command, false).ok().map(Self::Common))
    }

    fn possible<C: Component>() -> Vec<PossibleValue> {
        let common = Subcommand::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        common.chain(C::COMMANDS.iter().map(|own| PossibleValue::new(own.name).help(own.about))).collect()
    }
}

/// The whole life of a component's process. Exit codes: 0 after a drain, 1 when it failed, 2 when its
/// configuration is wrong (then one line names the key).
#[must_use]
pub fn main<C: Component>() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("openapi") {
        return print_openapi::<C>();
    }
    let Program { command, settings } = platform_config::parse::<Program<C>>();
    let common = C::common(&settings);
    let telemetry = match platform_telemetry::init(C::NAME, &common.telemetry) {
        Ok(telemetry) => telemetry,
        Err(error) => return fail(C::NAME, &error, platform_config::EXIT_CONFIGURATION),
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(worker_threads()).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(perform::<C>(command, settings, telemetry.metrics.clone())),
        Err(error) => Err(anyhow::Error::new(error).context("can't start the runtime")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<WrongSettings>() => {
            fail(C::NAME, error.as_ref(), platform_config::EXIT_CONFIGURATION)
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "{} failed", C::NAME);
            ExitCode::FAILURE
        }
    }
}

fn worker_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST_WORKER_THREADS))
}

#[allow(clippy::print_stderr, reason = "the last words of a process that can't start")]
fn fail(name: &str, error: &dyn std::error::Error, code: u8) -> ExitCode {
    eprintln!("{name}: {error}");
    ExitCode::from(code)
}

#[allow(clippy::print_stdout, reason = "printing is what this subcommand is for")]
fn print_openapi<C: Component>() -> ExitCode {
    match C::openapi().to_pretty_json() {
        Ok(document) => {
            println!("{document}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(C::NAME, &error, 1),
    }
}

async fn perform<C: Component>(
    command: ToDo,
    settings: C::Settings,
    metrics: MetricsHandle,
) -> Result<(), StartError> {
    let command = match command {
        ToDo::Common(command) => command,
        ToDo::Own(name) => return C::command(name, settings).await.context(name),
    };
    match command {
        Subcommand::Migrate => C::migrate(settings).await.context("migration failed"),
        Subcommand::Seed => C::seed(settings).await.context("storing demo data failed"),
        Subcommand::Openapi => Ok(()), // handled before the settings were parsed
        Subcommand::Serve => {
            let mut terminate = signal(SignalKind::terminate()).context("can't wait for SIGTERM")?;
            let mut interrupt = signal(SignalKind::interrupt()).context("can't wait for SIGINT")?;
            let listeners = Listeners::bind::<C>(&settings).await?;
            let stop = async move {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            };
            live::<C>(settings, listeners, metrics, stop).await
        }
    }
}

struct Listeners {
    api: TcpListener,
    admin: TcpListener,
}

impl Listeners {
    async fn bind<C: Component>(settings: &C::Settings) -> Result<Self, StartError> {
        let server = &C::common(settings).server;
        Ok(Self {
            api: bind("LISTEN_ADDR", server.listen_addr).await?,
            admin: bind("ADMIN_ADDR", server.admin_addr).await?,
        })
    }
}

/// Serves until `stop`, then drains: not ready → serve on for the drain delay, one request a connection → close the
/// listener → finish requests → stop background tasks.
async fn live<C: Component>(
    settings: C::Settings,
    listeners: Listeners,
    metrics: MetricsHandle,
    stop: impl Future<Output = ()>,
) -> Result<(), StartError> {
    let common = C::common(&settings).clone();
    let mut runtime = Runtime::new();
    let admin_stop = CancellationToken::new();
    runtime.spawn({
        let metrics = metrics.clone();
        move |stop| keep_metrics_small(metrics, stop)
    });
    let admin = admin_router(runtime.readiness.clone(), metrics);
    let admin = tokio::spawn(serve(listeners.admin, admin, admin_stop.clone(), Duration::from_secs(1)));

    let authenticator = match C::auth(&settings) {
        Some(auth) => Some(authenticator::<C>(auth, &common, &mut runtime)?),
        None => None,
    };
    let routes = C::start(settings, &mut runtime).await?.merge(openapi_route::<C>());
    let routes = match authenticator {
        Some(authenticator) => authenticator.protect(routes),
        None => routes,
    };
    let draining = CancellationToken::new();
    let router = with_layers(routes, &common.server, &draining);
    let api_stop = CancellationToken::new();
    let drain = common.server.drain_timeout_seconds;
    let api =
        Api { listener: listeners.api, router, draining: draining.clone(), stop: api_stop.clone(), drain };
    let api = match runtime.api_server.take() {
        Some(server) => tokio::spawn(server(api)),
        None => tokio::spawn(serve(api.listener, api.router, api.stop, api.drain)),
    };
    runtime.readiness.serving();
    tracing::info!(address = %common.server.listen_addr, "serving");

    stop.await;
    tracing::info!("stopping: not ready, finishing what runs");
    runtime.readiness.draining();
    draining.cancel();
    tokio::time::sleep(common.server.drain_delay_seconds).await;
    api_stop.cancel();
    api.await.context("the server failed")?;
    runtime.stop.cancel();
    let finished = async { while runtime.tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(TASKS_TIMEOUT, finished).await.is_err() {
        tracing::warn!("background tasks were still running; what they held is taken up at the next start");
    }
    admin_stop.cancel();
    admin.await.context("the admin server failed")?;
    tracing::info!("stopped");
    Ok(())
}

/// Checks the tokens of a component's callers, with keys that are kept fresh in the background.
fn authenticator<C: Component>(
    auth: &AuthSettings,
    common: &CommonSettings,
    runtime: &mut Runtime,
) -> Result<Authenticator, StartError> {
    let keys = Keys::default();
    let fetcher = KeyFetcher::new(keys.clone(), &auth.jwks_uri)?;
    runtime.depends_on(keys.dependency());
    runtime.spawn(|stop| fetcher.run(stop));
    Ok(Authenticator::new(common.issuer(), C::NAME, keys))
}

/// The recorder keeps every sample of a histogram until it is told to sum them up. A scrape does that; where
/// nobody scrapes, this does.
async fn keep_metrics_small(metrics: MetricsHandle, stop: CancellationToken) {
    while tokio::time::timeout(METRICS_INTERVAL, stop.cancelled()).await.is_err() {
        metrics.upkeep();
    }
}

fn openapi_route<C: Component>() -> Router {
    let document = || async { ([(header::CACHE_CONTROL, Keep::Release.value())], axum::Json(C::openapi())) };
    Router::new().route("/openapi.json", axum::routing::get(document))
}

struct Program<C: Component> {
    command: ToDo,
    settings: C::Settings,
}

impl<C: Component> CommandFactory for Program<C> {
    fn command() -> clap::Command {
        let command = clap::Command::new(C::NAME).about(C::ABOUT).version(env!("CARGO_PKG_VERSION"));
        let possible = PossibleValuesParser::new(ToDo::possible::<C>());
        <Arguments<C::Settings> as clap::Args>::augment_args(command)
            .mut_arg("command", |command| command.value_parser(possible))
    }

    fn command_for_update() -> clap::Command {
        Self::command()
    }
}

impl<C: Component> FromArgMatches for Program<C> {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        let Arguments { command, settings } = Arguments::from_arg_matches(matches)?;
        // One of the possible values.
        let command = ToDo::parse::<C>(&command).unwrap_or(ToDo::Common(Subcommand::Openapi));
        Ok(Self { command, settings })
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// A component running in the test's own process, on ports of its own. Dropping it tells it to stop.
pub struct TestComponent {
    /// Where its API listens.
    pub api: SocketAddr,
    /// Where its probes and metrics listen.
    pub admin: SocketAddr,
    stop: CancellationToken,
    task: Option<tokio::task::JoinHandle<Result<(), StartError>>>,
}

impl TestComponent {
    /// The address of `path` on the API.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.api)
    }

    /// The address of `path` on the admin listener.
    #[must_use]
    pub fn admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin)
    }

    /// Stops it as SIGTERM would and waits for the end.
    ///
    /// # Errors
    /// What the component failed with.
    pub async fn stop(mut self) -> Result<(), StartError> {
        self.stop.cancel();
        match self.task.take() {
            Some(task) => task.await?,
            None => Ok(()),
        }
    }
}

impl Drop for TestComponent {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Starts a component from its environment's `settings` (pairs of key and value, nothing else is read) in
/// this process, on free ports of the loopback interface, with PUBLIC_URL on localhost.
///
/// # Errors
/// When the settings are wrong or the component can't start.
pub async fn spawn_for_test<C>(settings: &[(&str, &str)]) -> Result<TestComponent, StartError>
where
    C: Component,
    C::Settings: Sync,
{
    let settings = settings_for_test::<C>(settings)?;
    let listeners = Listeners::bind::<C>(&settings).await?;
    let (api, admin) = (listeners.api.local_addr()?, listeners.admin.local_addr()?);
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    // A thread of its own: a component's futures need not be `Send`, as in its own process.
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name(C::NAME.to_owned()).spawn(move || {
        let outcome = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(worker_threads())
            .enable_all()
            .build()
            .map_err(StartError::from)
            .and_then(|runtime| {
                let listeners = runtime.block_on(async { Listeners::rebind(listeners) })?;
                runtime.block_on(live::<C>(settings, listeners, MetricsHandle::detached(), stopped))
            });
        drop(sender.send(outcome));
    })?;
    let task = tokio::spawn(async move { receiver.await? });
    Ok(TestComponent { api, admin, stop, task: Some(task) })
}

/// Brings a component's store up to date, with settings as for [`spawn_for_test`].
///
/// # Errors
/// When the settings are wrong or the store refuses.
pub async fn migrate_for_test<C: Component>(settings: &[(&str, &str)]) -> Result<(), StartError> {
    C::migrate(settings_for_test::<C>(settings)?).await
}

fn settings_for_test<C: Component>(settings: &[(&str, &str)]) -> Result<C::Settings, StartError> {
    let mut arguments = vec![C::NAME.to_owned()];
    let defaults = [
        ("PUBLIC_URL", "http://localhost:8080"),
        ("LISTEN_ADDR", "127.0.0.1:0"),
        ("ADMIN_ADDR", "127.0.0.1:0"),
    ];
    let given = |key: &str| settings.iter().any(|(given, _)| *given == key);
    for (key, value) in defaults.iter().filter(|(key, _)| !given(key)).chain(settings) {
        arguments.push(format!("--{}={value}", key.to_ascii_lowercase().replace('_', "-")));
    }
    let Program { settings, .. } = platform_config::parse_from::<Program<C>, _, _>(arguments)
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    Ok(settings)
}

impl Listeners {
    /// Moves the listeners to the current runtime.
    fn rebind(self) -> Result<Self, StartError> {
        let rebind = |listener: TcpListener| TcpListener::from_std(listener.into_std()?);
        Ok(Self { api: rebind(self.api)?, admin: rebind(self.admin)? })
    }
}
