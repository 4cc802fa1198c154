//! The command line, the settings, and the life of the process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use courseplatform_api::CoursePlatform;
use kube::Config;
use platform_components::ServerKind;
use platform_http::server::Readiness;
use platform_telemetry::{MetricsHandle, TelemetrySettings};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::build::build;
use crate::children::Scope;
use crate::dereference::Dereferenced;
use crate::election::{Candidate, Ended, Settings as Election};
use crate::run::{Operator, operate};
use crate::validate::{Defaults, validate};
use crate::{admin, client, metrics};

const NAME: &str = "courseplatform-operator";
/// A renewal of the lease that takes longer is tried again.
const LEASE_CALL_LIMIT: Duration = Duration::from_secs(3);

#[derive(Debug, Parser)]
#[command(name = NAME, version, about = "Turns each CoursePlatform into a running platform")]
struct Program {
    #[command(flatten)]
    telemetry: TelemetrySettings,
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Debug, Args)]
struct Settings {
    /// Where probes and metrics listen.
    #[arg(long, env, default_value = "0.0.0.0:9090")]
    admin_addr: SocketAddr,
    /// The namespace of the lease by which replicas elect a leader.
    #[arg(long, env, default_value = "default", value_parser = platform_config::non_empty)]
    lease_namespace: String,
    /// The name of that lease.
    #[arg(long, env, default_value = NAME, value_parser = platform_config::non_empty)]
    lease_name: String,
    /// The name of this replica; the host's name when absent.
    #[arg(long, env, value_parser = platform_config::non_empty)]
    pod_name: Option<String>,
    /// Registry and path of the platform's images, where a platform doesn't say.
    #[arg(long, env, value_parser = platform_config::non_empty)]
    image_registry: Option<String>,
    /// Version of a new platform that doesn't say; the operator's own when absent.
    #[arg(long, env, value_parser = platform_config::non_empty)]
    platform_version: Option<String>,
    /// The image of managed PostgreSQL servers.
    #[arg(long, env, value_parser = platform_config::non_empty)]
    server_image_postgres: Option<String>,
    /// The image of managed Redis servers.
    #[arg(long, env, value_parser = platform_config::non_empty)]
    server_image_redis: Option<String>,
    /// The image of managed RabbitMQ servers.
    #[arg(long, env, value_parser = platform_config::non_empty)]
    server_image_rabbitmq: Option<String>,
    /// The image of managed MongoDB servers.
    #[arg(long, env, value_parser = platform_config::non_empty)]
    server_image_mongodb: Option<String>,
}

impl Settings {
    fn defaults(&self) -> Defaults {
        let mut defaults = Defaults::default();
        if let Some(registry) = &self.image_registry {
            defaults.registry.clone_from(registry);
        }
        if let Some(version) = &self.platform_version {
            defaults.version.clone_from(version);
        }
        let images = [
            (ServerKind::Postgres, &self.server_image_postgres),
            (ServerKind::Redis, &self.server_image_redis),
            (ServerKind::RabbitMq, &self.server_image_rabbitmq),
            (ServerKind::MongoDb, &self.server_image_mongodb),
        ];
        for (kind, image) in images {
            if let Some(image) = image {
                defaults.server_images.insert(kind, image.clone());
            }
        }
        defaults
    }

    /// Unique also between two lives of one pod.
    fn identity(&self) -> String {
        let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let pod = self.pod_name.clone().unwrap_or_else(|| host().trim().to_owned());
        format!("{pod}-{:08x}", rand::random::<u32>())
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Operate until SIGTERM; also what happens without a subcommand.
    Run,
    /// Print the CustomResourceDefinition.
    Crd,
    /// Print what would be applied for a platform. Secrets are printed as recipes; nothing is asked of
    /// Kubernetes, so what the spec refers to counts as missing.
    Render {
        /// The file with the platform, as YAML.
        #[arg(short, long)]
        filename: PathBuf,
    },
}

/// The program. Exit codes: 0 after SIGTERM, 1 when it failed or lost the lease, 2 when it was called or
/// configured wrongly (one line names the setting).
#[must_use]
pub fn main() -> ExitCode {
    let program = platform_config::parse::<Program>();
    match program.command {
        Some(Command::Crd) => return printed(crd()),
        Some(Command::Render { filename }) => {
            return printed(render(&filename, &program.settings.defaults()));
        }
        Some(Command::Run) | None => {}
    }
    let telemetry = match platform_telemetry::init(NAME, &program.telemetry) {
        Ok(telemetry) => telemetry,
        Err(error) => return fail(&error.to_string(), platform_config::EXIT_CONFIGURATION),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(live(&program.settings, telemetry.metrics.clone()));
            // A pass that hangs must not keep a process alive that has lost its lease.
            runtime.shutdown_timeout(Duration::from_secs(1));
            outcome
        }
        Err(error) => Err(anyhow::Error::new(error).context("can't start the runtime")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the operator ends");
            ExitCode::FAILURE
        }
    }
}

