//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use platform_components::provision::{ConnectionFolder, ProvisionPlan};
use platform_messaging::Broker;
use platform_messaging::dead_letters::{DeadLetters, Which};
use platform_telemetry::TelemetrySettings;
use uuid::Uuid;

use crate::connection::Connection;
use crate::{dead_letters, provision};

const NAME: &str = "courseplatform-admin";

#[derive(Debug, Parser)]
#[command(name = NAME, version, about = "Provisions a platform's servers and looks after dead letters")]
struct Program {
    #[command(flatten)]
    telemetry: TelemetrySettings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make what a plan wants on the servers: databases, accounts, exchanges, queues. Can be repeated.
    Provision(ProvisionArguments),
    /// Messages that no consumer could handle.
    DeadLetters(DeadLetterArguments),
}

#[derive(Debug, Args)]
struct ProvisionArguments {
    /// The plan, as JSON.
    #[arg(long, env)]
    plan_file: PathBuf,
    /// How long to wait for a server that doesn't answer yet, in seconds.
    #[arg(long, env, default_value = "120", value_parser = platform_config::seconds)]
    wait_seconds: Duration,
}

#[derive(Debug, Args)]
struct DeadLetterArguments {
    /// The folder with the broker's connection: `host`, `port`, `username`, `password`, or one `uri`.
    #[arg(long, env, global = true, default_value = "/run/secrets/rabbitmq")]
    connection: PathBuf,
    /// The platform's virtual host.
    #[arg(long, env, global = true, default_value = "/")]
    vhost: String,
    #[command(subcommand)]
    action: DeadLetterAction,
}

#[derive(Debug, Subcommand)]
enum DeadLetterAction {
    /// List the queues with their numbers of dead letters.
    List,
    /// Show dead letters of a queue without taking them.
    Show {
        /// The queue whose dead letters are meant, such as `basket.courses`.
        queue: String,
        /// How many at most.
        #[arg(long, default_value_t = 10)]
        limit: usize,
    },
    /// Give dead letters back to their queue.
    Replay {
        /// The queue whose dead letters are meant.
        queue: String,
        /// Only the message with this id.
        #[arg(long, conflicts_with = "limit")]
        id: Option<Uuid>,
        /// How many at most, oldest first.
        #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
        limit: usize,
    },
}

/// The program. Exit codes: 0 done, 1 failed, 2 wrongly called (one line says what is wrong).
#[must_use]
pub fn main() -> ExitCode {
    let program = Program::parse();
    let telemetry = match platform_telemetry::init(NAME, &program.telemetry) {
        Ok(telemetry) => telemetry,
        Err(error) => return wrong(&error.to_string()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(program.command)),
        Err(error) => Err(anyhow::Error::new(error).context("can't start the runtime")),
    };
    drop(telemetry);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "failed");
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stderr, reason = "the last words of a program that can't start")]
fn wrong(message: &str) -> ExitCode {
    eprintln!("{NAME}: {message}");
    ExitCode::from(platform_config::EXIT_CONFIGURATION)
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Provision(arguments) => {
            let plan = read_plan(&arguments.plan_file)?;
            provision::provision(&plan, arguments.wait_seconds).await?;
            tracing::info!(platform = plan.platform, "everything that the plan wants is there");
            Ok(())
        }
        Command::DeadLetters(arguments) => dead_letters(arguments).await,
    }
}

fn read_plan(path: &Path) -> anyhow::Result<ProvisionPlan> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("PLAN_FILE: can't read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("PLAN_FILE: {} is no plan", path.display()))
}

#[allow(clippy::print_stdout, reason = "the answer to the command")]
async fn dead_letters(arguments: DeadLetterArguments) -> anyhow::Result<()> {
    let connection = Connection::read(&ConnectionFolder(arguments.connection))?;
    let broker = Broker::new(dead_letters::address(&connection, &arguments.vhost), NAME);
    let letters = DeadLetters::new(broker.clone());
    let outcome = match arguments.action {
        DeadLetterAction::List => list(&letters).await,
        DeadLetterAction::Show { queue, limit } => show(&letters, &queue, limit).await,
        DeadLetterAction::Replay { queue, id, limit } => {
            dead_letters::known(&queue)?;
            let which = id.map_or(Which::Oldest(limit), Which::Id);
            letters.replay(&queue, which).await.map(|replayed| println!("{replayed}")).map_err(Into::into)
        }
    };
    broker.close().await;
    outcome
}

#[allow(clippy::print_stdout, reason = "the answer to the command")]
async fn list(letters: &DeadLetters) -> anyhow::Result<()> {
    for queue in dead_letters::queues() {
        println!("{queue}\t{}", letters.count(queue).await?);
    }
    Ok(())
}

#[allow(clippy::print_stdout, reason = "the answer to the command")]
async fn show(letters: &DeadLetters, queue: &str, limit: usize) -> anyhow::Result<()> {
    dead_letters::known(queue)?;
    for letter in letters.list(queue, limit).await? {
        println!("{}", dead_letters::shown(&letter));
    }
    Ok(())
}
