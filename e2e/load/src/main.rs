//! Load on an OpenID Connect provider: one kind of request, some connections, some seconds, one line of JSON.
//!
//! It knows nothing of whose provider it is: addresses, client and user are told, so that ours and others are
//! asked the same questions by the same program. It sends to loopback addresses only and stops by itself.

mod connection;
mod hashing;
mod work;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use serde_json::json;

use connection::Connection;
use hashing::Cost;
use work::{Kind, Target, Worker};

/// A run never takes longer.
const LONGEST: u64 = 600;

/// Asks a provider as often as it answers.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// What to ask.
    #[arg(value_enum)]
    kind: Kind,
    /// Connections at the same time; each asks anew when it has its answer.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// Seconds that count.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    seconds: u64,
    /// Seconds before, which don't.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=LONGEST))]
    warm_up: u64,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    cost: Cost,
}

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "the answer to the command")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // One thread: the load has one core, and the provider the other.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.context("can't start").and_then(|runtime| runtime.block_on(run(&arguments)));
    match outcome {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("courseplatform-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> anyhow::Result<serde_json::Value> {
    if arguments.kind == Kind::Hash {
        let times = arguments.cost.measure(Duration::from_secs(arguments.seconds))?;
        return Ok(summary(times, 0, arguments.seconds));
    }
    let address = arguments.target.address()?;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..arguments.connections {
        let connection = Connection::open(address).await?;
        let worker = Worker::prepare(arguments.kind, &arguments.target, connection, number).await?;
        let (warm_up, seconds) = (arguments.warm_up, arguments.seconds);
        tasks.spawn(measure(worker, Duration::from_secs(warm_up), Duration::from_secs(seconds)));
    }
    let mut times = Vec::new();
    let mut failures = 0_u64;
    while let Some(outcome) = tasks.join_next().await {
        let measured = outcome.context("a connection's task ended")??;
        times.extend(measured.times);
        failures += measured.failures;
    }
    Ok(summary(times, failures, arguments.seconds))
}

fn summary(mut times: Vec<Duration>, failures: u64, seconds: u64) -> serde_json::Value {
    times.sort_unstable();
    let at =
        |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
    let count = u32::try_from(times.len()).map_or(f64::MAX, f64::from);
    let per_second = count / Duration::from_secs(seconds).as_secs_f64();
    json!({
        "per_second": per_second.round(),
        "failures": failures,
        "p50_ms": (at(50) * 1e3).round() / 1e3,
        "p99_ms": (at(99) * 1e3).round() / 1e3,
    })
}

struct Measured {
    times: Vec<Duration>,
    failures: u64,
}

async fn measure(mut worker: Worker, warm_up: Duration, length: Duration) -> anyhow::Result<Measured> {
    let from = Instant::now() + warm_up;
    let until = from + length;
    let mut measured = Measured { times: Vec::new(), failures: 0 };
    loop {
        let begun = Instant::now();
        if begun >= until {
            return Ok(measured);
        }
        let succeeded = worker.ask().await?;
        if begun >= from {
            if succeeded {
                measured.times.push(begun.elapsed());
            } else {
                measured.failures += 1;
            }
        }
    }
}