async fn live(settings: &Settings, metrics_handle: MetricsHandle) -> anyhow::Result<()> {
    metrics::describe();
    let stop = stop_on_signal()?;
    let config = Config::infer().await.context("no way to the Kubernetes API")?;
    let client = client::client(config.clone())?;
    let lease_client = client::lease_client(config, LEASE_CALL_LIMIT)?;

    let readiness = Readiness::default();
    let admin_stop = CancellationToken::new();
    readiness.watch(admin::crd_dependency(client.clone()), admin_stop.clone());
    admin::start(settings.admin_addr, readiness.clone(), metrics_handle, admin_stop.clone()).await?;
    readiness.serving();

    let election =
        Election::new(settings.lease_namespace.clone(), settings.lease_name.clone(), settings.identity());
    let operator = Operator {
        client,
        defaults: settings.defaults(),
        scope: Scope::Cluster,
        instance: settings.pod_name.clone(),
    };
    let outcome = lead(Candidate::new(lease_client, election), operator, &stop).await;
    readiness.draining();
    admin_stop.cancel();
    outcome
}

/// Waits for the lease, operates while it is ours, and ends with it.
async fn lead(candidate: Candidate, operator: Operator, stop: &CancellationToken) -> anyhow::Result<()> {
    metrics::leader(false);
    let Some(leadership) = candidate.acquire(stop).await else { return Ok(()) };
    metrics::leader(true);
    // Passes end first; the lease is held until then, so two leaders never write at once.
    let (finish, finished) = (CancellationToken::new(), CancellationToken::new());
    let passes = {
        let (finish, finished) = (finish.clone(), finished.clone());
        tokio::spawn(async move {
            // Also when the passes end by a bug: a lease that nobody works under helps nobody.
            let _finished = finished.drop_guard();
            operate(operator, finish).await;
        })
    };
    let ended = {
        let finish = finish.clone();
        let stop = stop.clone();
        tokio::spawn(async move {
            stop.cancelled().await;
            finish.cancel();
        });
        leadership.hold(&finished).await
    };
    metrics::leader(false);
    match ended {
        Ended::Released => {
            passes.await.context("the passes ended in a bug")?;
            anyhow::ensure!(stop.is_cancelled(), "the passes ended without being asked to");
            Ok(())
        }
        Ended::Lost => {
            passes.abort();
            anyhow::bail!("the lease is lost; another replica leads now")
        }
    }
}

fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("can't wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("can't wait for SIGINT")?;
    let stop = CancellationToken::new();
    let cancel = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("stopping: passes that run are finished");
        cancel.cancel();
    });
    Ok(stop)
}

fn crd() -> anyhow::Result<String> {
    Ok(courseplatform_api::crd_yaml()?)
}

fn render(path: &std::path::Path, defaults: &Defaults) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    let mut platform: CoursePlatform = serde_norway::from_str(&text).context("it is no CoursePlatform")?;
    platform.metadata.namespace.get_or_insert_with(|| "default".to_owned());
    let valid = validate(&platform, &Dereferenced::default(), defaults).map_err(|faults| {
        anyhow::anyhow!(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    let plan = build(&valid);
    let mut documents = Vec::new();
    for secret in &plan.secrets {
        documents.push(format!("# Secret {}, generated once: {:?}\n", secret.name, secret.values.keys()));
    }
    for wanted in &plan.objects {
        documents.push(serde_norway::to_string(&wanted.object)?);
    }
    Ok(documents.join("---\n"))
}

#[allow(clippy::print_stdout, reason = "printing is what these subcommands are for")]
fn printed(text: anyhow::Result<String>) -> ExitCode {
    match text {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(&format!("{error:#}"), 1),
    }
}

#[allow(clippy::print_stderr, reason = "the last words of a program that can't start")]
fn fail(message: &str, code: u8) -> ExitCode {
    eprintln!("{NAME}: {message}");
    ExitCode::from(code)
}
