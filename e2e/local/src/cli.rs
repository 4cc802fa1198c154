//! The commands and what each starts.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::dev::Addresses;
use crate::servers::FixedPorts;
use crate::term::{Colour, paint, say};
use crate::{bench, dev, guard, held, servers};

/// The platform as local processes, and the servers of the tests.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Start PostgreSQL, Redis, RabbitMQ and FerretDB: for one command (`servers -- cargo test`), or until `down`.
    #[command(args_conflicts_with_subcommands = true)]
    Servers(ServersArgs),
    /// Run the whole platform as local processes until Ctrl-C: http://localhost:8080.
    Dev {
        /// Where data, logs and passwords lie. Delete it to begin with empty servers.
        #[arg(long, default_value = ".run/dev")]
        data: PathBuf,
        /// The gateway's port, the only one that can be chosen.
        #[arg(long, env, default_value_t = 8080)]
        port: u16,
    },
    /// Measure the platform that `dev` runs: memory, binaries, starts; prints a Markdown table.
    Bench,
    /// Ends what its parent started when that died. Started by the other commands only.
    #[command(hide = true)]
    Guard,
}

#[derive(Debug, Args)]
struct ServersArgs {
    #[command(subcommand)]
    task: Option<HeldTask>,
    #[command(flatten)]
    what: What,
    /// The command to run; its exit code becomes ours.
    #[arg(last = true)]
    command: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum HeldTask {
    /// Start servers that stay, and print the variables that name them.
    Up(HeldArgs),
    /// End what `up` started.
    Down {
        /// The directory given to `up`.
        #[arg(long, default_value = ".run/servers")]
        data: PathBuf,
    },
    /// Start servers and stay until SIGTERM. Started by `up`.
    #[command(hide = true)]
    Hold(HeldArgs),
}

#[derive(Debug, Args)]
pub(crate) struct HeldArgs {
    /// Where data, logs and passwords lie.
    #[arg(long, default_value = ".run/servers")]
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) what: What,
}

/// What to start beside the four servers, and on which ports. Where no port is given, a free one is taken.
#[derive(Clone, Debug, Args)]
pub(crate) struct What {
    /// Also start kube-apiserver and etcd (TEST_KUBECONFIG).
    #[arg(long)]
    pub(crate) kubernetes: bool,
    /// Port of PostgreSQL.
    #[arg(long)]
    pub(crate) postgres_port: Option<u16>,
    /// Port of Redis.
    #[arg(long)]
    pub(crate) redis_port: Option<u16>,
    /// Port of RabbitMQ (AMQP).
    #[arg(long)]
    pub(crate) amqp_port: Option<u16>,
    /// Port of RabbitMQ's management API.
    #[arg(long)]
    pub(crate) management_port: Option<u16>,
    /// Port of FerretDB.
    #[arg(long)]
    pub(crate) mongodb_port: Option<u16>,
}

impl What {
    pub(crate) fn ports(&self) -> FixedPorts {
        FixedPorts {
            postgres: self.postgres_port,
            redis: self.redis_port,
            amqp: self.amqp_port,
            rabbitmq_management: self.management_port,
            mongodb: self.mongodb_port,
        }
    }

    /// The same as arguments, to start ourselves again with them.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let ports = [
            ("postgres", self.postgres_port),
            ("redis", self.redis_port),
            ("amqp", self.amqp_port),
            ("management", self.management_port),
            ("mongodb", self.mongodb_port),
        ];
        let given = ports.iter().filter_map(|(name, port)| port.map(|p| format!("--{name}-port={p}")));
        given.chain(self.kubernetes.then(|| "--kubernetes".to_owned())).collect()
    }
}

/// Runs a command line to its end.
pub fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Task::Guard => guard::run(std::io::stdin().lock()).map(|()| ExitCode::SUCCESS).map_err(Into::into),
        Task::Dev { data, port } => block_on(dev::run(&data, Addresses { gateway: port })),
        Task::Bench => block_on(bench::run()),
        Task::Servers(ServersArgs { task: Some(task), .. }) => match task {
            HeldTask::Up(args) => held::up(&args),
            HeldTask::Down { data } => held::down(&data),
            HeldTask::Hold(args) => block_on(held::hold(args)),
        },
        Task::Servers(ServersArgs { command, .. }) if command.is_empty() => {
            Err(anyhow::anyhow!("name a command after `--`, or `up` or `down`"))
        }
        Task::Servers(ServersArgs { what, command, .. }) => block_on(servers::around::run(&what, &command)),
    };
    result.unwrap_or_else(|error| {
        say(&format!("{} {error:#}", paint(Colour::Red, "error:")));
        ExitCode::FAILURE
    })
}

/// One thread is enough: it waits for processes.
fn block_on<T>(task: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(task)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_command_after_two_dashes_is_taken_as_it_is() {
        let cli = Cli::parse_from(["x", "servers", "--kubernetes", "--", "cargo", "test", "--", "up"]);
        let Task::Servers(args) = cli.command else { panic!("another task") };
        assert!(args.what.kubernetes && args.task.is_none());
        assert_eq!(args.command, ["cargo", "test", "--", "up"]);
    }

    #[test]
    fn arguments_are_passed_on_as_they_came() {
        let cli = Cli::parse_from(["x", "servers", "up", "--kubernetes", "--amqp-port=20001"]);
        let Task::Servers(ServersArgs { task: Some(HeldTask::Up(args)), .. }) = cli.command else {
            panic!("another task")
        };
        assert_eq!(args.what.arguments(), ["--amqp-port=20001", "--kubernetes"]);
    }
}
