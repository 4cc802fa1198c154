//! The servers behind the platform: started together, ready before anything uses them, ended together.

pub(crate) mod around;
mod ferretdb;
mod kubernetes;
mod postgres;
mod rabbitmq;
mod ready;
mod redis;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::{LocalBoxFuture, join_all};
use futures::stream::FuturesUnordered;
use rand::RngExt;
use thiserror::Error;

use crate::guard::Guard;
use crate::ports::{self, Ports};
use crate::process::{Process, tail};

/// How long one server may take until it answers. RabbitMQ's first start on a busy machine with two cores
/// takes about 20 seconds.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// How long a server may take to end in good order.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Why a server could not be started.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The program is not installed.
    #[error("{server} is not installed: no {program} found; {remedy}")]
    Missing {
        /// The server.
        server: &'static str,
        /// The program looked for.
        program: &'static str,
        /// What installs it.
        remedy: &'static str,
    },
    /// The port is taken.
    #[error("port {port} for {server} is taken{by}")]
    PortTaken {
        /// The server.
        server: &'static str,
        /// The port.
        port: u16,
        /// Who listens there, when it can be seen: ` by name (pid 1)`.
        by: String,
    },
    /// It ended, or did not answer in time.
    #[error("{server} {what}; its log {log} ends with\n{tail}", log = .log.display())]
    NotReady {
        /// The server.
        server: &'static str,
        /// What happened.
        what: String,
        /// Its log file.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// A file or process could not be made.
    #[error("{server}: {what}: {source}")]
    Io {
        /// The server.
        server: &'static str,
        /// What was tried.
        what: String,
        /// The system's answer.
        source: io::Error,
    },
}

/// Says who has a port that is wanted, or nothing when it is free.
pub(crate) fn taken(server: &'static str, port: u16) -> Option<ServerError> {
    if ports::is_free(port) {
        return None;
    }
    let by = ports::listener(port).map_or(String::new(), |who| format!(" by {who}"));
    Some(ServerError::PortTaken { server, port, by })
}

/// Adds the server and what was tried to a system error.
trait Tried<T> {
    fn tried(self, server: &'static str, what: impl Into<String>) -> Result<T, ServerError>;
}

impl<T> Tried<T> for io::Result<T> {
    fn tried(self, server: &'static str, what: impl Into<String>) -> Result<T, ServerError> {
        self.map_err(|source| ServerError::Io { server, what: what.into(), source })
    }
}

/// Whether the data matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Tests: nothing is synced to disk, and servers are ended at once.
    Throwaway,
    /// `make dev`: as in production.
    Kept,
}

/// The ports to listen on; a free one is taken where none is given.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "the fields are the servers")]
pub struct FixedPorts {
    pub postgres: Option<u16>,
    pub redis: Option<u16>,
    pub amqp: Option<u16>,
    pub rabbitmq_management: Option<u16>,
    pub mongodb: Option<u16>,
}

/// What to start, and where.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Everything that the servers write lies below this directory.
    pub data: PathBuf,
    /// Whether the data matters.
    pub durability: Durability,
    /// Ports that are given.
    pub ports: FixedPorts,
    /// The password of every server's administrator.
    pub password: String,
    /// Whether to start kube-apiserver and etcd too.
    pub kubernetes: bool,
}

/// What one server's module needs to start it.
struct Context<'a> {
    plan: &'a Plan,
    guard: &'a Guard,
}

impl Context<'_> {
    /// This server's own directory, made when it is not there.
    fn directory(&self, server: &'static str) -> Result<PathBuf, ServerError> {
        let dir = self.plan.data.join(server);
        std::fs::create_dir_all(&dir).tried(server, format!("make {}", dir.display()))?;
        Ok(dir)
    }

    fn log(&self, server: &'static str) -> PathBuf {
        self.plan.data.join(format!("{server}.log"))
    }
}

/// A server that answers.
struct Running {
    name: &'static str,
    processes: Vec<Process>,
    /// Variables that tell a test where it is.
    env: Vec<(&'static str, String)>,
}

/// The running servers.
pub struct Servers {
    running: Vec<Running>,
    /// How long each took, in the order of becoming ready.
    times: Vec<String>,
}

impl std::fmt::Debug for Servers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.running.iter().map(|r| r.name)).finish()
    }
}

