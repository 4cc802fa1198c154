//! RabbitMQ with its management plugin: own node name, cookie, name daemon (epmd) and directories, so
//! that it never meets another broker of this machine.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use tokio::process::Command;

use super::{Context, Durability, Running, ServerError, Tried, ready, until_ready};
use crate::process::{Output, Process, program};
use crate::user;

const NAME: &str = "rabbitmq";

/// The ports of one broker.
#[derive(Clone, Copy)]
pub(super) struct RabbitPorts {
    pub(super) amqp: u16,
    pub(super) management: u16,
    pub(super) epmd: u16,
    pub(super) distribution: u16,
}

pub(super) async fn start(context: &Context<'_>, ports: RabbitPorts) -> Result<Running, ServerError> {
    let missing = |program| ServerError::Missing {
        server: NAME,
        program,
        remedy: "install it with `apt-get install rabbitmq-server`",
    };
    // The script in /usr/sbin insists on being root or rabbitmq; the one below does not.
    let server = program(&["/usr/lib/rabbitmq/bin/rabbitmq-server"]).ok_or(missing("rabbitmq-server"))?;
    let epmd = program(&["/usr/bin/epmd"]).ok_or(missing("epmd"))?;
    let dir = context.directory(NAME)?;
    let log = context.log(NAME);
    write_configuration(context, &dir, ports).tried(NAME, "write its configuration")?;

    // Our own name daemon, in the foreground: the one that Erlang starts by itself would outlive us.
    let mut names = Command::new(epmd);
    names.args(["-port", &ports.epmd.to_string(), "-address", "127.0.0.1"]).current_dir("/");
    let mut names =
        Process::spawn(names, Output::File(&log), Signal::TERM, context.guard).tried(NAME, "start epmd")?;
    until_ready(NAME, &mut names, &log, || ready::accepts(ports.epmd)).await?;

    let mut command = Command::new(server);
    command
        .env_clear()
        .env("PATH", "/usr/lib/erlang/bin:/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", &dir)
        .env("ERL_EPMD_PORT", ports.epmd.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
        .env("RABBITMQ_NODENAME", "courseplatform@localhost")
        .env("RABBITMQ_MNESIA_BASE", dir.join("mnesia"))
        .env("RABBITMQ_LOG_BASE", dir.join("log"))
        .env("RABBITMQ_LOGS", "-")
        .env("RABBITMQ_GENERATED_CONFIG_DIR", dir.join("generated"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", dir.join("enabled_plugins"))
        .env("RABBITMQ_CONFIG_FILE", dir.join("rabbitmq.conf"))
        .env("RABBITMQ_ADVANCED_CONFIG_FILE", dir.join("advanced.config"))
        .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
        // Makes the script replace itself by the server, so that signals reach it and one process is saved.
        .env("RUNNING_UNDER_SYSTEMD", "true")
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
        .current_dir(&dir);
    let signal = if context.plan.durability == Durability::Kept { Signal::TERM } else { Signal::KILL };
    let mut process =
        Process::spawn(command, Output::File(&log), signal, context.guard).tried(NAME, "start it")?;
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(2))
        .no_proxy()
        .build()
        .map_err(std::io::Error::other)
        .tried(NAME, "make an HTTP client")?;
    let password = &context.plan.password;
    let management = format!("http://admin:{password}@127.0.0.1:{}", ports.management);
    let vhosts = format!("http://127.0.0.1:{}/api/vhosts", ports.management);
    until_ready(NAME, &mut process, &log, || async {
        // AMQP answers the protocol header with a method frame (type 1) on channel 0.
        ready::answers(ports.amqp, b"AMQP\x00\x00\x09\x01", b"\x01\x00\x00").await
            && http
                .get(&vhosts)
                .basic_auth("admin", Some(password))
                .send()
                .await
                .is_ok_and(|r| r.status().is_success())
    })
    .await?;
    let amqp = format!("amqp://admin:{password}@127.0.0.1:{}/%2f", ports.amqp);
    Ok(Running {
        name: NAME,
        processes: vec![names, process],
        env: vec![("TEST_AMQP_URL", amqp), ("TEST_RABBITMQ_MANAGEMENT_URL", management)],
    })
}

fn write_configuration(context: &Context<'_>, dir: &Path, ports: RabbitPorts) -> std::io::Result<()> {
    let RabbitPorts { amqp, management, .. } = ports;
    // Queue counts are refreshed each second in tests, which wait for them; 5 s is the default.
    let interval = if context.plan.durability == Durability::Throwaway { 1000 } else { 5000 };
    user::write_private(
        &dir.join("rabbitmq.conf"),
        &format!(
            "listeners.tcp.1 = 127.0.0.1:{amqp}\n\
             management.tcp.ip = 127.0.0.1\n\
             management.tcp.port = {management}\n\
             collect_statistics_interval = {interval}\n\
             default_user = admin\n\
             default_pass = {}\n\
             disk_free_limit.absolute = 50MB\n\
             log.file = false\n\
             log.console = true\n\
             log.console.level = warning\n",
            context.plan.password
        ),
    )?;
    fs::write(dir.join("advanced.config"), "[].\n")?;
    fs::write(dir.join("enabled_plugins"), "[rabbitmq_management].\n")?;
    let cookie = dir.join(".erlang.cookie");
    if !cookie.exists() {
        user::write_private(&cookie, &super::random_password())?;
    }
    Ok(())
}
