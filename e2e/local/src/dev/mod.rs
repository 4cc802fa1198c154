//! `make dev`: the nine components as local processes over real servers, as the operator would run them.
//! What each needs comes from the `components` crate; nothing here knows a component by name but for the
//! order of the output.

mod addresses;
mod files;
mod settings;
mod supervisor;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::future::{join_all, try_join_all};
use platform_components::{ADMIN_PROGRAM, Component, components};
use rustix::process::Signal;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::guard::Guard;
use crate::held::DataDir;
use crate::process::{Output, Process, tail};
use crate::servers::{Durability, FixedPorts, Plan, Servers, taken};
use crate::term::{Colour, paint, say};
use crate::user;
pub(crate) use addresses::Addresses;
use files::Files;
use supervisor::Supervised;

/// The fixed ports of the servers (DESIGN §3).
const PORTS: FixedPorts = FixedPorts {
    postgres: Some(15432),
    redis: Some(16379),
    amqp: Some(15672),
    rabbitmq_management: Some(25672),
    mongodb: Some(17017),
};
/// How long components may take until they are ready.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a component may take to drain.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Runs the platform until Ctrl-C or SIGTERM.
pub(crate) async fn run(data: &Path, addresses: Addresses) -> anyhow::Result<ExitCode> {
    let begun = Instant::now();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let binaries = binaries()?;
    let dir = DataDir::lock(data, "`make dev`")?;
    let guard = dir.guard()?;
    let _ = std::fs::remove_file(run_env(&dir));
    ports_are_free(addresses)?;

    let mut platform = Platform { addresses, binaries, dir, guard, servers: None, components: Vec::new() };
    let outcome = tokio::select! {
        outcome = platform.start(begun) => outcome.map(|()| true),
        _ = interrupt.recv() => Ok(false),
        _ = terminate.recv() => Ok(false),
    };
    let outcome = match outcome {
        Ok(true) => tokio::select! {
            failure = platform.watch() => failure,
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
        },
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    say(&paint(Colour::Grey, "ending …"));
    platform.stop().await;
    outcome.map(|()| ExitCode::SUCCESS)
}

/// The file that tells other programs where the platform runs: `.run/env` beside `.run/dev`.
fn run_env(dir: &DataDir) -> PathBuf {
    dir.path().parent().unwrap_or(dir.path()).join("env")
}

/// The folder of the built programs: the one that this program lies in.
fn binaries() -> anyhow::Result<PathBuf> {
    let me = std::env::current_exe().context("find this program")?;
    let dir = me.parent().context("find this program's folder")?.to_owned();
    let programs = components().iter().map(|c| c.name.as_str()).chain([ADMIN_PROGRAM]);
    let missing: Vec<&str> = programs.filter(|p| !dir.join(p).is_file()).collect();
    if !missing.is_empty() {
        bail!(
            "not built: {} (in {}); `cargo build --workspace --bins` builds them",
            missing.join(", "),
            dir.display()
        );
    }
    Ok(dir)
}

/// All ports at once, so that one error names everything that is in the way.
fn ports_are_free(addresses: Addresses) -> anyhow::Result<()> {
    let servers = [
        ("postgres", PORTS.postgres),
        ("redis", PORTS.redis),
        ("rabbitmq", PORTS.amqp),
        ("rabbitmq", PORTS.rabbitmq_management),
        ("ferretdb", PORTS.mongodb),
    ];
    let servers = servers.into_iter().filter_map(|(name, port)| Some((name, port?)));
    let ours = components()
        .iter()
        .flat_map(|c| [addresses.api(c), addresses.admin(c)].map(|p| (c.name.as_str(), p)));
    let taken: Vec<String> =
        servers.chain(ours).filter_map(|(name, port)| taken(name, port)).map(|e| e.to_string()).collect();
    if taken.is_empty() { Ok(()) } else { bail!("{}", taken.join("\n       ")) }
}

/// Everything that runs.
struct Platform {
    addresses: Addresses,
    binaries: PathBuf,
    dir: DataDir,
    guard: Guard,
    servers: Option<Servers>,
    components: Vec<Supervised>,
}

impl Platform {
    async fn start(&mut self, begun: Instant) -> anyhow::Result<()> {
        let plan = Plan {
            data: self.dir.path().to_owned(),
            durability: Durability::Kept,
            ports: PORTS,
            password: self.dir.password()?,
            kubernetes: false,
        };
        progress(begun, "starting PostgreSQL, Redis, RabbitMQ and FerretDB");
        let servers = self.servers.insert(Servers::start(&plan, &self.guard).await?);
        progress(begun, &format!("servers are ready: {}", servers.times()));
        let files = Files::write(self.dir.path(), servers, self.addresses).context("write the settings")?;

        progress(begun, "provisioning databases, accounts and queues");
        self.once(ADMIN_PROGRAM, "provision", &[("PLAN_FILE", files.plan().display().to_string())], &files)
            .await?;

        progress(begun, "migrating");
        let migrating = components().iter().filter(|c| c.migrates);
        try_join_all(migrating.map(|c| self.component_once(c, "migrate", &files))).await?;

        progress(begun, "starting the components");
        for component in components() {
            let environment = settings::of(component, &files);
            let program = self.binaries.join(component.name.as_str());
            self.components.push(Supervised::start(
                component.name.as_str(),
                program,
                environment,
                &self.guard,
            )?);
        }
        let seeding = try_join_all(
            components().iter().filter(|c| c.seeds).map(|c| self.component_once(c, "seed", &files)),
        );
        let ready = self.all_ready(begun);
        tokio::try_join!(async { seeding.await.map(drop) }, ready)?;

        let address = self.addresses.public_url();
        let env = format!(
            "BASE_URL={address}\nADMIN_EMAIL={}\nADMIN_PASSWORD={}\nNAMESPACE=\nKUBECONFIG=\n",
            files::ADMIN_EMAIL,
            files.admin_password()
        );
        user::write_private(&run_env(&self.dir), &env).context("write .run/env")?;
        progress(begun, &paint(Colour::Green, &format!("ready: {address}")));
        say(&format!("  API descriptions  {address}/services/catalog/openapi.json and so on"));
        say(&format!(
            "  RabbitMQ          http://127.0.0.1:25672 (user admin, password in {}/password)",
            self.dir.path().display()
        ));
        say("  Ctrl-C ends everything");
        Ok(())
    }

    /// Runs one of a component's subcommands to its end.
    async fn component_once(
        &self,
        component: &Component,
        subcommand: &str,
        files: &Files,
    ) -> anyhow::Result<()> {
        self.once(component.name.as_str(), subcommand, &settings::of(component, files), files).await
    }

    async fn once(
        &self,
        program: &str,
        subcommand: &str,
        environment: &[(&str, String)],
        files: &Files,
    ) -> anyhow::Result<()> {
        let log = files.log(&format!("{program}-{subcommand}"));
        let _ = std::fs::remove_file(&log);
        let mut command = Command::new(self.binaries.join(program));
        command.arg(subcommand);
        settings::apply(&mut command, environment);
        let what = format!("{program} {subcommand}");
        let mut process =
            Process::spawn(command, Output::File(&log), Signal::TERM, &self.guard).context(what.clone())?;
        let status = process.wait().await.context(what.clone())?;
        self.guard.forget(process.group())?;
        if !status.success() {
            bail!("{what} failed ({status})\n{}", tail(&log, 20));
        }
        Ok(())
    }

    /// Waits until every component says that it is ready, and says of each when it was.
    async fn all_ready(&self, begun: Instant) -> anyhow::Result<()> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        let deadline = Instant::now() + READY_WITHIN;
        let waiting = self.components.iter().zip(components()).map(|(process, component)| {
            let http = http.clone();
            async move {
                let url = format!("http://127.0.0.1:{}/readyz", self.addresses.admin(component));
                loop {
                    let last = match http.get(&url).send().await {
                        Ok(answer) if answer.status().is_success() => {
                            progress(begun, &format!("{} is ready", component.name));
                            return Ok(());
                        }
                        Ok(answer) => answer.text().await.unwrap_or_default(),
                        Err(error) if error.is_connect() => "it does not listen yet".to_owned(),
                        Err(error) => error.to_string(),
                    };
                    if process.failed_to_start() {
                        bail!("{} ended while it started; see its lines above", component.name);
                    }
                    if Instant::now() > deadline {
                        bail!("{} was not ready within {} s: {last}", component.name, READY_WITHIN.as_secs());
                    }
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
            }
        });
        try_join_all(waiting).await.map(drop)
    }

    /// Waits for the end of a server, which nothing here starts again.
    async fn watch(&mut self) -> anyhow::Result<()> {
        loop {
            if let Some(servers) = &mut self.servers
                && let Some((name, status)) = servers.ended()?
            {
                bail!(
                    "{name} ended by itself ({status}); its log is {}/{name}.log",
                    self.dir.path().display()
                );
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Ends the components, then their servers.
    async fn stop(self) {
        let _ = std::fs::remove_file(run_env(&self.dir));
        join_all(self.components.into_iter().map(|c| c.stop(STOP_WITHIN))).await;
        if let Some(servers) = self.servers {
            servers.stop().await;
        }
    }
}

fn progress(begun: Instant, what: &str) {
    let time = paint(Colour::Grey, &format!("{:5.1} s", begun.elapsed().as_secs_f64()));
    say(&format!("{time}  {what}"));
}