impl Servers {
    /// Starts all servers at the same time and waits until each answers.
    ///
    /// # Errors
    /// The first server's failure.
    pub(crate) async fn start(plan: &Plan, guard: &Guard) -> Result<Self, ServerError> {
        let mut ports = Ports::default();
        let mut port = |server, wanted: Option<u16>| match wanted {
            Some(port) => taken(server, port).map_or(Ok(port), Err),
            None => ports.free().ok_or_else(|| io::Error::other("none is free")).tried(server, "find a port"),
        };
        let given = plan.ports;
        let postgres = port("postgres", given.postgres)?;
        let redis = port("redis", given.redis)?;
        let mongodb = port("ferretdb", given.mongodb)?;
        let rabbit = rabbitmq::RabbitPorts {
            amqp: port("rabbitmq", given.amqp)?,
            management: port("rabbitmq", given.rabbitmq_management)?,
            epmd: port("rabbitmq", None)?,
            distribution: port("rabbitmq", None)?,
        };
        let context = Context { plan, guard };
        // The kind of future differs by server, so they are boxed to wait for all of them alike.
        let mut starts: FuturesUnordered<LocalBoxFuture<'_, Result<Running, ServerError>>> =
            FuturesUnordered::new();
        starts.push(Box::pin(rabbitmq::start(&context, rabbit)));
        starts.push(Box::pin(postgres::start(&context, postgres)));
        starts.push(Box::pin(redis::start(&context, redis)));
        starts.push(Box::pin(ferretdb::start(&context, mongodb)));
        if plan.kubernetes {
            starts.push(Box::pin(kubernetes::start(&context)));
        }
        let begun = Instant::now();
        let mut servers = Self { running: Vec::new(), times: Vec::new() };
        while let Some(result) = starts.next().await {
            match result {
                Ok(running) => {
                    servers.times.push(format!("{} {:.1} s", running.name, begun.elapsed().as_secs_f64()));
                    servers.running.push(running);
                }
                Err(error) => {
                    // Those that are still starting are ended by the guard as soon as we are gone.
                    drop(starts);
                    servers.stop().await;
                    return Err(error);
                }
            }
        }
        Ok(servers)
    }

    /// The variables that tell a test where the servers are.
    pub fn env(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.running.iter().flat_map(|r| &r.env).map(|(k, v)| (*k, v.as_str()))
    }

    /// The value of one of [`Self::env`].
    pub fn url(&self, key: &str) -> Option<&str> {
        self.env().find_map(|(k, v)| (k == key).then_some(v))
    }

    /// How long each server took to answer, for people.
    pub(crate) fn times(&self) -> String {
        self.times.join(", ")
    }

    /// The name of the first server that ended by itself, with the way it ended.
    pub(crate) fn ended(&mut self) -> io::Result<Option<(&'static str, std::process::ExitStatus)>> {
        for server in &mut self.running {
            for process in &mut server.processes {
                if let Some(status) = process.exited()? {
                    return Ok(Some((server.name, status)));
                }
            }
        }
        Ok(None)
    }

    /// Ends all servers at the same time.
    pub(crate) async fn stop(self) {
        join_all(self.running.into_iter().map(|server| async {
            // In the reverse of the order of starting: a helper outlives what it helps.
            for process in server.processes.into_iter().rev() {
                process.stop(STOP_WITHIN).await;
            }
        }))
        .await;
    }
}

/// A password of 128 random bits.
pub(crate) fn random_password() -> String {
    hex::encode(rand::rng().random::<[u8; 16]>())
}

/// Waits until `answers` holds, the process ends or the time is over.
async fn until_ready<F>(
    server: &'static str,
    process: &mut Process,
    log: &Path,
    mut answers: impl FnMut() -> F,
) -> Result<(), ServerError>
where
    F: Future<Output = bool>,
{
    let not_ready =
        |what: String| ServerError::NotReady { server, what, log: log.to_owned(), tail: tail(log, 20) };
    let deadline = tokio::time::Instant::now() + READY_WITHIN;
    loop {
        if let Some(status) = process.exited().tried(server, "wait for it")? {
            return Err(not_ready(format!("ended while it started ({status})")));
        }
        // A server that accepts and then says nothing must not stop the clock.
        if tokio::time::timeout(Duration::from_secs(2), answers()).await.unwrap_or(false) {
            return Ok(());
        }
        if tokio::time::Instant::now() > deadline {
            return Err(not_ready(format!("did not answer within {} s", READY_WITHIN.as_secs())));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
